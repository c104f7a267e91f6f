"""Dependency edges in both directions, and the count of what each task still waits for.

Invariants: ``task.deps`` names each dependency once. A dependency that exists has the task among its
``dependents``; one that does not exist has it in ``missing``. ``task.unfinished`` is the number of its
dependencies that do not exist or are not DONE.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from luigiviz.engine.model import Task
from luigiviz.engine.statuses import DONE


class Dependencies:
    """The edges between tasks."""

    def __init__(self, tasks: dict[str, Task]) -> None:
        """Make an index over the scheduler's tasks."""
        self._tasks = tasks
        #: Dependents of ids that name no task.
        self.missing: dict[str, dict[Task, None]] = {}

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
            self.missing.setdefault(dep_id, {})[task] = None
        elif dep.dependents is None:
            dep.dependents = {task: None}
        else:
            dep.dependents[task] = None
        return dep

    def enter(self, task: Task) -> int:
        """Add the edges of a task that has come with its ``deps``; return how many of these it still waits for."""
        unfinished, ids = 0, []
        for dep_id in task.deps:
            dep = self._tasks.get(dep_id)
            if dep is None:
                self.missing.setdefault(dep_id, {})[task] = None
                unfinished += 1
                ids.append(dep_id)
                continue
            if dep.dependents is None:
                dep.dependents = {task: None}
            else:
                dep.dependents[task] = None
            unfinished += dep.status != DONE
            ids.append(dep.id)
        task.deps = tuple(ids)
        return unfinished

    def unlink(self, task: Task, dep_id: str) -> Task | None:
        """Remove an edge; return the dependency if it exists."""
        dep = self._tasks.get(dep_id)
        if dep is None:
            waiting = self.missing[dep_id]
            del waiting[task]
            if not waiting:
                del self.missing[dep_id]
        else:
            assert dep.dependents is not None
            del dep.dependents[task]
            if not dep.dependents:
                dep.dependents = None
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
