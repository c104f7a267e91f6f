"""The event that history is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

PENDING = "PENDING"
RUNNING = "RUNNING"
DONE = "DONE"
FAILED = "FAILED"

#: What ``HistoryEvent.status`` can be, as in Luigi's ``task_events.event_name``.
EVENT_STATUSES = (PENDING, RUNNING, DONE, FAILED)
#: The statuses that end a run.
END_STATUSES = frozenset((DONE, FAILED))


@dataclass(frozen=True, slots=True)
class HistoryEvent:
    """A task was scheduled (PENDING), handed out (RUNNING), or ended (DONE, FAILED).

    The event is written later, by another thread: ``params`` must not change any more.
    """

    task_id: str
    family: str
    #: Values of other types than text are written as text.
    params: Mapping[str, object]
    #: One of ``EVENT_STATUSES``.
    status: str
    #: The worker's host, for RUNNING.
    host: str | None
    #: Seconds since the epoch.
    at: float
    #: For DONE and FAILED: when the scheduler handed the task out, if it knows (seconds since the epoch).
    #: With it, an end that comes after a restart finds the run that it belongs to.
    started: float | None = None

    def __post_init__(self) -> None:
        """Refuse a status that the history does not have."""
        if self.status not in EVENT_STATUSES:
            raise ValueError(f"history has no status {self.status!r}; it has {', '.join(EVENT_STATUSES)}")
