"""The garbage collector sees what is new, and not a million tasks."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator

import pytest

from bench.restart import fill
from luigiviz.service import Service
from luigiviz.service.collector import Collector
from tests.service.conftest import WatchedStore


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


def test_many_new_tasks_are_taken_out_of_sight() -> None:
    collector = Collector()
    collector.set_up()
    assert gc.get_threshold()[2] == 1_000_000
    before = gc.get_freeze_count()
    collector.look(9_999)
    assert gc.get_freeze_count() == before
    tasks = [[number] for number in range(10_000)]
    collector.look(10_000)
    assert gc.get_freeze_count() > before + len(tasks)


def test_a_few_new_tasks_among_many_stay_in_sight() -> None:
    collector = Collector()
    collector.look(1_000_000)
    frozen = gc.get_freeze_count()
    tasks = [[number] for number in range(10_000)]
    collector.look(1_000_000 + len(tasks))
    assert gc.get_freeze_count() <= frozen


def test_old_circles_are_collected_now_and_then() -> None:
    now = 0.0
    collector = Collector(clock=lambda: now)
    circle: list[object] = []
    circle.append(circle)
    del circle
    collected = gc.get_stats()[2]["collections"]
    collector.look(5)
    assert gc.get_stats()[2]["collections"] == collected
    now = 601.0
    collector.look(5)
    assert gc.get_stats()[2]["collections"] == collected + 1


def test_what_is_loaded_at_the_start_is_never_in_sight(store: WatchedStore, keep: Callable[..., Service]) -> None:
    store.open()
    assert store.try_to_lead()
    fill(store, 1_000)
    before = gc.get_freeze_count()
    keep()
    assert gc.get_freeze_count() > before + 1_000
