"""What the history tells: runs of tasks, as immutable copies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from luigiviz.store.events import END_STATUSES, RUNNING

#: What became of a run, see ``HistoryRun.outcome``.
LOST = "LOST"


@dataclass(frozen=True, slots=True)
class RunEvent:
    """Something that happened in a run."""

    #: PENDING, RUNNING, DONE or FAILED.
    name: str
    #: Seconds since the epoch.
    at: float


@dataclass(frozen=True, slots=True)
class HistoryRun:
    """One record: an attempt to run a task, from its scheduling to its end. Times are seconds since the epoch."""

    record_id: int
    task_id: str
    family: str
    #: Where it ran; None if it did not run, or nobody said.
    host: str | None
    params: Mapping[str, str]
    #: Oldest first.
    events: tuple[RunEvent, ...]
    #: The last event's name; "" for a record without events.
    status: str
    #: When it was first handed to a worker; None if it never was. Of a record that Luigi wrote: in its last attempt.
    started: float | None
    #: When it was done or failed; None if it goes on, or its end was never reported.
    finished: float | None
    #: Seconds that it ran in all, without what it waited for dependencies in between; None until it has finished.
    run_seconds: float | None
    #: The same task has a later record. A run without an end that has one is lost: nobody will report its end any more.
    superseded: bool = False

    @property
    def outcome(self) -> str:
        """The status, or LOST for a run that started, never ended, and was begun anew."""
        return LOST if self.superseded and self.status == RUNNING else self.status

    @property
    def last_event_at(self) -> float | None:
        """When something last happened."""
        return self.events[-1].at if self.events else None


@dataclass(frozen=True, slots=True)
class RunPage:
    """A page of runs."""

    runs: tuple[HistoryRun, ...]
    #: How many there are in all.
    total: int
    limit: int
    offset: int


@dataclass(frozen=True, slots=True)
class FamilyRuns:
    """A family's history in numbers."""

    family: str
    #: Records: attempts.
    runs: int
    done: int
    failed: int
    #: When something last happened (seconds since the epoch).
    last_event_at: float | None


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs to show. All conditions must hold."""

    #: Only runs whose last event came at this time or later, and before ``until`` (seconds since the epoch).
    since: float | None = None
    until: float | None = None
    family: str | None = None
    task_id: str | None = None
    #: Parameters that must have exactly these values; values of other types are compared as text.
    params: Mapping[str, object] | None = None
    #: The last event's name.
    status: str | None = None


def make_run(
    record_id: int,
    task_id: str | None,
    family: str | None,
    host: str | None,
    params: Mapping[str, str],
    events: Iterable[tuple[str, datetime]],
    *,
    superseded: bool,
) -> HistoryRun:
    """Make a run from its rows; ``events`` are (name, local time) in the order in which they were recorded."""
    told = _in_epoch(events)
    last = _last_attempt(told)
    status = told[-1].name if told else ""
    finished = told[-1].at if status in END_STATUSES else None
    return HistoryRun(
        record_id=record_id,
        task_id=task_id or "",
        family=family or "",
        host=host,
        params=params,
        events=told,
        status=status,
        started=next((event.at for event in last if event.name == RUNNING), None),
        finished=finished,
        run_seconds=_run_seconds(last) if finished is not None else None,
        superseded=superseded,
    )


def epoch(ts: datetime) -> float:
    """Give a local time without a zone as seconds since the epoch.

    An hour that the clock goes through twice (the end of summer time) counts as its first occurrence.
    """
    return ts.timestamp()


def _in_epoch(events: Iterable[tuple[str, datetime]]) -> tuple[RunEvent, ...]:
    """Turn local times into seconds.

    An event that seems to come before its predecessor fell into the second round of the hour that summer time repeats.
    """
    told: list[RunEvent] = []
    for name, ts in events:
        at = epoch(ts)
        if told and at < told[-1].at:
            at = max(at, ts.replace(fold=1).timestamp())
        told.append(RunEvent(name, at))
    return tuple(told)


def _last_attempt(events: tuple[RunEvent, ...]) -> tuple[RunEvent, ...]:
    """Leave out what came before: a record that Luigi wrote holds all attempts of a task, one after the other."""
    ends = [index for index, event in enumerate(events[:-1]) if event.name in END_STATUSES]
    return events[ends[-1] + 1 :] if ends else events


def _run_seconds(events: tuple[RunEvent, ...]) -> float | None:
    """Add up the times from each RUNNING to the event after it."""
    spans = [
        following.at - event.at
        for event, following in pairwise(events)
        if event.name == RUNNING and following.name != RUNNING
    ]
    return max(0.0, sum(spans)) if spans else None
