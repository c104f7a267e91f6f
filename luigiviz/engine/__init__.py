"""The scheduler as a state machine: calls in, answers out, no HTTP, SQL, thread, file or wall clock."""

from __future__ import annotations

from luigiviz.engine.config import RetryPolicy, SchedulerConfig
from luigiviz.engine.errors import EngineError, InvalidArgumentError, UnknownMethodError
from luigiviz.engine.events import Event, EventKind
from luigiviz.engine.scheduler import Scheduler

__all__ = [
    "EngineError",
    "Event",
    "EventKind",
    "InvalidArgumentError",
    "RetryPolicy",
    "Scheduler",
    "SchedulerConfig",
    "UnknownMethodError",
]
