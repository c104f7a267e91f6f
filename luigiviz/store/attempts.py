"""Which record an event belongs to: one record is one attempt to run a task.

Luigi keeps one record per task and process, and so appends all later runs of a task to its first one. Here a record
ends with DONE or FAILED, and whatever comes next for the task begins a new one. A run that never reported its end is
left without one, instead of being given the end of another run.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from luigiviz.store.events import END_STATUSES, PENDING, RUNNING

#: Databases may round a time to whole seconds (MySQL's TIMESTAMP).
_SAME_TIME = 1.5


@dataclass(frozen=True, slots=True)
class Attempt:
    """The latest record of a task, as far as the next event's place depends on it."""

    record_id: int
    #: The status of its last event.
    status: str
    #: The local time of its last event.
    ts: datetime
    #: False if it was read from the database: written before a restart, or forgotten since.
    remembered: bool


def continues(attempt: Attempt, status: str, started: datetime | None) -> bool:
    """Tell whether an event belongs to ``attempt`` (else it begins a new one).

    ``started`` is the local time at which the scheduler handed the task out, if it knows.
    """
    if attempt.status in END_STATUSES:
        return False
    if status == PENDING:
        # Announced again while it waits; or it ran, asked for further dependencies, and waits for them.
        # Of an attempt from before a restart nobody knows how it went on.
        return attempt.remembered
    if status == RUNNING:
        # Handed out twice: the first run was lost with its worker.
        return attempt.status != RUNNING
    if attempt.remembered:
        return True
    return started is not None and abs((attempt.ts - started).total_seconds()) < _SAME_TIME
