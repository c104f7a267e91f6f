"""A scheduler with a clock that only tests move; every index is recomputed at the end of each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from luigiviz.engine import Event, Scheduler, SchedulerConfig
from luigiviz.engine.invariants import check


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


MakeScheduler = Callable[..., Scheduler]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def events() -> list[Event]:
    """What schedulers made by ``make_scheduler`` have reported."""
    return []


@pytest.fixture
def make_scheduler(clock: Clock, events: list[Event]) -> Iterator[MakeScheduler]:
    made: list[Scheduler] = []

    def make(resources: dict[str, float] | None = None, **config: Any) -> Scheduler:
        made.append(Scheduler(SchedulerConfig(**config), resources=resources, clock=clock, on_event=events.append))
        return made[-1]

    yield make
    for scheduler in made:
        check(scheduler)
