"""What pages ask: counts, pages of tasks, details, graphs, as the immutable values of ``views``.

A query has two halves. The first copies references and must run while nobody changes the state; the second,
a function that the first returns, does the work and may run at any time.
"""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter
from typing import Any

from luigiviz.engine.config import SchedulerConfig
from luigiviz.engine.listings import (
    first_task_display_name,
    matches,
    pending_counts,
    search_terms,
)
from luigiviz.engine.model import Task, Worker
from luigiviz.engine.policy import num_failures
from luigiviz.engine.ready import ReadyGroup
from luigiviz.engine.resources import DEFAULT_TOTAL, held
from luigiviz.engine.runs import RUN_STATUSES
from luigiviz.engine.serialize import family_of_id
from luigiviz.engine.shelves import Family
from luigiviz.engine.state import State
from luigiviz.engine.statuses import (
    DISABLED,
    DISPLAY_STATUSES,
    DONE,
    FAILED,
    PENDING,
    RUNNING,
    TRUNCATED,
    UNKNOWN,
)
from luigiviz.engine.steering import FITS
from luigiviz.engine.upstream import FLAG_STATUS, upstream_status
from luigiviz.engine.views import (
    Candidate,
    FamilyCount,
    GraphNode,
    GraphView,
    Overview,
    ResourceView,
    TaskDetail,
    TaskPage,
    TaskQuery,
    TaskRef,
    TaskRow,
    WorkerView,
)

#: Longest list of dependencies or dependents that a task's page gets.
MAX_NEIGHBOURS = 200

#: Tasks that wait for a resource and are named.
MAX_WAITING = 10


def display_status(task: Task) -> str:
    """Return the status that pages show."""
    return FLAG_STATUS[task.flag] or task.status


def overview(state: State, now: float) -> Overview:
    """Return what every page shows."""
    return Overview(
        counts={status: state.shelves.display_count(status) for status in DISPLAY_STATUSES},
        total=len(state.tasks),
        num_workers=len(state.workers),
        paused=state.paused,
        paused_at=state.paused_at,
        paused_by=state.paused_by,
        pause_enabled=state.config.pause_enabled,
        has_task_history=state.config.record_task_history,
        version=state.version,
        now=now,
    )


def families(state: State) -> tuple[FamilyCount, ...]:
    """Return the families by name, with their tasks by display status."""
    found = []
    for family in sorted(state.shelves.families.values(), key=attrgetter("name")):
        counts = {status: number for status in DISPLAY_STATUSES if (number := family.display_count(status))}
        found.append(FamilyCount(family.name, sum(counts.values()), counts))
    return tuple(found)


def duration(task: Task, now: float) -> float | None:
    """Return the seconds that a task's run goes on or, once it has ended, took."""
    if task.time_running is None:
        return None
    if task.status in RUN_STATUSES:
        return max(0.0, now - task.time_running)
    if task.status in (DONE, FAILED) and task.updated >= task.time_running:
        return task.updated - task.time_running
    return None


def num_attempts(task: Task) -> int:
    """Return how often a task was tried, as far as the scheduler remembers."""
    is_run = task.status in RUN_STATUSES or (task.status == DONE and task.time_running is not None)
    return len(task.failures or ()) + is_run


def _expl(task: Task) -> str | None:
    return None if task.expl is None else task.expl if isinstance(task.expl, str) else repr(task.expl)


def row(task: Task, config: SchedulerConfig, now: float) -> TaskRow:
    """Return a task as a row."""
    return TaskRow(
        task_id=task.id,
        display_name=task.display_name if task.family else task.id,
        family=task.family,
        module=task.module,
        params=task.visible_params,
        status=display_status(task),
        priority=task.priority,
        resources=task.resources,
        worker_running=task.worker_running,
        workers=task.workers,
        start_time=task.time,
        updated=task.updated,
        time_running=task.time_running,
        duration=duration(task, now),
        tracking_url=task.tracking_url,
        status_message=None if task.status_message is None else str(task.status_message),
        progress_percentage=task.progress_percentage,
        num_failures=len(task.failures or ()),
        num_attempts=num_attempts(task),
        expl=_expl(task) if task.status in (FAILED, DISABLED) else None,
        re_enable_able=task.status == DISABLED and task.scheduler_disable_time is not None,
        accepts_messages=bool(config.send_messages and task.status == RUNNING and task.accepts_messages),
        batch_id=task.batch_id,
    )


def ref(task: Task) -> TaskRef:
    """Return a task as a link."""
    return TaskRef(task.id, task.display_name if task.family else task.id, task.family, display_status(task))


