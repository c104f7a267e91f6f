"""Pipelines: the tasks that nobody depends on, each with all that stands upstream of it.

Only lists of references are copied while the state must not change. The walks happen afterwards: they read single
attributes of tasks, so that they see each task as it is at that moment, and never a half-changed one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter

from luigiviz.engine.config import SchedulerConfig
from luigiviz.engine.listings import matches, search_terms
from luigiviz.engine.model import Task
from luigiviz.engine.queries import display_status, ref, row
from luigiviz.engine.runs import RUN_STATUSES
from luigiviz.engine.state import State
from luigiviz.engine.statuses import (
    DISABLED,
    DONE,
    FAILED,
    UNKNOWN,
    UPSTREAM_DISABLED,
    UPSTREAM_FAILED,
)
from luigiviz.engine.views import Closure, PipelinePage, PipelineQuery

#: Blocking tasks that a closure names.
MAX_BLOCKERS = 5

#: What pages call a root by what it waits for, worst first.
TROUBLED, GOING, FINISHED = "troubled", "going", "finished"
STANDINGS = (TROUBLED, GOING, FINISHED)

_TROUBLE = frozenset({FAILED, DISABLED, UPSTREAM_FAILED, UPSTREAM_DISABLED})

#: Given families, the usual running time of each in seconds; those without one are left out.
Usual = Callable[[Iterable[str]], Mapping[str, float]]


def standing(task: Task) -> str:
    """Whether a root is in trouble, going or finished. Its own status says it, since trouble spreads downstream."""
    status = display_status(task)
    return TROUBLED if status in _TROUBLE else FINISHED if status == DONE else GOING


def pipeline_page(state: State, query: PipelineQuery, now: float) -> Callable[[], PipelinePage]:
    """Return a page of roots: those in trouble first, then those that go on, then finished ones; each newest first."""
    tasks = list(state.tasks.values())
    config = state.config
    return lambda: _page(tasks, config, query, now)


def _page(tasks: Iterable[Task], config: SchedulerConfig, query: PipelineQuery, now: float) -> PipelinePage:
    terms = search_terms(query.search)
    found: dict[str, list[Task]] = {name: [] for name in STANDINGS}
    alone = 0
    for task in tasks:
        if task.dependents or (terms and not matches(terms, task)):
            continue
        if not task.deps:
            alone += 1
            if not query.with_single_tasks:
                continue
        found[standing(task)].append(task)
    counts = {name: len(found[name]) for name in STANDINGS}
    chosen = [
        task
        for name in STANDINGS
        if query.standing in (None, name)
        for task in sorted(found[name], key=attrgetter("order"), reverse=True)
    ]
    start = (query.page - 1) * query.page_size
    rows = tuple(row(task, config, now) for task in chosen[start : start + query.page_size])
    return PipelinePage(rows, len(chosen), counts, alone, query)


def closure(state: State, root_id: str, most: int, usual: Usual, now: float) -> Callable[[], Closure | None]:
    """Return what stands upstream of a task, itself included, up to ``most`` tasks; None if it is not known."""
    tasks = state.tasks
    return lambda: _closure(tasks, root_id, most, usual, now)


def _closure(tasks: Mapping[str, Task], root_id: str, most: int, usual: Usual, now: float) -> Closure | None:
    root = tasks.get(root_id)
    if root is None:
        return None
    reached: dict[str, Task | None] = {root_id: root}
    queue = [root_id]
    truncated = False
    for task_id in queue:
        task = reached[task_id]
        for dep_id in () if task is None else task.deps:
            if dep_id in reached:
                continue
            if len(reached) >= most:
                truncated = True
                break
            reached[dep_id] = tasks.get(dep_id)
            queue.append(dep_id)
    known = [task for task in reached.values() if task is not None]
    by_status = Counter(UNKNOWN if task is None else display_status(task) for task in reached.values())
    starts = [task.time_running for task in known if task.time_running is not None]
    is_done = by_status[DONE] == len(reached)
    blockers = [task for task in known if task.status in (FAILED, DISABLED)]
    unfinished = {task.id: task for task in known if task.status != DONE}
    left, covered = (None, 0) if truncated or not unfinished else _time_left(unfinished, usual, now)
    return Closure(
        total=len(reached),
        by_status=dict(by_status),
        truncated=truncated,
        started=min(starts, default=None),
        ended=max((task.updated for task in known), default=None) if is_done else None,
        num_blockers=len(blockers),
        blockers=tuple(ref(task) for task in blockers[:MAX_BLOCKERS]),
        seconds_left=left,
        num_unfinished=len(unfinished),
        num_estimated=covered,
    )


def _time_left(unfinished: Mapping[str, Task], usual: Usual, now: float) -> tuple[float | None, int]:
    """Return an estimate of the seconds until all is done, and for how many tasks a usual running time is known.

    No less than the longest chain of tasks, and no less than the work that is left, shared by as many processes as run
    now. It is a guess: it knows nothing of failures, resources and workers to come.
    """
    medians = usual(dict.fromkeys(task.family for task in unfinished.values() if task.family))
    seconds: dict[str, float] = {}
    running = covered = 0
    for task_id, task in unfinished.items():
        median = medians.get(task.family)
        covered += median is not None
        spent = 0.0
        if task.status in RUN_STATUSES:
            running += 1
            spent = now - (now if task.time_running is None else task.time_running)
        seconds[task_id] = max(0.0, (median or 0.0) - spent)
    if not covered:
        return None, 0
    return max(_longest_chain(unfinished, seconds), sum(seconds.values()) / max(1, running)), covered


def _longest_chain(unfinished: Mapping[str, Task], seconds: Mapping[str, float]) -> float:
    """Return the length of the longest chain of dependencies; a circle counts as if it were cut somewhere."""
    longest: dict[str, float] = {}
    entered: set[str] = set()
    for start in unfinished:
        stack = [start]
        while stack:
            task_id = stack[-1]
            if task_id in longest:
                stack.pop()
                continue
            deps = [dep for dep in unfinished[task_id].deps if dep in unfinished]
            waiting = [dep for dep in deps if dep not in longest and dep not in entered]
            if waiting and task_id not in entered:
                entered.add(task_id)
                stack.extend(waiting)
                continue
            entered.add(task_id)
            longest[task_id] = seconds[task_id] + max((longest.get(dep, 0.0) for dep in deps), default=0.0)
            stack.pop()
    return max(longest.values(), default=0.0)
