"""UPSTREAM_FAILED and UPSTREAM_DISABLED follow failures and recoveries, in cycles too."""

from __future__ import annotations

import random

import pytest

from luigiviz.engine import Scheduler, queries
from luigiviz.engine.invariants import check
from tests.engine.conftest import Clock, MakeScheduler


def _status(scheduler: Scheduler, task_id: str) -> str:
    return queries.display_status(scheduler.tasks[task_id])


def _chain(scheduler: Scheduler, *ids: str) -> None:
    for task_id, dep in zip(ids, [*ids[1:], None], strict=True):
        scheduler.add_task(worker="w", task_id=task_id, family="F", deps=[dep] if dep else [])


def test_a_failure_marks_everything_above_it_and_a_success_clears_it(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler()
    _chain(scheduler, "top", "middle", "bottom")
    scheduler.add_task(worker="w", task_id="bottom", status="FAILED")
    assert [_status(scheduler, task_id) for task_id in ("top", "middle", "bottom")] == [
        "UPSTREAM_FAILED",
        "UPSTREAM_FAILED",
        "FAILED",
    ]
    assert queries.overview(scheduler.state, 0).counts["UPSTREAM_FAILED"] == 2
    scheduler.add_task(worker="w", task_id="bottom", status="DONE")
    assert [_status(scheduler, task_id) for task_id in ("top", "middle")] == ["PENDING", "PENDING"]


def test_disabled_outranks_failed(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler()
    scheduler.add_task(worker="w", task_id="top", family="F", deps=["failed", "disabled"])
    scheduler.add_task(worker="w", task_id="failed", family="F", status="FAILED")
    assert _status(scheduler, "top") == "UPSTREAM_FAILED"
    assert scheduler.count_pending("w")["n_pending_tasks"] == 1
    scheduler.add_task(worker="w", task_id="disabled", family="F", status="DISABLED")
    assert _status(scheduler, "top") == "UPSTREAM_DISABLED"
    assert scheduler.count_pending("w")["n_pending_tasks"] == 0


def test_tasks_in_a_circle_do_not_keep_each_other_failed(make_scheduler: MakeScheduler, clock: Clock) -> None:
    scheduler = make_scheduler(retry_delay=10)
    scheduler.add_task(worker="w", task_id="A", family="F", deps=["B", "bad"])
    scheduler.add_task(worker="w", task_id="B", family="F", deps=["A"])
    scheduler.add_task(worker="w", task_id="bad", family="F", status="FAILED")
    assert (_status(scheduler, "A"), _status(scheduler, "B")) == ("UPSTREAM_FAILED", "UPSTREAM_FAILED")
    clock.advance(11)
    scheduler.prune()
    assert (_status(scheduler, "A"), _status(scheduler, "B")) == ("PENDING", "PENDING")


@pytest.mark.parametrize("seed", range(8))
def test_every_index_is_right_after_every_step_of_a_random_history(
    make_scheduler: MakeScheduler, clock: Clock, seed: int
) -> None:
    rnd = random.Random(seed)
    scheduler = make_scheduler(
        {"r": 2}, retry_delay=5, remove_delay=20, worker_disconnect_delay=15, retry_count=3, disable_persist=30
    )
    ids = [f"T{number}" for number in range(10)]
    for _ in range(400):
        clock.advance(rnd.choice([0, 0, 0, 1, 3, 6, 20]))
        worker = rnd.choice(["w1", "w2", "w3"])
        choice = rnd.random()
        if choice < 0.5:
            scheduler.add_task(
                worker=worker,
                task_id=rnd.choice(ids),
                status=rnd.choice(["PENDING", "PENDING", "DONE", "FAILED", "DISABLED", "RUNNING"]),
                deps=rnd.choice([None, rnd.sample(ids, rnd.randrange(4))]),
                family=rnd.choice("AB"),
                priority=rnd.choice([0, 0, 1, 5]),
                resources=rnd.choice([None, {"r": 1}, {"r": 2, "q": 1}]),
                params={"x": "1", "d": str(rnd.randrange(3))},
                batchable=rnd.choice([None, True]),
                assistant=rnd.random() < 0.1,
            )
        elif choice < 0.8:
            answer = scheduler.get_work(
                worker=worker, current_tasks=rnd.choice([None, [], ids]), assistant=rnd.random() < 0.2
            )
            if answer.get("batch_id"):
                scheduler.add_task(worker=worker, task_id="batch", status="RUNNING", batch_id=answer["batch_id"])
        elif choice < 0.85:
            scheduler.add_task_batcher(worker, "A", ["d"], rnd.choice([2, float("inf")]))
        elif choice < 0.95:
            scheduler.prune()
        elif choice < 0.97:
            scheduler.disable_worker(worker)
        else:
            scheduler.re_enable_task(rnd.choice(ids))
            scheduler.mark_as_done(rnd.choice(ids))
            scheduler.decrease_running_task_resources(rnd.choice(ids), {"r": 1})
        check(scheduler)
