"""The API's lists and graphs of tasks, workers and resources, with Luigi's keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from luigiviz.engine.model import Task, Worker
from luigiviz.engine.serialize import serialize_task
from luigiviz.engine.state import State
from luigiviz.engine.statuses import PENDING, RUNNING
from luigiviz.engine.traversal import downstream_ids, serialize_graph, upstream_ids
from luigiviz.engine.upstream import upstream_status

Answer = dict[str, Any]


def graph(state: State) -> Answer:
    """Return every task with its dependencies."""
    nodes: Answer = {}
    seen: set[str] = set()
    for task_id in list(state.tasks):
        nodes |= serialize_graph(state, task_id, upstream_ids, seen=seen)
    return nodes


def dep_graph(state: State, task_id: str, include_done: bool) -> Answer:
    """Return a task and everything it waits for, up to ``max_graph_nodes``."""
    if task_id not in state.tasks:
        return {}
    return serialize_graph(state, task_id, upstream_ids, include_done=include_done)


def inverse_dep_graph(state: State, task_id: str, include_done: bool) -> Answer:
    """Return a task and everything that waits for it, up to ``max_graph_nodes``."""
    if task_id not in state.tasks:
        return {}
    return serialize_graph(state, task_id, downstream_ids, include_done=include_done)


def matches(terms: Iterable[str], task: Task) -> bool:
    """Whether all terms, which are case-folded, occur in a task's display name."""
    name = task.display_name.casefold()
    return all(term in name for term in terms)


def search_terms(search: str | None) -> list[str]:
    """Split what somebody searches for into case-folded terms."""
    return [term.casefold() for term in (search or "").split()]


def task_list(state: State, status: str, upstream: str, search: str | None, most: float | None) -> Answer:
    """Return the tasks that match, by id, or only their number if they are more than ``most``."""
    terms = search_terms(search)
    memo: dict[Task, str] = {}
    found = [
        task
        for task in (state.shelves.with_status(status) if status else state.tasks.values())
        if (not terms or matches(terms, task))
        and (not upstream or task.status != PENDING or upstream_status(task, state.dependencies, memo) == upstream)
    ]
    if most is not None and len(found) > most:
        return {"num_tasks": len(found)}
    return {task.id: _serialize(state, task) for task in found}


def task_search(state: State, text: str) -> Answer:
    """Return the tasks whose id contains a text, by status."""
    found: Answer = {}
    for task in state.tasks.values():
        if text in task.id:
            found.setdefault(task.status, {})[task.id] = _serialize(state, task)
    return found


def worker_list(state: State, include_running: bool) -> list[Answer]:
    """Return all workers, newest first; with what they run, and how much waits for them."""
    workers = sorted(state.workers.values(), key=lambda worker: worker.started, reverse=True)
    answer = []
    for worker in workers:
        entry = {
            **worker.info,
            "name": worker.id,
            "last_active": worker.last_active,
            "started": worker.started,
            "state": worker.state,
            "first_task_display_name": first_task_display_name(state, worker),
            "num_unread_rpc_messages": len(worker.rpc_messages),
        }
        if include_running:
            running = state.runs.of_worker(worker.id, RUNNING)
            pending, uniques = pending_counts(worker)
            entry["num_running"] = len(running)
            entry["num_pending"] = pending
            entry["num_uniques"] = uniques
            entry["running"] = {task.id: _serialize(state, task) for task in running}
        answer.append(entry)
    return answer


def first_task_display_name(state: State, worker: Worker) -> Any:
    """Return the display name of the task that a worker was started for, or its id if it is not known."""
    task_id = worker.info.get("first_task", "")
    task = state.tasks.get(task_id) if isinstance(task_id, str) else None
    return task_id if task is None else task.display_name


def pending_counts(worker: Worker) -> tuple[int, int]:
    """Return how many PENDING tasks a worker could run, and how many of them nobody else could."""
    pending = unique = 0
    for crew in worker.crews:
        if worker.id in crew.workers_set:
            number = crew.pending + crew.blocked
            pending += number
            unique += number if len(crew.workers) == 1 else 0
    return pending, unique


def resource_list(state: State) -> list[Answer]:
    """Return all resources that have a total, with what is used of them and by which RUNNING tasks."""
    consumers = consumers_by_resource(state, lambda task: _serialize(state, task))
    return [
        {
            "name": name,
            "num_total": total,
            "num_used": state.pool.used.get(name, 0),
            "num_consumer": len(consumers.get(name, {})),
            "running": consumers.get(name, {}),
        }
        for name, total in state.pool.totals.items()
    ]


def consumers_by_resource(state: State, show: Callable[[Task], Any]) -> dict[str, Answer]:
    """Return, for each resource, the RUNNING tasks that ask for it by id, each as ``show`` makes it."""
    consumers: dict[str, Answer] = {}
    for task in state.runs.running:
        for name in task.resources:
            consumers.setdefault(name, {})[task.id] = show(task)
    return consumers


def _serialize(state: State, task: Task) -> Answer:
    return serialize_task(task, send_messages=state.config.send_messages)