def ref_of_id(state: State, task_id: str) -> TaskRef:
    """Return the task of an id as a link, known or not."""
    task = state.tasks.get(task_id)
    return TaskRef(task_id, task_id, family_of_id(task_id), UNKNOWN, known=False) if task is None else ref(task)


# The task table

_SORT_KEYS: dict[str, Callable[[Task, float], Any]] = {
    "status": lambda task, now: DISPLAY_STATUSES.index(display_status(task)),
    "family": lambda task, now: task.family,
    "params": lambda task, now: task.display_name,
    "resources": lambda task, now: sorted(task.resources.items()),
    "priority": lambda task, now: task.priority,
    "worker": lambda task, now: task.worker_running or "",
    "added": lambda task, now: task.time,
    "started": lambda task, now: task.time_running or 0.0,
    "duration": lambda task, now: -1.0 if (seconds := duration(task, now)) is None else seconds,
    "attempts": lambda task, now: (num_attempts(task), len(task.failures or ())),
}


def task_page(state: State, query: TaskQuery, now: float) -> Callable[[], TaskPage]:
    """Return a page of the task table.

    By time of update and without search the page costs what it holds; otherwise all tasks of the filter are looked at,
    in the second half.
    """
    start = (query.page - 1) * query.page_size
    config = state.config
    if query.sort == "updated" and not _looks_at_tasks(query):
        chosen, statuses = _families(state, query), _statuses(query)
        newest_first = query.descending
        runs = [family.ordered(status, newest_first=newest_first) for family in chosen for status in statuses]
        merged = heapq.merge(*runs, key=attrgetter("order"), reverse=newest_first)
        tasks = list(itertools.islice(merged, start, start + query.page_size))
        total = sum(family.display_count(status) for family in chosen for status in statuses)
        return lambda: TaskPage(tuple(row(task, config, now) for task in tasks), total, query)
    found = _matching(state, query)
    return lambda: _sorted_page(found(), config, query, start, now)


def candidates(state: State, query: TaskQuery, action: str) -> Callable[[], tuple[Candidate, ...]]:
    """Return all tasks that a filter matches, whatever its page, with whether an action would change them."""
    found = _matching(state, query)
    return lambda: tuple(_candidate(task, action) for task in sorted(found(), key=attrgetter("order"), reverse=True))


def candidates_of_ids(state: State, task_ids: Iterable[str], action: str) -> Callable[[], tuple[Candidate, ...]]:
    """Return the tasks of some ids, each once, with whether an action would change them."""
    tasks = [(task_id, state.tasks.get(task_id)) for task_id in dict.fromkeys(task_ids)]
    return lambda: tuple(
        Candidate(task_id, task_id, family_of_id(task_id), None, False) if task is None else _candidate(task, action)
        for task_id, task in tasks
    )


def _candidate(task: Task, action: str) -> Candidate:
    return Candidate(
        task_id=task.id,
        display_name=task.display_name if task.family else task.id,
        family=task.family,
        status=display_status(task),
        fits=FITS[action](task),
        by_scheduler=task.scheduler_disable_time is not None,
        batch_id=task.batch_id if task.status in RUN_STATUSES else None,
    )


def _looks_at_tasks(query: TaskQuery) -> bool:
    """Whether the filter asks for more than families and statuses, which have shelves."""
    return bool(query.search or query.worker or query.runner) or query.value is not None


def _statuses(query: TaskQuery) -> frozenset[str]:
    return query.statuses or frozenset(DISPLAY_STATUSES)


def _families(state: State, query: TaskQuery) -> list[Family]:
    families = state.shelves.families
    if query.family is not None:
        chosen = [families[query.family]] if query.family in families else []
    else:
        chosen = list(families.values())
    if query.namespace is not None:
        start = f"{query.namespace}." if query.namespace else ""
        chosen = [family for family in chosen if (family.name.startswith(start) if start else "." not in family.name)]
    return chosen


def _matching(state: State, query: TaskQuery) -> Callable[[], list[Task]]:
    """Return the tasks that a filter matches, in no particular order."""
    chosen, statuses = _families(state, query), _statuses(query)
    tasks = [task for family in chosen for status in statuses for task in family.on_shelf(status)]
    if not _looks_at_tasks(query):
        return lambda: tasks
    terms = search_terms(query.search)

    def matches_all(task: Task) -> bool:
        if query.worker is not None and task.worker_running != query.worker:
            return False
        if query.runner is not None and query.runner not in task.workers:
            return False
        if query.value is not None and not _has_value(task, query.param, query.value):
            return False
        return not terms or task.id == query.search or matches(terms, task)

    return lambda: [task for task in tasks if matches_all(task)]


