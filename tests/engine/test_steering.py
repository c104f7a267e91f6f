"""What people do to tasks by hand, and the filter that chooses them."""

from __future__ import annotations

import pytest

from luigiviz.engine import Scheduler
from luigiviz.engine.queries import candidates, candidates_of_ids, task_page
from luigiviz.engine.steering import FITS, FORGIVE, MARK_AS_DONE, RE_ENABLE, RELEASE, steer
from luigiviz.engine.views import SORT_KEYS, TaskQuery
from tests.engine.conftest import Clock, MakeScheduler


def statuses(scheduler: Scheduler) -> dict[str, str]:
    return {task_id: task.status for task_id, task in scheduler.tasks.items()}


@pytest.fixture
def scheduler(make_scheduler: MakeScheduler, clock: Clock) -> Scheduler:
    """A scheduler with a task in each status that an action fits, and one that none does."""
    made = make_scheduler({"gpu": 1}, retry_count=2)
    for task_id, policy in (("failed", {}), ("disabled", {"retry_count": 1})):
        made.add_task(worker="w", task_id=task_id, family="F", retry_policy_dict=policy)
        assert made.get_work(worker="w")["task_id"] == task_id
        made.add_task(worker="w", task_id=task_id, family="F", status="FAILED", retry_policy_dict=policy)
    made.add_task(worker="w", task_id="running", family="F", resources={"gpu": 1})
    assert made.get_work(worker="w")["task_id"] == "running"
    clock.advance(1)
    made.add_task(worker="w", task_id="pending", family="F", resources={"gpu": 1})
    return made


@pytest.mark.parametrize(
    ("action", "changes"),
    [
        (FORGIVE, {"failed": "PENDING"}),
        (RE_ENABLE, {"disabled": "FAILED"}),
        (MARK_AS_DONE, {"failed": "DONE", "disabled": "DONE", "running": "DONE"}),
        (RELEASE, {"running": "PENDING"}),
    ],
)
def test_an_action_changes_the_tasks_that_it_fits_and_leaves_the_others(
    scheduler: Scheduler, clock: Clock, action: str, changes: dict[str, str]
) -> None:
    before = statuses(scheduler)
    fitting = {found.task_id for found in candidates(scheduler.state, TaskQuery(), action)() if found.fits}
    assert fitting == set(changes)
    results = [steer(scheduler, action, task_id, clock()) for task_id in (*before, "gone")]
    assert {result.task_id: result.after for result in results if result.changed} == changes
    assert statuses(scheduler) == before | changes
    assert (results[-1].before, results[-1].after) == (None, None)


def test_a_released_task_frees_its_resources_and_runs_again_elsewhere(scheduler: Scheduler, clock: Clock) -> None:
    scheduler.add_task(worker="other", task_id="running", family="F", resources={"gpu": 1})
    assert scheduler.get_work(worker="other")["task_id"] is None
    steer(scheduler, RELEASE, "running", clock())
    assert scheduler.tasks["running"].failures is None
    assert scheduler.get_work(worker="other")["task_id"] == "running"
    assert scheduler.tasks["running"].worker_running == "other"


def test_a_late_success_of_a_released_task_counts(scheduler: Scheduler, clock: Clock) -> None:
    steer(scheduler, RELEASE, "running", clock())
    scheduler.add_task(worker="w", task_id="running", family="F", status="DONE")
    assert scheduler.tasks["running"].status == "DONE"


