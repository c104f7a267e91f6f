"""What the engine reports while it works; the service hands it to history and metrics."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from luigiviz.engine.model import Task


class EventKind(Enum):
    """What happened to a task."""

    #: Luigi's history records: a claim or a decision about a task, even where nothing changed.
    HISTORY_PENDING = "history_pending"
    HISTORY_RUNNING = "history_running"
    HISTORY_DONE = "history_done"
    HISTORY_FAILED = "history_failed"
    #: Handed to a worker on its own (Luigi's ``started`` metric does not count batch members).
    STARTED = "started"
    #: The status changed to DONE, FAILED or DISABLED.
    DONE = "done"
    FAILED = "failed"
    DISABLED = "disabled"
    #: A disabled task was enabled again, by hand or because its time was over.
    RE_ENABLED = "re_enabled"
    #: Forgotten, since no live worker cares about it.
    REMOVED = "removed"
    #: A worker sent statistics of a run; ``detail`` holds them.
    STATISTICS = "statistics"


class Event(NamedTuple):
    """Something that happened to a task at a time (seconds since the epoch)."""

    kind: EventKind
    task: Task
    at: float
    #: Host of the worker, for HISTORY_RUNNING.
    host: str | None = None
    detail: Any = None


#: Receives every event at once, in order, inside the call that caused it. Must not call the engine.
EventSink = Callable[[Event], None]