def _has_value(task: Task, name: str, value: str) -> bool:
    params = task.visible_params
    if name:
        return name in params and str(params[name]) == value
    return any(str(given) == value for given in params.values())


def _sorted_page(tasks: list[Task], config: SchedulerConfig, query: TaskQuery, start: int, now: float) -> TaskPage:
    tasks.sort(key=attrgetter("order"), reverse=query.descending)
    if query.sort != "updated":
        by = _SORT_KEYS[query.sort]
        tasks.sort(key=lambda task: by(task, now), reverse=query.descending)
    rows = tuple(row(task, config, now) for task in tasks[start : start + query.page_size])
    return TaskPage(rows, len(tasks), query)


# One task


def task_detail(state: State, task_id: str, now: float) -> TaskDetail | None:
    """Return everything about a task; None if it is not known."""
    task = state.tasks.get(task_id)
    if task is None:
        return None
    config = state.config
    dependents = task.dependents or ()
    mates = state.runs.members(task.batch_id) if task.status in RUN_STATUSES else []
    disabled_at = task.scheduler_disable_time
    num_failures(task, now)
    return TaskDetail(
        row=row(task, config, now),
        deps=tuple(ref_of_id(state, dep_id) for dep_id in sorted(task.deps)[:MAX_NEIGHBOURS]),
        num_deps=len(task.deps),
        dependents=tuple(
            ref(dependent) for dependent in heapq.nsmallest(MAX_NEIGHBOURS, dependents, key=attrgetter("id"))
        ),
        num_dependents=len(dependents),
        upstream_status=upstream_status(task, state.dependencies, {}) if task.status == PENDING else "",
        expl=_expl(task),
        stakeholders=tuple(sorted(task.stakeholders)),
        resources_running=task.held_resources,
        retry_at=task.retry if task.status == FAILED and config.retry_delay >= 0 else None,
        remove_at=task.remove,
        re_enable_at=None if disabled_at is None else disabled_at + config.disable_persist,
        first_failure_time=task.first_failure_time,
        retry_count=task.retry_policy.retry_count,
        disable_window=task.retry_policy.disable_window,
        disable_hard_timeout=task.retry_policy.disable_hard_timeout,
        batch_mates=tuple(ref(mate) for mate in mates if mate is not task),
        batchable=task.batchable,
        runnable=task.runnable,
    )


def roots(state: State, limit: int, now: float) -> tuple[TaskRow, ...]:
    """Return the newest tasks that nobody depends on."""
    found = (task for task in reversed(state.tasks.values()) if not task.dependents)
    return tuple(row(task, state.config, now) for task in itertools.islice(found, limit))


# Workers and resources


def worker_views(state: State, now: float) -> tuple[WorkerView, ...]:
    """Return all workers, newest first."""
    workers = sorted(state.workers.values(), key=attrgetter("started"), reverse=True)
    return tuple(_worker_view(state, worker, now) for worker in workers)


def last_check_ins(state: State, worker_ids: Iterable[str]) -> Callable[[], dict[str, float | None]]:
    """Return when workers checked in last (seconds since the epoch); None for those that are not connected."""
    workers = {worker_id: state.workers.get(worker_id) for worker_id in worker_ids}
    times = {worker_id: None if worker is None else worker.last_active for worker_id, worker in workers.items()}
    return lambda: times


def worker_view(state: State, worker_id: str, now: float) -> Callable[[], WorkerView | None]:
    """Return one worker; None if it is not connected."""
    worker = state.workers.get(worker_id)
    view = None if worker is None else _worker_view(state, worker, now)
    return lambda: view


def _worker_view(state: State, worker: Worker, now: float) -> WorkerView:
    info = worker.info
    running = state.runs.of_worker(worker.id, RUNNING)
    pending, uniques = pending_counts(worker)
    first_task = info.get("first_task")
    return WorkerView(
        name=worker.id,
        host=_text(info.get("host")) or worker.host,
        pid=_text(info.get("pid")),
        username=_text(info.get("username")),
        state=worker.state,
        assistant=worker.assistant,
        started=worker.started,
        last_active=worker.last_active,
        disconnect_at=worker.last_active + state.config.worker_disconnect_delay,
        processes=worker.slots,
        first_task_id=first_task if isinstance(first_task, str) else None,
        first_task_display_name=str(first_task_display_name(state, worker)),
        num_running=len(running),
        num_pending=pending,
        num_uniques=uniques,
        num_unread_rpc_messages=len(worker.rpc_messages),
        running=tuple(row(task, state.config, now) for task in running),
        info=info,
    )


