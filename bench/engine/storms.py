"""What touches many tasks at once: failing roots, vanishing workers, long pages; each timed a few times."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bench.engine import collector
from bench.engine.calls import Clock
from bench.engine.shapes import Claim, claim, task_id, worker_id
from bench.engine.timing import Figures, Stopwatch
from luigiviz.engine import Scheduler, SchedulerConfig, queries
from luigiviz.engine.views import TaskQuery

_REPETITIONS = 3
_FAILED_PAGE = TaskQuery(statuses=frozenset({"UPSTREAM_FAILED"}))
_PENDING_PAGE = TaskQuery(statuses=frozenset({"PENDING"}))
_DEEP_PAGE = TaskQuery(page=1500)


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured in one storm."""

    storm: str
    tasks: int
    calls: dict[str, Figures]
    #: What was not as it should be afterwards.
    wrong: list[str]


def measure(name: str, tasks: int, mode: str) -> Report:
    """Bring about one kind of storm; to be called in a process of its own."""
    watch = Stopwatch()
    collector.before_filling(mode)
    wrong: list[str] = []
    for _ in range(_REPETITIONS):
        STORMS[name](tasks, mode, watch, wrong)
    return Report(name, tasks, watch.figures(), sorted(set(wrong)))


def _filled(claims: Iterator[Claim], mode: str) -> tuple[Scheduler, Clock]:
    clock = Clock()
    scheduler = Scheduler(SchedulerConfig(), {}, clock=clock)
    for arguments in claims:
        scheduler.call("add_task", arguments)
    collector.after_filling(mode)
    return scheduler, clock


def _finish(scheduler: Scheduler, number: int, status: str) -> None:
    claim = {"worker": worker_id(0), "task_id": task_id(number), "status": status, "runnable": True, "expl": "why"}
    scheduler.call("add_task", claim)


def _root_fails(claims: Iterator[Claim], mode: str, watch: Stopwatch, wrong: list[str], dependents: int) -> None:
    """The task with number 0, on which all others wait, fails, is retried and succeeds."""
    scheduler, clock = _filled(claims, mode)
    state = scheduler.state

    def check(wanted: int) -> None:
        counted = state.shelves.display_count("UPSTREAM_FAILED")
        if counted != wanted:
            wrong.append(f"{counted} upstream-failed, not {wanted}")

    work = {"worker": worker_id(0), "host": "node", "current_tasks": []}
    scheduler.call("get_work", work)
    watch.time("root fails", lambda: _finish(scheduler, 0, "FAILED"))
    check(dependents)
    watch.time("status counts, all upstream-failed", lambda: queries.overview(state, clock.now))
    watch.time("page of upstream-failed", lambda: queries.task_page(state, _FAILED_PAGE, clock.now)())
    watch.time("page of PENDING, all upstream-failed", lambda: queries.task_page(state, _PENDING_PAGE, clock.now)())
    watch.time("page of all, all upstream-failed", lambda: queries.task_page(state, TaskQuery(), clock.now)())
    watch.time("root is retried", lambda: scheduler.call("forgive_failures", {"task_id": task_id(0)}))
    check(0)
    scheduler.call("get_work", work)
    watch.time("root succeeds", lambda: _finish(scheduler, 0, "DONE"))
    check(0)
    scheduler.call("add_task", claim(0, []))
    watch.time("root fails again, others are ready", lambda: _finish(scheduler, 0, "FAILED"))
    watch.time("root succeeds at once", lambda: _finish(scheduler, 0, "DONE"))
    check(0)


def fan_out(tasks: int, mode: str, watch: Stopwatch, wrong: list[str]) -> None:
    """All wait for one root directly."""
    _root_fails((claim(number, [0] if number else []) for number in range(tasks + 1)), mode, watch, wrong, tasks)


def long_chain(tasks: int, mode: str, watch: Stopwatch, wrong: list[str]) -> None:
    """Each waits for the one before."""
    claims = (claim(number, [number - 1] if number else []) for number in range(tasks + 1))
    _root_fails(claims, mode, watch, wrong, tasks)


