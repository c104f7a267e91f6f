"""Writing a batch of events in one transaction."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, func, insert, select, update
from sqlalchemy.orm import Session

from luigiviz.store.attempts import Attempt, continues
from luigiviz.store.events import PENDING, RUNNING, HistoryEvent
from luigiviz.store.mysql import exactly
from luigiviz.store.schema import TaskEvent, TaskParameter, TaskRecord
from luigiviz.store.text import HOST_LENGTH, NAME_LENGTH, TASK_ID_LENGTH, fit, fit_value

#: How many tasks' latest records are remembered; others are looked up.
REMEMBERED_TASKS = 50_000
#: Most values of an ``IN`` list; old SQLite versions take no more than 999 parameters.
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class _Entry:
    """An event in the form in which it is stored."""

    task_id: str
    family: str
    params: dict[str, str]
    status: str
    host: str | None
    ts: datetime
    started: datetime | None


@dataclass(slots=True)
class _Run:
    """A record that this batch makes or continues; a new one has no number until it is inserted."""

    record_id: int
    status: str
    ts: datetime
    new: TaskRecord | None = None

    def as_attempt(self) -> Attempt:
        """Give it as the attempt that a later event may continue."""
        return Attempt(self.new.id if self.new else self.record_id, self.status, self.ts, remembered=True)


class Recorder:
    """Writes events, and remembers the latest record of each task. For one thread."""

    def __init__(self, engine: Engine, remembered_tasks: int = REMEMBERED_TASKS) -> None:
        self._engine = engine
        self._capacity = remembered_tasks
        self._attempts: OrderedDict[str, Attempt] = OrderedDict()

    def write(self, events: Sequence[HistoryEvent]) -> None:
        """Write all of ``events``, or none.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: The database did not take them.
            ValueError: A time is out of range.
        """
        entries = [_entry(event) for event in events]
        with Session(self._engine) as session, session.begin():
            runs = self._write_entries(session, entries)
            latest = {task_id: run.as_attempt() for task_id, run in runs.items()}
        self._remember(latest)

    def forget(self, task_ids: Iterable[str]) -> None:
        """Look these tasks' records up again; somebody may have deleted them."""
        for task_id in task_ids:
            self._attempts.pop(fit(task_id, TASK_ID_LENGTH), None)

    def _write_entries(self, session: Session, entries: Sequence[_Entry]) -> dict[str, _Run]:
        found = self._look_up(session, entries)
        runs: dict[str, _Run] = {}
        placed: list[tuple[_Entry, _Run]] = []
        created: list[tuple[_Entry, TaskRecord]] = []
        hosts: dict[int, str] = {}
        for entry in entries:
            run = self._continued(entry, runs, found)
            if run is None:
                record = TaskRecord(task_id=entry.task_id, name=entry.family, host=entry.host)
                created.append((entry, record))
                run = runs[entry.task_id] = _Run(0, entry.status, entry.ts, new=record)
            elif entry.host is not None:
                if run.new is not None:
                    run.new.host = entry.host
                else:
                    hosts[run.record_id] = entry.host
            run.status, run.ts = entry.status, entry.ts
            placed.append((entry, run))

        session.add_all(record for _, record in created)
        session.flush()  # numbers the new records
        params = [
            {"task_id": record.id, "name": name, "value": value}
            for entry, record in created
            for name, value in entry.params.items()
        ]
        if params:
            session.execute(insert(TaskParameter), params)
        if hosts:
            session.execute(update(TaskRecord), [{"id": number, "host": host} for number, host in hosts.items()])
        session.execute(
            insert(TaskEvent),
            [
                {"task_id": run.as_attempt().record_id, "event_name": entry.status, "ts": entry.ts}
                for entry, run in placed
            ],
        )
        return runs

    def _continued(self, entry: _Entry, runs: dict[str, _Run], found: dict[str, Attempt]) -> _Run | None:
        """Find the record that ``entry`` continues; None: it begins a new one."""
        run = runs.get(entry.task_id)
        if run is not None:
            attempt: Attempt | None = Attempt(run.record_id, run.status, run.ts, remembered=True)
        else:
            attempt = self._attempts.get(entry.task_id) or found.get(entry.task_id)
        if attempt is None or not continues(attempt, entry.status, entry.started):
            return None
        if run is None:
            run = runs[entry.task_id] = _Run(attempt.record_id, attempt.status, attempt.ts)
        return run

    def _look_up(self, session: Session, entries: Sequence[_Entry]) -> dict[str, Attempt]:
        """Read the latest records of the tasks that are not remembered, where a record could be continued."""
        wanted = {
            entry.task_id
            for entry in entries
            if (entry.status == RUNNING or (entry.status != PENDING and entry.started is not None))
            and entry.task_id not in self._attempts
        }
        ids = sorted(wanted)
        found: dict[str, Attempt] = {}
        for start in range(0, len(ids), _CHUNK):
            newest = (
                select(func.max(TaskRecord.id).label("number"))
                .where(TaskRecord.task_id.in_(ids[start : start + _CHUNK]))
                .group_by(exactly(TaskRecord.task_id))
                .subquery()
            )
            events = (
                select(TaskRecord.task_id, TaskEvent.task_id, TaskEvent.event_name, TaskEvent.ts)
                .join(TaskEvent, TaskEvent.task_id == TaskRecord.id)
                .join(newest, newest.c.number == TaskRecord.id)
                .order_by(TaskEvent.id)
            )
            for task_id, number, status, ts in session.execute(events):
                # The last event of each task wins.
                found[task_id or ""] = Attempt(number or 0, status or "", ts, remembered=False)
        return found

    def _remember(self, attempts: dict[str, Attempt]) -> None:
        for task_id, attempt in attempts.items():
            self._attempts[task_id] = attempt
            self._attempts.move_to_end(task_id)
        while len(self._attempts) > self._capacity:
            self._attempts.popitem(last=False)


def local_time(at: float) -> datetime:
    """Give the local time without a zone that Luigi's ``ts`` holds, for seconds since the epoch.

    Raises:
        ValueError: No calendar has that time.
    """
    try:
        return datetime.fromtimestamp(at)
    except (OverflowError, OSError) as error:
        raise ValueError(f"the time {at!r} is out of range") from error


def _entry(event: HistoryEvent) -> _Entry:
    return _Entry(
        task_id=fit(event.task_id, TASK_ID_LENGTH),
        family=fit(event.family, NAME_LENGTH),
        params={fit(name, NAME_LENGTH): fit_value(value) for name, value in event.params.items()},
        status=event.status,
        host=fit(event.host, HOST_LENGTH) if event.host else None,
        ts=local_time(event.at),
        started=local_time(event.started) if event.started is not None else None,
    )