def left_to(state: State, worker_id: str, most: int, now: float) -> Callable[[], tuple[TaskRow, ...]]:
    """Return PENDING tasks that a worker can run: those that could start now first, each by rank."""
    worker, config = state.workers.get(worker_id), state.config
    crews = () if worker is None else worker.crews
    shares = [list(crew.tasks) for crew in crews if worker_id in crew.workers_set]

    def first() -> tuple[TaskRow, ...]:
        pending = (task for tasks in shares for task in tasks if task.status == PENDING)
        chosen = heapq.nsmallest(most, pending, key=lambda task: (task.unfinished > 0, -task.priority, task.time))
        return tuple(row(task, config, now) for task in chosen)

    return first


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def resource_views(state: State, now: float) -> tuple[ResourceView, ...]:
    """Return the resources that have a total or are used or asked for, by name."""
    pool, config = state.pool, state.config
    holders: dict[str, dict[Task, float]] = {}
    for task in state.runs.running:
        for name, amount in held(task).items():
            if amount:
                holders.setdefault(name, {})[task] = amount
    waiting: dict[str, list[ReadyGroup]] = {}
    for entry in state.ready.heads:
        for name in entry[4].resources:
            waiting.setdefault(name, []).append(entry[4])
    return tuple(
        ResourceView(
            name=name,
            total=pool.totals.get(name, DEFAULT_TOTAL),
            used=pool.used.get(name, 0),
            consumers=tuple(row(task, config, now) for task in holders.get(name, ())),
            amounts={task.id: amount for task, amount in holders.get(name, {}).items()},
            num_waiting=sum(len(group.entries) for group in waiting.get(name, ())),
            waiting=tuple(row(task, config, now) for task in _first(waiting.get(name, ()), MAX_WAITING)),
        )
        for name in sorted({*pool.totals, *pool.used, *waiting})
    )


def _first(groups: Iterable[ReadyGroup], most: int) -> Iterator[Task]:
    """Iterate over the schedulable tasks of highest rank."""
    heads = (itertools.islice(group.entries, most) for group in groups)
    entries = heapq.merge(*heads, key=lambda entry: entry[:3])
    return (entry[3] for entry in itertools.islice(entries, most))


# Graphs


def graph_view(
    state: State, root_id: str, *, inverse: bool, include_done: bool, max_nodes: int, now: float
) -> GraphView | None:
    """Return the graph around a task, breadth first; None if the task is not known.

    Tasks beyond ``max_nodes`` that a shown task points to appear as TRUNCATED.
    """
    if root_id not in state.tasks:
        return None
    nodes: dict[str, GraphNode] = {}
    edges: list[tuple[str, str]] = []
    queue, seen = deque([root_id]), {root_id}
    truncated = False
    while queue:
        task_id = queue.popleft()
        task = state.tasks.get(task_id)
        if len(nodes) >= max_nodes:
            truncated = True
            nodes[task_id] = _graph_node(state, task_id, now, status=TRUNCATED)
            continue
        nodes[task_id] = _graph_node(state, task_id, now)
        if task is None:
            continue
        neighbours = [other.id for other in task.dependents or ()] if inverse else task.deps
        for other in sorted(neighbours):
            if not include_done and _has_status(state, other, DONE):
                continue
            if other not in seen:
                if len(seen) >= 2 * max_nodes:
                    # Enough is shown as cut off; a fan of a million leaves would only bury it.
                    truncated = True
                    continue
                seen.add(other)
                queue.append(other)
            edges.append((other, task_id) if inverse else (task_id, other))
    return GraphView(root_id, tuple(nodes.values()), tuple(edges), truncated)


def _has_status(state: State, task_id: str, status: str) -> bool:
    task = state.tasks.get(task_id)
    return task is not None and task.status == status


def _graph_node(state: State, task_id: str, now: float, status: str | None = None) -> GraphNode:
    task = state.tasks.get(task_id)
    if task is None:
        return GraphNode(task_id, task_id, family_of_id(task_id), status or UNKNOWN, {}, 0, None, None, known=False)
    return GraphNode(
        task_id=task_id,
        display_name=task.display_name if task.family else task_id,
        family=task.family or family_of_id(task_id),
        status=status or display_status(task),
        params=task.visible_params,
        priority=task.priority,
        duration=duration(task, now),
        progress_percentage=task.progress_percentage,
        known=True,
    )
