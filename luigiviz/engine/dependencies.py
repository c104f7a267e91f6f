"""Dependency edges in both directions, and the count of what each task still waits for.

Invariants: ``task.deps`` names each dependency once. A dependency that exists has the task among its
``dependents``; one that does not exist has it in ``missing``. ``task.unfinished`` is the number of its
dependencies that do not exist or are not DONE.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from luigiviz.engine.model import Dependents, Task
from luigiviz.engine.statuses import DONE

#: More dependents than this are kept in a dictionary, whose memory a task with a few does not need.
_FEW = 8


class Dependencies:
    """The edges between tasks."""

    def __init__(self, tasks: dict[str, Task]) -> None:
        """Make an index over the scheduler's tasks."""
        self._tasks = tasks
        #: Dependents of ids that name no task.
        self.missing: dict[str, Dependents] = {}

    def adopt(self, task: Task) -> None:
        """Give a new task (not DONE) the dependents that have been waiting for its id."""
        task.dependents = self.missing.pop(task.id, None)

    def orphan(self, task: Task) -> None:
        """Leave the dependents of a task that is removed waiting for its id."""
        if task.dependents:
            self.missing[task.id] = task.dependents
            task.dependents = None

    def link(self, task: Task, dep_id: str) -> Task | None:
        """Add an edge; return the dependency if it exists."""
        dep = self._tasks.get(dep_id)
        if dep is None:
            self.missing[dep_id] = _with(self.missing.get(dep_id), task)
        else:
            dep.dependents = _with(dep.dependents, task)
        return dep

    def enter(self, task: Task) -> int:
        """Add the edges of a task that has come with its ``deps``; return how many of these it still waits for."""
        unfinished, ids, find = 0, [], self._tasks.get
        for dep_id in task.deps:
            dep = find(dep_id)
            if dep is None:
                self.missing[dep_id] = _with(self.missing.get(dep_id), task)
                unfinished += 1
                ids.append(dep_id)
            else:
                # Most have no other dependents yet.
                dep.dependents = (task,) if dep.dependents is None else _with(dep.dependents, task)
                unfinished += dep.status != DONE
                ids.append(dep.id)
        task.deps = tuple(ids)
        return unfinished

    def unlink(self, task: Task, dep_id: str) -> Task | None:
        """Remove an edge; return the dependency if it exists."""
        dep = self._tasks.get(dep_id)
        if dep is None:
            waiting = _without(self.missing.pop(dep_id), task)
            if waiting is not None:
                self.missing[dep_id] = waiting
        else:
            dep.dependents = _without(dep.dependents, task)
        return dep

    def canonical(self, dep_ids: Iterable[str]) -> tuple[str, ...]:
        """Return each id once, as the string object that the task itself uses, where there is one."""
        tasks = self._tasks
        unique = dict.fromkeys(dep_ids)
        return tuple(tasks[dep_id].id if dep_id in tasks else dep_id for dep_id in unique)

    def find(self, task_id: str) -> Task | None:
        """Return the task of an id, if there is one."""
        return self._tasks.get(task_id)

    def existing(self, task: Task) -> Iterator[Task]:
        """Iterate over the dependencies that exist."""
        tasks = self._tasks
        for dep_id in task.deps:
            dep = tasks.get(dep_id)
            if dep is not None:
                yield dep


def _with(dependents: Dependents, task: Task) -> Dependents:
    """Return dependents with one more; a dictionary is changed in place."""
    if dependents is None:
        return (task,)
    if isinstance(dependents, dict):
        dependents[task] = None
        return dependents
    if len(dependents) < _FEW:
        return (*dependents, task)
    return dict.fromkeys((*dependents, task))


def _without(dependents: Dependents, task: Task) -> Dependents:
    """Return dependents without one; a dictionary is changed in place."""
    if isinstance(dependents, dict):
        del dependents[task]
        return dependents or None
    return tuple(other for other in dependents or () if other is not task) or None
