"""Shelves: every task under its family and status, in order of last update, with counts kept.

A task enters the end of its shelf when its status changes, so a shelf read backwards is newest first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from luigiviz.engine.model import Task
from luigiviz.engine.statuses import PENDING, STATUSES, UPSTREAM_DISABLED, UPSTREAM_FAILED


class Family:
    """The tasks of one family by status."""

    __slots__ = ("by_status", "flagged", "name")

    def __init__(self, name: str) -> None:
        """Make a family without tasks."""
        self.name = name
        #: Tasks by status, each in order of last update.
        self.by_status: dict[str, dict[Task, None]] = {}
        #: PENDING tasks that are UPSTREAM_FAILED or UPSTREAM_DISABLED.
        self.flagged: dict[str, set[Task]] = {UPSTREAM_FAILED: set(), UPSTREAM_DISABLED: set()}

    def display_count(self, status: str) -> int:
        """Number of tasks that pages show with a status; the numbers of a family's statuses add up to its tasks."""
        if status in self.flagged:
            return len(self.flagged[status])
        number = len(self.by_status.get(status, ()))
        if status == PENDING:
            number -= sum(len(tasks) for tasks in self.flagged.values())
        return number


class Shelves:
    """All families."""

    def __init__(self) -> None:
        """Make empty shelves."""
        self.families: dict[str, Family] = {}
        #: Number of tasks by status, and PENDING ones by upstream flag.
        self.counts: Counter[str] = Counter(dict.fromkeys(STATUSES, 0))
        self.flag_counts: Counter[str] = Counter({UPSTREAM_FAILED: 0, UPSTREAM_DISABLED: 0})

    def put(self, task: Task) -> None:
        """Put a task at the end of its shelf."""
        family = self.families.get(task.family)
        if family is None:
            family = self.families[task.family] = Family(task.family)
        shelf = family.by_status.get(task.status)
        if shelf is None:
            shelf = family.by_status[task.status] = {}
        shelf[task] = None
        self.counts[task.status] += 1

    def take(self, task: Task) -> None:
        """Take a task off its shelf; an empty family is forgotten."""
        family = self.families[task.family]
        shelf = family.by_status[task.status]
        del shelf[task]
        self.counts[task.status] -= 1
        if not shelf:
            del family.by_status[task.status]
            if not family.by_status:
                del self.families[task.family]

    def flag(self, task: Task, flag: str) -> None:
        """Note that a task on the PENDING shelf is UPSTREAM_FAILED or UPSTREAM_DISABLED."""
        self.families[task.family].flagged[flag].add(task)
        self.flag_counts[flag] += 1

    def unflag(self, task: Task, flag: str) -> None:
        """Undo ``flag``."""
        self.families[task.family].flagged[flag].discard(task)
        self.flag_counts[flag] -= 1

    def display_count(self, status: str) -> int:
        """Number of tasks that pages show with a status."""
        if status in self.flag_counts:
            return self.flag_counts[status]
        if status == PENDING:
            return self.counts[PENDING] - sum(self.flag_counts.values())
        return self.counts[status]

    def with_status(self, status: str) -> Iterator[Task]:
        """Iterate over the tasks with a status, family by family."""
        for family in self.families.values():
            yield from family.by_status.get(status, ())
