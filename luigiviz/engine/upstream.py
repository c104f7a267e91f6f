"""Why a PENDING task waits: kept up to date for failures, computed when asked for everything else.

UPSTREAM_FAILED and UPSTREAM_DISABLED are rare and wanted often, so they are spread along reverse edges
as they come and go. A dependency *taints* its dependents when it has the source status itself (FAILED,
DISABLED) or is PENDING and tainted. A task counts its tainting dependencies; a PENDING task with any is
flagged. UPSTREAM_RUNNING and UPSTREAM_MISSING_INPUT change with every step and are walked for on demand.

Counting is exact where dependencies form no cycle. In a cycle, tasks could go on tainting each other after the
source is gone, so a task that loses a taint but keeps others is asked to show a path to a source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

from luigiviz.engine.dependencies import Dependencies
from luigiviz.engine.model import Task
from luigiviz.engine.statuses import (
    BATCH_RUNNING,
    DISABLED,
    DONE,
    FAILED,
    PENDING,
    RUNNING,
    UPSTREAM_DISABLED,
    UPSTREAM_FAILED,
    UPSTREAM_MISSING_INPUT,
    UPSTREAM_RUNNING,
    UPSTREAM_STATUSES,
)

#: Values of ``Task.flag``.
FLAG_NONE = 0
FLAG_FAILED = 1
FLAG_DISABLED = 2
FLAG_STATUS = ("", UPSTREAM_FAILED, UPSTREAM_DISABLED)

SEVERITY = {status: severity for severity, status in enumerate(UPSTREAM_STATUSES)}
#: What a dependency that does not wait itself means for its dependents.
STATUS_TO_UPSTREAM = {
    FAILED: UPSTREAM_FAILED,
    RUNNING: UPSTREAM_RUNNING,
    BATCH_RUNNING: UPSTREAM_RUNNING,
    PENDING: UPSTREAM_MISSING_INPUT,
    DISABLED: UPSTREAM_DISABLED,
}

Counter = Literal["up_failed", "up_disabled"]


def flag_for(task: Task) -> int:
    """Return the flag that a task's status and counters ask for."""
    if task.status != PENDING:
        return FLAG_NONE
    if task.up_disabled:
        return FLAG_DISABLED
    return FLAG_FAILED if task.up_failed else FLAG_NONE


class Taint:
    """One of the two taints: its source status and the counter that it keeps in each task."""

    def __init__(
        self, source: str, counter: Counter, dependencies: Dependencies, reflag: Callable[[Task], None]
    ) -> None:
        """Make a taint; ``reflag`` is called with each PENDING task whose counter became or left 0."""
        self._source = source
        self._counter = counter
        self._dependencies = dependencies
        self._reflag = reflag
        #: Where the search for a tainting dependency of a task goes on, so that no wide fan-in is read twice.
        self._hints: dict[Task, int] = {}

    def taints(self, task: Task) -> bool:
        """Whether a task taints its dependents."""
        return task.status == self._source or (task.status == PENDING and getattr(task, self._counter) > 0)

    def is_source(self, task: Task) -> bool:
        """Whether a task has the status that taints."""
        return task.status == self._source

    def gain(self, dependents: Iterable[Task]) -> None:
        """Spread a taint: each of these got one more tainting dependency."""
        counter, reflag = self._counter, self._reflag
        stack = [dependents]
        while stack:
            for task in stack.pop():
                number = getattr(task, counter)
                setattr(task, counter, number + 1)
                if number == 0 and task.status == PENDING:
                    reflag(task)
                    if task.dependents:
                        stack.append(task.dependents)

    def lose(self, dependents: Iterable[Task], suspect: Task | None = None) -> None:
        """Take a taint back: each of these has one tainting dependency less.

        ``suspect`` names a task that stopped being a source but is still tainted by others.
        """
        counter, reflag = self._counter, self._reflag
        stack: list[Iterable[Task]] = [dependents]
        suspects: dict[Task, None] = {} if suspect is None else {suspect: None}
        while stack or suspects:
            while stack:
                for task in stack.pop():
                    number = getattr(task, counter) - 1
                    setattr(task, counter, number)
                    if task.status == PENDING:
                        if number:
                            suspects[task] = None
                        else:
                            suspects.pop(task, None)
                            self._hints.pop(task, None)
                            reflag(task)
                            if task.dependents:
                                stack.append(task.dependents)
            if suspects:
                task = suspects.popitem()[0]
                if self.taints(task):
                    stack.extend(self._clear_if_unfounded(task))

    def forget(self, task: Task) -> None:
        """Drop what is remembered for a task that is removed."""
        self._hints.pop(task, None)

    def _clear_if_unfounded(self, suspect: Task) -> list[list[Task]]:
        """Clear tasks that taint only each other; return whom they tainted besides."""
        circle = self._unfounded(suspect)
        for task in circle:
            setattr(task, self._counter, 0)
            self._hints.pop(task, None)
        beyond = []
        for task in circle:
            self._reflag(task)
            beyond.append([dependent for dependent in task.dependents or () if dependent not in circle])
        return beyond

    def _unfounded(self, suspect: Task) -> dict[Task, None]:
        """Return the tasks that taint the suspect if no path from it leads to a source, else nothing."""
        seen: dict[Task, None] = {suspect: None}
        stack = [suspect]
        while stack:
            task = stack[-1]
            tainting = self._next_tainting(task, seen)
            if tainting is None:
                stack.pop()
            elif tainting.status == self._source:
                return {}
            else:
                seen[tainting] = None
                stack.append(tainting)
        return seen

    def _next_tainting(self, task: Task, seen: dict[Task, None]) -> Task | None:
        """Return a tainting dependency of a task that was not seen, going on where the last search stopped."""
        deps, find = task.deps, self._dependencies.find
        start = self._hints.get(task, 0)
        for offset in range(len(deps)):
            position = (start + offset) % len(deps)
            dep = find(deps[position])
            if dep is not None and dep not in seen and self.taints(dep):
                if len(deps) > 16:
                    self._hints[task] = position
                return dep
        return None


def upstream_status(task: Task, dependencies: Dependencies, memo: dict[Task, str]) -> str:
    """Return the most severe reason that keeps a task waiting, in Luigi's words ("" for none that is known).

    ``memo`` is shared by the calls of one query. Only PENDING tasks with dependencies look at these; any other
    task answers for itself. In a cycle, a task that is being looked at counts as "".
    """
    known = memo.get(task)
    if known is not None:
        return known
    stack = [(task, False)]
    while stack:
        current, expanded = stack.pop()
        if expanded:
            worst = ""
            for dep in dependencies.existing(current):
                if dep.status != DONE:
                    status = memo.get(dep, "")
                    if SEVERITY[status] > SEVERITY[worst]:
                        worst = status
            memo[current] = worst
        elif current not in memo:
            if current.flag:
                memo[current] = FLAG_STATUS[current.flag]
            elif current.status == PENDING and current.deps:
                memo[current] = ""
                stack.append((current, True))
                stack.extend((dep, False) for dep in dependencies.existing(current) if dep.status != DONE)
            else:
                memo[current] = STATUS_TO_UPSTREAM.get(current.status, "")
    return memo[task]