def lattice(tasks: int, mode: str, watch: Stopwatch, wrong: list[str]) -> None:
    """Each waits for two others, and at last for one root."""

    def claims() -> Iterator[Claim]:
        for number in range(tasks + 1):
            yield claim(number, sorted({(number - 1) // 2, max(number // 2 - 1, 0)}) if number else [])

    _root_fails(claims(), mode, watch, wrong, tasks)


def two_of_many(tasks: int, mode: str, watch: Stopwatch, wrong: list[str]) -> None:
    """One root waits for many; the first and the last of these fail and are retried in turn."""

    def claims() -> Iterator[Claim]:
        yield claim(0, list(range(1, tasks + 1)))
        for number in range(1, tasks + 1):
            yield claim(number, [])

    scheduler, _ = _filled(claims(), mode)
    for _round in range(5):
        for number in (1, tasks):
            watch.time("one of many fails", lambda: _finish(scheduler, number, "FAILED"))  # noqa: B023
        for number in (1, tasks):
            watch.time(
                "one of many is retried",
                lambda: scheduler.call("forgive_failures", {"task_id": task_id(number)}),  # noqa: B023
            )
    watch.time("one of many succeeds", lambda: _finish(scheduler, 1, "DONE"))
    watch.time("root gets one more dependency", lambda: scheduler.call("add_task", _more_deps(tasks)))
    watch.time("root is DONE", lambda: _finish(scheduler, 0, "DONE"))
    if scheduler.state.shelves.display_count("UPSTREAM_FAILED"):
        wrong.append("upstream-failed without a failure")


def _more_deps(tasks: int) -> Claim:
    return claim(0, []) | {"deps": None, "new_deps": [task_id(tasks + 1)]}


def far_source(tasks: int, mode: str, watch: Stopwatch, wrong: list[str]) -> None:
    """A task waits for another and for a long chain; the other and the chain's first fail, and the other is retried."""

    def claims() -> Iterator[Claim]:
        for number in range(tasks):
            yield claim(number, [number - 1] if number else [])
        yield claim(tasks, [])
        yield claim(tasks + 1, [tasks, tasks - 1])

    scheduler, _ = _filled(claims(), mode)
    _finish(scheduler, 0, "FAILED")
    forgive = {"task_id": task_id(tasks)}
    for _round in range(5):
        watch.time("the near one fails", lambda: _finish(scheduler, tasks, "FAILED"))
        watch.time("the near one is retried", lambda: scheduler.call("forgive_failures", forgive))
    if scheduler.state.shelves.display_count("UPSTREAM_FAILED") != tasks:
        wrong.append("count of upstream-failed")


def vanishing_worker(tasks: int, mode: str, watch: Stopwatch, wrong: list[str]) -> None:
    """A worker with many tasks falls silent; then its tasks are forgotten."""
    scheduler, clock = _filled(
        (claim(number, [number + 1] if number % 2 == 0 else []) for number in range(tasks)), mode
    )
    scheduler.call("ping", {"worker": "another"})
    clock.now += 61
    watch.time("a worker vanishes", lambda: scheduler.call("prune", {}))
    if worker_id(0) in scheduler.workers:
        wrong.append("the worker is still there")
    clock.now += 601
    watch.time("its tasks are forgotten", lambda: scheduler.call("prune", {}))
    if scheduler.tasks:
        wrong.append("tasks are still there")


def vanishing_partner(tasks: int, mode: str, watch: Stopwatch, wrong: list[str]) -> None:
    """A worker whose tasks another has too falls silent."""
    scheduler, clock = _filled((claim(number, []) for number in range(tasks)), mode)
    for number in range(tasks):
        scheduler.call("add_task", claim(number, [], worker=1))
    clock.now += 50
    scheduler.call("ping", {"worker": worker_id(1)})
    clock.now += 15
    watch.time("a worker with a partner vanishes", lambda: scheduler.call("prune", {}))
    watch.time("a worker is disabled", lambda: scheduler.call("disable_worker", {"worker": worker_id(1)}))
    if list(scheduler.workers) != [worker_id(1)] or len(scheduler.tasks) != tasks:
        wrong.append("workers or tasks")


def long_pages(tasks: int, mode: str, watch: Stopwatch, wrong: list[str]) -> None:
    """Pages that are not the first, and other reads of pages."""
    claims = (claim(number, [0] if number else []) for number in range(tasks))
    scheduler, clock = _filled(claims, mode)
    state = scheduler.state
    watch.time("page 1500 of the list", lambda: queries.task_page(state, _DEEP_PAGE, clock.now)())
    watch.time("page sorted by priority", lambda: queries.task_page(state, TaskQuery(sort="priority"), clock.now)())
    watch.time("page of a search", lambda: queries.task_page(state, TaskQuery(search="part=77"), clock.now)())
    watch.time("families", lambda: queries.families(state))
    watch.time("a task with many dependents", lambda: queries.task_detail(state, task_id(0), clock.now))
    watch.time("roots", lambda: queries.roots(state, 200, clock.now))
    watch.time(
        "graph around a task with many dependents",
        lambda: queries.graph_view(state, task_id(0), inverse=True, include_done=True, max_nodes=300, now=clock.now),
    )
    for number in range(tasks - 1):
        # Only the oldest task stays without dependents.
        scheduler.call("add_task", {"worker": worker_id(0), "task_id": task_id(number), "deps": [task_id(number + 1)]})
    watch.time("roots, where there is one", lambda: queries.roots(state, 200, clock.now))


Storm = Callable[[int, str, Stopwatch, list[str]], None]
STORMS: dict[str, Storm] = {
    storm.__name__: storm
    for storm in (
        fan_out,
        long_chain,
        lattice,
        two_of_many,
        far_source,
        vanishing_worker,
        vanishing_partner,
        long_pages,
    )
}
