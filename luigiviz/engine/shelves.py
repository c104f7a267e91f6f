"""Shelves: every task under its family and the status that pages show, readable by last update, with counts kept.

Invariant: a task stands on the shelf of its family and display status (its status or, while it is PENDING and flagged,
UPSTREAM_FAILED or UPSTREAM_DISABLED). No shelf and no family is kept empty.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from operator import attrgetter

from luigiviz.engine.model import Task
from luigiviz.engine.statuses import PENDING, STATUSES, UPSTREAM_DISABLED, UPSTREAM_FAILED

#: The shelves on which PENDING tasks stand.
PENDING_SHELVES = (PENDING, UPSTREAM_FAILED, UPSTREAM_DISABLED)
#: Tasks whose orders differ in lower bits only share a drawer.
_DRAWER_BITS = 8
#: Keys of drawers that are gone are kept up to the number of those that are there, and so many.
_GONE_KEYS = 16
_by_order = attrgetter("order")


class Shelf:
    """Tasks by ``Task.order``, which grows with every change of status: what enters last need not be the newest.

    Drawers hold neighbours without an order of their own, so that entering and leaving cost little; whoever reads a
    few of the newest sorts a few drawers.
    """

    __slots__ = ("_drawers", "_keys", "_number")

    def __init__(self) -> None:
        """Make an empty shelf."""
        self._drawers: dict[int, dict[Task, None]] = {}
        #: Keys of drawers, ascending, among them such as are gone; None when they have to be sorted anew.
        self._keys: list[int] | None = []
        self._number = 0

    def __len__(self) -> int:
        """Return the number of tasks."""
        return self._number

    def __iter__(self) -> Iterator[Task]:
        """Iterate over the tasks in no particular order."""
        for drawer in self._drawers.values():
            yield from drawer

    def add(self, task: Task) -> None:
        """Put a task on it."""
        key = task.order >> _DRAWER_BITS
        drawer = self._drawers.get(key)
        if drawer is None:
            self._add_key(key)
            self._drawers[key] = {task: None}
        else:
            drawer[task] = None
        self._number += 1

    def _add_key(self, key: int) -> None:
        keys = self._keys
        if keys is not None:
            if not keys or key > keys[-1]:
                keys.append(key)
            elif key != keys[-1]:
                self._keys = None

    def add_drawer(self, number: int, drawer: dict[Task, None]) -> None:
        """Put all tasks of a drawer on it, where no others are."""
        self._add_key(number)
        self._drawers[number] = drawer
        self._number += len(drawer)

    def remove(self, task: Task) -> None:
        """Take a task off it; its order must not have changed since it was put there."""
        key = task.order >> _DRAWER_BITS
        drawer = self._drawers[key]
        del drawer[task]
        if not drawer:
            del self._drawers[key]
            if self._keys is not None and len(self._keys) > 2 * len(self._drawers) + _GONE_KEYS:
                self._keys = None
        self._number -= 1

    def ordered(self, *, newest_first: bool) -> Iterator[Task]:
        """Iterate over the tasks in order of last update."""
        if self._keys is None:
            self._keys = sorted(self._drawers)
        for key in reversed(self._keys) if newest_first else self._keys:
            drawer = self._drawers.get(key)
            if drawer is not None:
                yield from sorted(drawer, key=_by_order, reverse=newest_first)


class Family:
    """The tasks of one family."""

    __slots__ = ("name", "shelves")

    def __init__(self, name: str) -> None:
        """Make a family without tasks."""
        self.name = name
        #: Tasks by the status that pages show.
        self.shelves: dict[str, Shelf] = {}

    def __iter__(self) -> Iterator[Task]:
        """Iterate over all tasks in no particular order."""
        for shelf in self.shelves.values():
            yield from shelf

    def display_count(self, status: str) -> int:
        """Number of tasks that pages show with a status; the numbers of a family's statuses add up to its tasks."""
        shelf = self.shelves.get(status)
        return 0 if shelf is None else len(shelf)

    def on_shelf(self, status: str) -> Shelf | tuple[()]:
        """Return the tasks that pages show with a status."""
        return self.shelves.get(status, ())

    def ordered(self, status: str, *, newest_first: bool) -> Iterator[Task]:
        """Iterate over the tasks that pages show with a status, in order of last update."""
        shelf = self.shelves.get(status)
        return iter(()) if shelf is None else shelf.ordered(newest_first=newest_first)

    def with_status(self, status: str) -> Iterator[Task]:
        """Iterate over the tasks with a status of Luigi's, in no particular order."""
        for shown in PENDING_SHELVES if status == PENDING else (status,):
            yield from self.on_shelf(shown)

    def put(self, task: Task, shown: str) -> None:
        """Put a task on a shelf."""
        shelf = self.shelves.get(shown)
        if shelf is None:
            shelf = self.shelves[shown] = Shelf()
        shelf.add(task)

    def take(self, task: Task, shown: str) -> None:
        """Take a task off a shelf."""
        shelf = self.shelves[shown]
        shelf.remove(task)
        if not len(shelf):
            del self.shelves[shown]


class Shelves:
    """All families."""

    def __init__(self) -> None:
        """Make empty shelves."""
        self.families: dict[str, Family] = {}
        #: Number of tasks by status, and PENDING ones by upstream flag.
        self.counts: Counter[str] = Counter(dict.fromkeys(STATUSES, 0))
        self.flag_counts: Counter[str] = Counter({UPSTREAM_FAILED: 0, UPSTREAM_DISABLED: 0})

    def put_all(self, tasks: Iterable[Task]) -> None:
        """Put many tasks without flags on empty shelves."""
        drawers: dict[tuple[str, str, int], dict[Task, None]] = {}
        for task in tasks:
            place = (task.family, task.status, task.order >> _DRAWER_BITS)
            drawer = drawers.get(place)
            if drawer is None:
                drawers[place] = {task: None}
            else:
                drawer[task] = None
        for (name, status, number), drawer in drawers.items():
            family = self.families.get(name)
            if family is None:
                family = self.families[name] = Family(name)
            shelf = family.shelves.get(status)
            if shelf is None:
                shelf = family.shelves[status] = Shelf()
            shelf.add_drawer(number, drawer)
            self.counts[status] += len(drawer)

    def put(self, task: Task) -> None:
        """Put a task without a flag on its shelf."""
        family = self.families.get(task.family)
        if family is None:
            family = self.families[task.family] = Family(task.family)
        family.put(task, task.status)
        self.counts[task.status] += 1

    def take(self, task: Task) -> None:
        """Take a task without a flag off its shelf."""
        family = self.families[task.family]
        family.take(task, task.status)
        if not family.shelves:
            del self.families[task.family]
        self.counts[task.status] -= 1

    def reflag(self, task: Task, before: str, after: str) -> None:
        """Move a PENDING task from one upstream flag to another; "" for none."""
        family = self.families[task.family]
        family.take(task, before or PENDING)
        family.put(task, after or PENDING)
        if before:
            self.flag_counts[before] -= 1
        if after:
            self.flag_counts[after] += 1

    def display_count(self, status: str) -> int:
        """Number of tasks that pages show with a status."""
        if status in self.flag_counts:
            return self.flag_counts[status]
        if status == PENDING:
            return self.counts[PENDING] - sum(self.flag_counts.values())
        return self.counts[status]

    def with_status(self, status: str) -> Iterator[Task]:
        """Iterate over the tasks with a status of Luigi's, family by family."""
        for family in self.families.values():
            yield from family.with_status(status)
