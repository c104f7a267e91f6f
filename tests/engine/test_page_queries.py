"""What pages ask of one task or worker: what blocks it, what is left to it, how often it was tried."""

from __future__ import annotations

import pytest

from luigiviz.engine import Scheduler, queries, surroundings
from luigiviz.engine.views import Blockers, TaskRow
from tests.engine.conftest import Clock, MakeScheduler


@pytest.fixture
def scheduler(make_scheduler: MakeScheduler) -> Scheduler:
    return make_scheduler(retry_delay=-1)


def blockers(scheduler: Scheduler, task_id: str, most: int = 100, shown: int = 10) -> Blockers:
    return surroundings.blockers(scheduler.state, task_id, most, shown, 0.0)()


def names(found: Blockers) -> list[tuple[str, int]]:
    return [(one.row.task_id, one.distance) for one in found.shown]


def rows(scheduler: Scheduler, task_id: str, clock: Clock) -> TaskRow:
    detail = queries.task_detail(scheduler.state, task_id, clock())
    assert detail is not None
    return detail.row


class TestBlockers:
    def test_failed_and_disabled_tasks_upstream_are_named_nearest_first(self, scheduler: Scheduler) -> None:
        scheduler.add_task(worker="w", task_id="near", family="F", status="DISABLED")
        scheduler.add_task(worker="w", task_id="far", family="F", status="FAILED", expl='"torn"')
        scheduler.add_task(worker="w", task_id="fine", family="F", status="DONE", deps=["far"])
        scheduler.add_task(worker="w", task_id="middle", family="F", deps=["far", "missing"])
        scheduler.add_task(worker="w", task_id="top", family="F", deps=["middle", "near", "fine"])
        found = blockers(scheduler, "top")
        assert names(found) == [("near", 1), ("far", 2)]
        assert (found.total, found.more) == (2, False)
        assert found.shown[1].row.expl == '"torn"'

    def test_what_a_task_does_not_wait_for_does_not_block_it(self, scheduler: Scheduler) -> None:
        scheduler.add_task(worker="w", task_id="bad", family="F", status="FAILED")
        scheduler.add_task(worker="w", task_id="done", family="F", status="DONE", deps=["bad"])
        scheduler.add_task(worker="w", task_id="top", family="F", deps=["done", "missing"])
        for task_id in ("top", "bad", "missing", "unknown"):
            assert blockers(scheduler, task_id) == Blockers((), 0, False)

    def test_a_long_chain_is_followed_to_its_end_and_a_circle_ends(self, scheduler: Scheduler) -> None:
        scheduler.add_task(worker="w", task_id="T0", family="F", status="FAILED", deps=["T50"])
        for number in range(1, 51):
            scheduler.add_task(worker="w", task_id=f"T{number}", family="F", deps=[f"T{number - 1}"])
        assert names(blockers(scheduler, "T50")) == [("T0", 50)]
        cut = blockers(scheduler, "T50", most=20)
        assert (cut.total, cut.more) == (0, True)

    def test_many_are_counted_and_the_first_are_named(self, scheduler: Scheduler) -> None:
        ids = [f"bad{number}" for number in range(8)]
        for task_id in ids:
            scheduler.add_task(worker="w", task_id=task_id, family="F", status="FAILED")
        scheduler.add_task(worker="w", task_id="top", family="F", deps=ids)
        found = blockers(scheduler, "top", shown=3)
        assert names(found) == [("bad0", 1), ("bad1", 1), ("bad2", 1)]
        assert found.total == 8


class TestLeft:
    def test_tasks_that_could_start_come_first_by_rank_and_those_of_others_do_not_count(
        self, scheduler: Scheduler, clock: Clock
    ) -> None:
        for task_id, priority, deps in (("old", 0, []), ("new", 0, []), ("held", 9, ["gone"]), ("urgent", 5, [])):
            scheduler.add_task(worker="w", task_id=task_id, family="F", priority=priority, deps=deps)
            clock.advance(1)
        scheduler.add_task(worker="w", task_id="done", family="F", status="DONE")
        scheduler.add_task(worker="other", task_id="foreign", family="F")
        left = queries.left_to(scheduler.state, "w", 20, clock())()
        assert [row.task_id for row in left] == ["urgent", "old", "new", "held"]
        assert [row.task_id for row in queries.left_to(scheduler.state, "w", 2, clock())()] == ["urgent", "old"]
        assert queries.left_to(scheduler.state, "nobody", 2, clock())() == ()


class TestAttempts:
    def test_failures_count_and_so_does_the_run_that_goes_on_or_succeeded(
        self, scheduler: Scheduler, clock: Clock
    ) -> None:
        def run(status: str | None) -> int:
            scheduler.add_task(worker="w", task_id="T", family="F")
            assert scheduler.get_work(worker="w")["task_id"] == "T"
            if status:
                scheduler.add_task(worker="w", task_id="T", family="F", status=status, expl="x")
            return rows(scheduler, "T", clock).num_attempts

        scheduler.add_task(worker="w", task_id="T", family="F")
        assert rows(scheduler, "T", clock).num_attempts == 0
        assert run("FAILED") == 1
        assert rows(scheduler, "T", clock).expl == "x"
        scheduler.forgive_failures(task_id="T")
        assert rows(scheduler, "T", clock).num_attempts == 1
        assert rows(scheduler, "T", clock).expl is None
        assert run(None) == 2
        scheduler.add_task(worker="w", task_id="T", family="F", status="DONE")
        assert rows(scheduler, "T", clock).num_attempts == 2

    def test_a_task_that_was_found_done_was_never_tried(self, scheduler: Scheduler, clock: Clock) -> None:
        scheduler.add_task(worker="w", task_id="T", family="F", status="DONE")
        assert rows(scheduler, "T", clock).num_attempts == 0
