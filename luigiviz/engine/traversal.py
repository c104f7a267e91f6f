"""Walks over the dependency graph, breadth first, up to a number of nodes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from luigiviz.engine.model import Task
from luigiviz.engine.serialize import serialize_task, serialize_unknown
from luigiviz.engine.state import State
from luigiviz.engine.statuses import DONE

Neighbours = Callable[[Task], Iterable[str]]


def upstream_ids(task: Task) -> Iterable[str]:
    """Return the ids of a task's dependencies."""
    return task.deps


def downstream_ids(task: Task) -> Iterable[str]:
    """Return the ids of a task's dependents."""
    return [dependent.id for dependent in task.dependents or ()]


def serialize_graph(
    state: State, root_id: str, neighbours: Neighbours, *, include_done: bool = True, seen: set[str] | None = None
) -> dict[str, Any]:
    """Return the API's graph around a task: nodes by id, the root's with its display name.

    Stops after ``max_graph_nodes``. ``seen`` is shared by the calls of one answer: nodes that another call has
    seen, or was about to see, are left out.
    """
    if seen is None:
        seen = set()
    elif root_id in seen:
        return {}
    seen.add(root_id)
    nodes: dict[str, Any] = {}
    queue = deque([root_id])
    while queue:
        task_id = queue.popleft()
        task = state.tasks.get(task_id)
        if task is None or not task.family:
            node = serialize_unknown(task_id)
        else:
            ids = neighbours(task)
            if not include_done:
                ids = [other for other in ids if not _is_done(state, other)]
            node = serialize_task(task, send_messages=state.config.send_messages, deps=ids)
            for other in sorted(ids):
                if other not in seen:
                    seen.add(other)
                    queue.append(other)
        if task_id != root_id:
            del node["display_name"]
        nodes[task_id] = node
        if len(nodes) >= state.config.max_graph_nodes:
            break
    return nodes


def _is_done(state: State, task_id: str) -> bool:
    task = state.tasks.get(task_id)
    return task is not None and task.status == DONE