@pytest.mark.parametrize("chosen", ["runner", "a"])
def test_releasing_a_batch_makes_its_members_pending_and_forgets_what_ran_them(
    make_scheduler: MakeScheduler, clock: Clock, chosen: str
) -> None:
    scheduler = make_scheduler()
    scheduler.add_task_batcher(worker="w", task_family="B", batched_args=["x"])
    for name in ("a", "b"):
        scheduler.add_task(worker="w", task_id=name, family="B", params={"x": name}, batchable=True)
    batch_id = scheduler.get_work(worker="w")["batch_id"]
    scheduler.add_task(
        worker="w", task_id="runner", family="B", params={"x": "a,b"}, status="RUNNING", batch_id=batch_id
    )
    steer(scheduler, RELEASE, chosen, clock())
    if chosen == "a":
        assert statuses(scheduler) == {"a": "PENDING", "b": "BATCH_RUNNING", "runner": "RUNNING"}
        return
    assert statuses(scheduler) == {"a": "PENDING", "b": "PENDING", "runner": "FAILED"}
    assert all(task.failures is None for name, task in scheduler.tasks.items() if name != "runner")
    clock.advance(1)
    scheduler.prune()
    assert statuses(scheduler) == {"a": "PENDING", "b": "PENDING"}
    assert sorted(scheduler.get_work(worker="w")["batch_task_ids"]) == ["a", "b"]


def test_ids_are_looked_up_each_once(scheduler: Scheduler) -> None:
    found = candidates_of_ids(scheduler.state, ["failed", "gone", "failed"], FORGIVE)()
    assert [(one.task_id, one.status, one.fits) for one in found] == [("failed", "FAILED", True), ("gone", None, False)]
    assert set(FITS) == {FORGIVE, RE_ENABLE, MARK_AS_DONE, RELEASE}


class TestFilter:
    @pytest.fixture
    def scheduler(self, make_scheduler: MakeScheduler) -> Scheduler:
        made = make_scheduler()
        for family, task_id, params in (
            ("etl.Load", "etl.Load_1", {"date": "2026-01-01", "table": "orders"}),
            ("etl.Load", "etl.Load_2", {"date": "2026-01-02", "table": "orders"}),
            ("etl.Clean", "etl.Clean_1", {"date": "2026-01-01"}),
            ("Report", "Report_1", {"day": "2026-01-01", "secret": "orders"}),
        ):
            made.add_task(worker="w", task_id=task_id, family=family, params=params, param_visibilities={"secret": 1})
        assert made.get_work(worker="w")["task_id"] == "etl.Load_1"
        return made

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            (TaskQuery(namespace="etl"), {"etl.Load_1", "etl.Load_2", "etl.Clean_1"}),
            (TaskQuery(namespace=""), {"Report_1"}),
            (TaskQuery(worker="w"), {"etl.Load_1"}),
            (TaskQuery(search="etl.Load_2"), {"etl.Load_2"}),
            (TaskQuery(search="LOAD 2026-01-02"), {"etl.Load_2"}),
            (TaskQuery(param="date", value="2026-01-01"), {"etl.Load_1", "etl.Clean_1"}),
            (TaskQuery(value="2026-01-01"), {"etl.Load_1", "etl.Clean_1", "Report_1"}),
            (TaskQuery(value="orders"), {"etl.Load_1", "etl.Load_2"}),
            (TaskQuery(value="orders", statuses=frozenset({"PENDING"})), {"etl.Load_2"}),
            (TaskQuery(value="order"), set()),
        ],
        ids=str,
    )
    def test_it_finds_by_namespace_worker_exact_id_and_parameter_value(
        self, scheduler: Scheduler, clock: Clock, query: TaskQuery, found: set[str]
    ) -> None:
        page = task_page(scheduler.state, query, clock())()
        assert {row.task_id for row in page.rows} == found
        assert page.total == len(found)
        assert {one.task_id for one in candidates(scheduler.state, query, FORGIVE)()} == found

    @pytest.mark.parametrize("key", SORT_KEYS)
    def test_every_key_sorts_both_ways(self, scheduler: Scheduler, clock: Clock, key: str) -> None:
        up, down = (
            [row.task_id for row in task_page(scheduler.state, TaskQuery(sort=key, descending=way), clock())().rows]
            for way in (False, True)
        )
        assert up == down[::-1]
        assert len(up) == 4
