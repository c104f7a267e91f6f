"""What ``bench.restart`` measures with is a state that fits together."""

from __future__ import annotations

from collections import Counter

from bench.restart import fill, load
from luigiviz.engine.invariants import check
from luigiviz.store.live.livestore import LiveStore


def test_the_database_that_restarts_are_measured_with_holds_a_sound_state(database: str) -> None:
    store = LiveStore(database)
    try:
        fill(store, 1000)
        scheduler = load(store)
    finally:
        store.close()
    check(scheduler)
    assert Counter(task.status for task in scheduler.tasks.values()) == {"DONE": 700, "PENDING": 200, "FAILED": 100}
    assert sum(len(task.deps) for task in scheduler.tasks.values()) == 1700
    assert len(scheduler.workers) == 50
