"""Pipelines: roots and all that stands upstream of them."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from luigiviz.engine import Scheduler
from luigiviz.engine.pipelines import closure, pipeline_page
from luigiviz.engine.views import Closure, PipelineQuery
from tests.engine.conftest import Clock, MakeScheduler


def run(scheduler: Scheduler, task_id: str, status: str | None, family: str = "F", deps: Iterable[str] = ()) -> None:
    """Announce a task with a high priority, run it, and end it unless ``status`` is None."""
    deps = list(deps)
    scheduler.add_task(worker="w", task_id=task_id, family=family, priority=9, deps=deps)
    assert scheduler.get_work(worker="w")["task_id"] == task_id
    if status:
        scheduler.add_task(worker="w", task_id=task_id, family=family, status=status, deps=deps)


def closure_of(scheduler: Scheduler, root: str, clock: Clock, most: int = 100, **times: float) -> Closure:
    found = closure(scheduler.state, root, most, lambda _families: times, clock())()
    assert found is not None
    return found


@pytest.fixture
def scheduler(make_scheduler: MakeScheduler) -> Scheduler:
    return make_scheduler(retry_delay=-1)


class TestPage:
    def test_roots_in_trouble_come_first_then_those_that_go_on_then_finished_ones(
        self, scheduler: Scheduler, clock: Clock
    ) -> None:
        run(scheduler, "base", "DONE")
        run(scheduler, "finished", "DONE", deps=["base"])
        run(scheduler, "bad", "FAILED")
        scheduler.add_task(worker="w", task_id="troubled", family="F", deps=["bad", "base"])
        scheduler.add_task(worker="w", task_id="going", family="F", deps=["base", "missing"])
        scheduler.add_task(worker="w", task_id="single", family="F")
        page = pipeline_page(scheduler.state, PipelineQuery(), clock())()
        assert [row.task_id for row in page.rows] == ["troubled", "going", "finished"]
        assert dict(page.counts) == {"troubled": 1, "going": 1, "finished": 1}
        assert (page.total, page.num_single_tasks) == (3, 1)

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            (PipelineQuery(standing="going"), ["b", "a"]),
            (PipelineQuery(standing="troubled"), []),
            (PipelineQuery(search="N=1"), ["b"]),
            (PipelineQuery(with_single_tasks=True), ["single", "b", "a"]),
            (PipelineQuery(page=2, page_size=1), ["a"]),
        ],
        ids=str,
    )
    def test_it_is_narrowed_by_standing_and_search_and_paged(
        self, scheduler: Scheduler, clock: Clock, query: PipelineQuery, found: list[str]
    ) -> None:
        for number, task_id in enumerate("ab"):
            scheduler.add_task(worker="w", task_id=task_id, family="F", deps=["dep"], params={"n": str(number)})
        scheduler.add_task(worker="w", task_id="single", family="F")
        page = pipeline_page(scheduler.state, query, clock())()
        assert [row.task_id for row in page.rows] == found


class TestClosure:
    def test_it_counts_each_task_once_and_names_what_blocks_nearest_first(
        self, scheduler: Scheduler, clock: Clock
    ) -> None:
        run(scheduler, "far", "FAILED")
        run(scheduler, "near", "FAILED")
        run(scheduler, "done", "DONE")
        scheduler.add_task(worker="w", task_id="left", family="F", deps=["far", "done"])
        scheduler.add_task(worker="w", task_id="right", family="F", deps=["done", "gone"])
        scheduler.add_task(worker="w", task_id="root", family="F", deps=["left", "right", "near"])
        found = closure_of(scheduler, "root", clock)
        assert found.total == 7
        assert found.by_status == {"UPSTREAM_FAILED": 2, "PENDING": 1, "FAILED": 2, "DONE": 1, "UNKNOWN": 1}
        assert [blocker.task_id for blocker in found.blockers] == ["near", "far"]
        assert (found.num_blockers, found.truncated, found.ended) == (2, False, None)

    def test_it_knows_when_it_began_and_ended(self, scheduler: Scheduler, clock: Clock) -> None:
        begun = clock()
        run(scheduler, "a", None)
        clock.advance(30)
        scheduler.add_task(worker="w", task_id="a", family="F", status="DONE")
        run(scheduler, "b", None, deps=["a"])
        assert (closure_of(scheduler, "b", clock).started, closure_of(scheduler, "b", clock).ended) == (begun, None)
        clock.advance(12)
        scheduler.add_task(worker="w", task_id="b", family="F", status="DONE", deps=["a"])
        assert closure_of(scheduler, "b", clock).ended == begun + 42

    def test_a_limit_cuts_it_and_says_so(self, scheduler: Scheduler, clock: Clock) -> None:
        scheduler.add_task(worker="w", task_id="root", family="F", deps=[f"d{number}" for number in range(20)])
        found = closure_of(scheduler, "root", clock, most=10, F=5.0)
        assert (found.total, found.truncated, found.seconds_left) == (10, True, None)

    def test_what_is_left_is_at_least_the_longest_chain(self, scheduler: Scheduler, clock: Clock) -> None:
        run(scheduler, "one", None, family="Slow")
        run(scheduler, "two", None, family="Slow")
        scheduler.add_task(worker="w", task_id="mid", family="Fast", deps=["one"])
        scheduler.add_task(worker="w", task_id="root", family="Slow", deps=["mid", "two"])
        clock.advance(40)
        # One: 60 s are left of 100. Then Mid, then Root.
        assert closure_of(scheduler, "root", clock, Slow=100.0, Fast=7.0).seconds_left == 60 + 7 + 100
        found = closure_of(scheduler, "root", clock, Slow=0.0, Fast=7.0)
        assert (found.num_unfinished, found.num_estimated, found.seconds_left) == (4, 4, 7)

    def test_what_is_left_is_at_least_the_work_shared_by_what_runs(self, scheduler: Scheduler, clock: Clock) -> None:
        run(scheduler, "d0", None)
        for number in range(1, 10):
            scheduler.add_task(worker="w", task_id=f"d{number}", family="F")
        scheduler.add_task(worker="w", task_id="root", family="Wrapper", deps=[f"d{number}" for number in range(10)])
        found = closure_of(scheduler, "root", clock, F=10.0)
        assert (found.seconds_left, found.num_estimated) == (100, 10)

    def test_without_usual_times_there_is_no_estimate(self, scheduler: Scheduler, clock: Clock) -> None:
        scheduler.add_task(worker="w", task_id="root", family="F", deps=["a"])
        assert closure_of(scheduler, "root", clock).seconds_left is None
        assert closure(scheduler.state, "nobody", 10, lambda _families: {}, clock())() is None

    def test_circles_end(self, scheduler: Scheduler, clock: Clock) -> None:
        for number in range(5):
            scheduler.add_task(worker="w", task_id=f"T{number}", family="F", deps=[f"T{(number + 1) % 5}"])
        found = closure_of(scheduler, "T0", clock, F=1.0)
        assert (found.total, found.seconds_left) == (5, 5)
