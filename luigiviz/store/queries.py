"""Reading the history: pages of runs in plain SQL that SQLite, PostgreSQL and MySQL all take."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Select, case, func, select
from sqlalchemy.orm import Session, aliased

from luigiviz.store.events import DONE, FAILED
from luigiviz.store.mysql import DIALECTS, exactly, is_any_of
from luigiviz.store.recorder import local_time
from luigiviz.store.runs import FamilyRuns, HistoryRun, RunFilter, RunPage, epoch, make_run
from luigiviz.store.schema import TaskEvent, TaskParameter, TaskRecord
from luigiviz.store.text import NAME_LENGTH, TASK_ID_LENGTH, clean, fit, fit_value

#: Values of one ``IN`` list at most; old SQLite versions take no more than 999 parameters.
_CHUNK = 500
#: What every database takes as a row number or an offset.
_MAX_INTEGER = 2**63 - 1


def find_page(session: Session, wanted: RunFilter, limit: int, offset: int) -> RunPage:
    """Give the runs that match, those with the newest last event first."""
    conditions = _conditions(wanted)
    newest = _last_events(select(TaskRecord.id), conditions).order_by(TaskEvent.id.desc())
    if wanted.family is None and wanted.task_id is None:
        # Else MariaDB walks through all tasks first.
        for dialect in DIALECTS:
            newest = newest.prefix_with("STRAIGHT_JOIN", dialect=dialect)
    numbers = session.scalars(newest.limit(limit).offset(min(offset, _MAX_INTEGER))).all()
    if offset == 0 and len(numbers) < limit:
        total = len(numbers)
    elif _is_all(wanted):
        total = session.scalar(select(func.count(TaskRecord.id))) or 0  # the same without looking at events
    else:
        total = session.scalar(_last_events(select(func.count(TaskEvent.id)), conditions)) or 0
    return RunPage(load_runs(session, numbers), total, limit, offset)


def find_record(session: Session, record_id: int) -> HistoryRun | None:
    """Give the run with a record number; None: there is none."""
    if not 0 <= record_id <= _MAX_INTEGER:
        return None
    runs = load_runs(session, [record_id])
    return runs[0] if runs else None


def load_runs(session: Session, numbers: Sequence[int]) -> tuple[HistoryRun, ...]:
    """Give the runs with these record numbers, in their order; numbers that do not exist are left out."""
    runs: dict[int, HistoryRun] = {}
    for start in range(0, len(numbers), _CHUNK):
        chunk = numbers[start : start + _CHUNK]
        records = session.execute(
            select(TaskRecord.id, TaskRecord.task_id, TaskRecord.name, TaskRecord.host).where(TaskRecord.id.in_(chunk))
        ).all()
        params: defaultdict[int, dict[str, str]] = defaultdict(dict)
        for number, parameter, value in session.execute(
            select(TaskParameter.task_id, TaskParameter.name, TaskParameter.value)
            .where(TaskParameter.task_id.in_(chunk))
            .order_by(TaskParameter.task_id, TaskParameter.name)
        ):
            params[number][parameter] = value or ""
        events: defaultdict[int, list[tuple[str, datetime]]] = defaultdict(list)
        for record, name, ts in session.execute(
            select(TaskEvent.task_id, TaskEvent.event_name, TaskEvent.ts)
            .where(TaskEvent.task_id.in_(chunk))
            .order_by(TaskEvent.id)
        ):
            events[record or 0].append((name or "", ts))
        latest = _latest_records(session, [task_id for _, task_id, _, _ in records if task_id is not None])
        for number, task_id, family, host in records:
            runs[number] = make_run(
                number,
                task_id,
                family,
                host,
                params[number],
                events[number],
                # Between two reads a record may be deleted, as too old.
                superseded=task_id is not None and latest.get(task_id, number) > number,
            )
    return tuple(runs[number] for number in numbers if number in runs)


def find_families(session: Session) -> tuple[FamilyRuns, ...]:
    """Give all families that the history knows, by name."""
    # Record by record first: MySQL would sort all events by the name of their family.
    records = (
        select(
            TaskEvent.task_id,
            func.count(case((TaskEvent.event_name == DONE, 1))).label("done"),
            func.count(case((TaskEvent.event_name == FAILED, 1))).label("failed"),
            func.max(TaskEvent.ts).label("last"),
        )
        .group_by(TaskEvent.task_id)
        .subquery()
    )
    rows = session.execute(
        select(
            func.min(TaskRecord.name),
            func.count(),
            func.sum(records.c.done),
            func.sum(records.c.failed),
            func.max(records.c.last),
        )
        .join(records, records.c.task_id == TaskRecord.id)
        .group_by(exactly(TaskRecord.name))
    ).all()
    families = (
        FamilyRuns(name or "", runs, int(done), int(failed), epoch(last) if last is not None else None)
        for name, runs, done, failed, last in rows
    )
    return tuple(sorted(families, key=lambda family: family.family))


def _last_events(query: Select[int], conditions: Sequence[ColumnElement[bool]]) -> Select[int]:
    """Let ``query`` see the last event of each record, and the record.

    Walked from the newest event backwards, this costs what the page costs, however long the history is: grouping
    all events by record first would cost the history.
    """
    later = aliased(TaskEvent)
    superseded = select(later.id).where(later.task_id == TaskEvent.task_id, later.id > TaskEvent.id).exists()
    return (
        query.select_from(TaskEvent)
        .join(TaskRecord, TaskRecord.id == TaskEvent.task_id)
        .where(~superseded, *conditions)
    )


def _conditions(wanted: RunFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.since is not None:
        conditions.append(TaskEvent.ts >= local_time(wanted.since))
    if wanted.until is not None:
        conditions.append(TaskEvent.ts < local_time(wanted.until))
    if wanted.status is not None:
        conditions.append(TaskEvent.event_name == wanted.status)
    if wanted.family is not None:
        conditions.append(is_any_of(TaskRecord.name, _spellings(wanted.family, NAME_LENGTH)))
    if wanted.task_id is not None:
        conditions.append(is_any_of(TaskRecord.task_id, _spellings(wanted.task_id, TASK_ID_LENGTH)))
    for name, value in (wanted.params or {}).items():
        parameter = aliased(TaskParameter)
        conditions.append(
            select(parameter.task_id)
            .where(
                parameter.task_id == TaskRecord.id,
                is_any_of(parameter.name, [fit(name, NAME_LENGTH)]),
                is_any_of(parameter.value, [fit_value(value)]),
            )
            .exists()
        )
    return conditions


def _spellings(text: str, length: int) -> list[str]:
    """How a text may be stored: as we cut it, or, in an SQLite file that Luigi wrote, at its full length."""
    return sorted({clean(text), fit(text, length)})


def _is_all(wanted: RunFilter) -> bool:
    return wanted == RunFilter()


def _latest_records(session: Session, task_ids: Sequence[str]) -> dict[str, int]:
    """Give the number of the latest record of each of these tasks."""
    rows = session.execute(
        select(func.min(TaskRecord.task_id), func.max(TaskRecord.id))
        .where(TaskRecord.task_id.in_(sorted(set(task_ids))))
        .group_by(exactly(TaskRecord.task_id))
    )
    return {task_id: number for task_id, number in rows if task_id is not None}
