"""The engine beside Luigi's scheduler, with all that it knows in a real database, and read back again and again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from luigiviz.engine import SchedulerConfig
from luigiviz.engine.documents import take_changes
from luigiviz.engine.invariants import check
from luigiviz.engine.journal import Journal
from luigiviz.engine.restoring import Image, restore
from luigiviz.store.live.livestore import LiveStore
from tests.conformance.generator import make_plan
from tests.conformance.harness import Run
from tests.conformance.reference import FakeClock
from tests.conformance.sides import EngineSide, ObservedScheduler
from tests.store.conftest import KINDS, url_of


class StoredSide(EngineSide):
    """The engine; after each call its changes are committed, and every few calls it starts anew from the database."""

    def __init__(self, store: LiveStore, config: dict[str, Any], resources: dict[str, float], clock: FakeClock) -> None:
        super().__init__(config, resources, clock)
        self._new = lambda: ObservedScheduler(SchedulerConfig(**config), resources, clock, self._note)
        self._store = store
        self._calls = 0
        self.scheduler.state.journal = Journal()

    def call(self, method: str, args: dict[str, Any]) -> Any:
        """Call, commit and, now and then, load."""
        answer = super().call(method, args)
        changes = take_changes(self.scheduler.state)
        if changes:
            self._store.commit(changes)
        self._calls += 1
        if self._calls % 10 == 0:
            frozen, self.scheduler = self.scheduler.frozen, self._new()
            self.scheduler.frozen = frozen
            with self._store.loading() as view:
                assert (
                    restore(self.scheduler, Image(view.tasks(), view.workers(), view.batchers(), view.values())) == []
                )
            check(self.scheduler)
            self.scheduler.state.journal = Journal()
        return answer


@pytest.mark.conformance
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(4))
def test_an_engine_that_comes_back_from_a_database_is_still_like_luigi(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, seed: int
) -> None:
    store = LiveStore(url_of(kind, request, tmp_path / "live.db"))
    try:
        store.open()
        assert store.try_to_lead()
        plan = make_plan(f"live {seed}", length=200)
        Run(plan, lambda config, resources, clock: StoredSide(store, config, resources, clock)).execute()
    finally:
        store.close()
