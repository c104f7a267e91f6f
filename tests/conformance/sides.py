"""The two schedulers behind one face: call, look without pruning, show all that is remembered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from luigiviz.engine import Event, EventKind, Scheduler, SchedulerConfig
from tests.conformance import snapshots
from tests.conformance.reference import FakeClock, ReferenceScheduler


class Side(Protocol):
    """A scheduler under comparison."""

    events: list[tuple[Any, ...]]

    def call(self, method: str, args: dict[str, Any]) -> Any:
        """Call an RPC method by name."""
        ...

    def frozen(self) -> Any:
        """Return a context in which looking does not prune."""
        ...

    def tasks(self) -> snapshots.Tasks:
        """Copy all that is remembered of tasks."""
        ...

    def orders(self) -> dict[str, list[str]]:
        """List the tasks of each status in the order in which they got it."""
        ...

    def check(self) -> None:
        """Check what must always be true inside."""
        ...


class LuigiSide:
    """Luigi's scheduler."""

    def __init__(self, config: dict[str, Any], resources: dict[str, float], clock: FakeClock) -> None:
        self.scheduler = ReferenceScheduler(config, resources)
        self.events = self.scheduler.events
        self._clock = clock

    def call(self, method: str, args: dict[str, Any]) -> Any:
        """Call an RPC method by name."""
        return self.scheduler.call(method, args)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Look without pruning."""
        self.scheduler.frozen = True
        try:
            yield
        finally:
            self.scheduler.frozen = False

    def tasks(self) -> snapshots.Tasks:
        """Copy all that is remembered of tasks."""
        return snapshots.of_luigi(self.scheduler, self._clock.now)

    def orders(self) -> dict[str, list[str]]:
        """List the tasks of each status in the order in which they got it."""
        return snapshots.orders_of_luigi(self.scheduler)

    def check(self) -> None:
        """Luigi has nothing to check."""


#: Events of which Luigi's history and metrics know nothing.
_OURS_ONLY = frozenset({EventKind.RE_ENABLED, EventKind.REMOVED})


class ObservedScheduler(Scheduler):
    """The engine; looking at it without pruning is possible."""

    frozen = False

    def prune(self) -> None:
        """Prune, unless frozen."""
        if not self.frozen:
            super().prune()


class EngineSide:
    """Our scheduler."""

    def __init__(self, config: dict[str, Any], resources: dict[str, float], clock: FakeClock) -> None:
        self.events: list[tuple[Any, ...]] = []
        self.scheduler = ObservedScheduler(SchedulerConfig(**config), resources, clock, self._note)
        self._clock = clock

    def _note(self, event: Event) -> None:
        if event.kind not in _OURS_ONLY:
            detail = event.detail if event.kind is EventKind.STATISTICS else event.host
            self.events.append((event.kind.value, event.task.id, detail))

    def call(self, method: str, args: dict[str, Any]) -> Any:
        """Call an RPC method by name, as the HTTP API does."""
        return self.scheduler.call(method, args)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Look without pruning."""
        self.scheduler.frozen = True
        try:
            yield
        finally:
            self.scheduler.frozen = False

    def tasks(self) -> snapshots.Tasks:
        """Copy all that is remembered of tasks."""
        return snapshots.of_engine(self.scheduler, self._clock.now)

    def orders(self) -> dict[str, list[str]]:
        """List the tasks of each status in the order in which they got it."""
        return snapshots.orders_of_engine(self.scheduler)

    def check(self) -> None:
        """Recompute every index of the engine and compare."""
