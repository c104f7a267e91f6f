"""The two schedulers behind one face: call, look without pruning, show all that is remembered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from luigiviz.engine import Event, EventKind, Scheduler, SchedulerConfig
from luigiviz.engine.documents import Changes, take_changes
from luigiviz.engine.journal import Journal
from luigiviz.engine.restoring import Image, restore
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


class RestartingSide(EngineSide):
    """Our scheduler, kept in a durable copy, and brought back from it again and again.

    Every copy goes through JSON. Only what the journal marks is copied, so a mark that is missing is a difference.
    """

    def __init__(self, config: dict[str, Any], resources: dict[str, float], clock: FakeClock) -> None:
        super().__init__(config, resources, clock)
        self._new = lambda: ObservedScheduler(SchedulerConfig(**config), resources, clock, self._note)
        self._copy = Copy()
        self._calls = 0
        self.scheduler.state.journal = Journal()

    def call(self, method: str, args: dict[str, Any]) -> Any:
        """Call an RPC method by name, copy what changed and, every few calls, start anew from the copy."""
        answer = super().call(method, args)
        state = self.scheduler.state
        self._copy.take_over(take_changes(state))
        self._calls += 1
        if self._calls % 5 == 0:
            frozen, self.scheduler = self.scheduler.frozen, self._new()
            self.scheduler.frozen = frozen
            assert restore(self.scheduler, self._copy.image()) == []
            self.scheduler.state.journal = Journal()
        return answer


class Copy:
    """A durable copy in memory, as a store keeps one."""

    def __init__(self) -> None:
        self.tasks: dict[int, str] = {}
        self.deps: dict[int, list[str]] = {}
        self.workers: dict[int, str] = {}
        self.batchers: dict[int, str] = {}
        self.values: dict[str, str] = {}

    def take_over(self, changes: Changes) -> None:
        """Write what changed."""
        for seq in changes.removed:
            self.tasks.pop(seq, None)
            self.deps.pop(seq, None)
        for document in changes.tasks:
            self.tasks[document["seq"]] = json.dumps(document)
        for seq, same, rest, before in changes.edges:
            assert len(self.deps.get(seq, ())) == before
            self.deps[seq] = [*self.deps.get(seq, [])[:same], *rest]
        for kind, removed, documents in (
            (self.workers, changes.removed_workers, changes.workers),
            (self.batchers, changes.removed_batchers, changes.batchers),
        ):
            for seq in removed:
                kind.pop(seq, None)
            kind.update((document["seq"], json.dumps(document)) for document in documents)
        self.values.update((name, json.dumps(value)) for name, value in changes.values.items())

    def image(self) -> Image:
        """Read everything."""
        return Image(
            tasks=[(json.loads(self.tasks[seq]), tuple(self.deps.get(seq, ()))) for seq in sorted(self.tasks)],
            workers=[json.loads(document) for document in self.workers.values()],
            batchers=[json.loads(document) for document in self.batchers.values()],
            values={name: json.loads(value) for name, value in self.values.items()},
        )
