"""The ready queue: schedulable tasks in groups that ``get_work`` can judge by their heads.

A task is schedulable if it is PENDING and waits for no dependency. Schedulable tasks that need the same resources
and can be run by the same workers are interchangeable but for their rank, so they share a group, ordered by rank.

Invariants: ``Task.ready`` is set exactly while the task is in the queue, to the entry that its group holds.
``heads`` holds the first entry of every group; ``by_worker`` every group that names the worker.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sortedcontainers import SortedList

from luigiviz.engine.batching import BatchIndex
from luigiviz.engine.model import Resources, Task
from luigiviz.engine.statuses import PENDING

#: (minus priority, time of creation, order of status change, task, group): sorts by Luigi's rank, ties by order.
ReadyEntry = tuple[float, float, int, Task, "ReadyGroup"]


#: What the tasks of a group have in common: resources, workers, whether an assistant may run them.
GroupKey = tuple[Resources, tuple[str, ...], bool]

#: From so many tasks of a group on, changing it as a whole is quicker than task by task.
_MANY = 32


class ReadyGroup:
    """Schedulable tasks with equal resources and workers."""

    __slots__ = ("entries", "resources", "runnable", "workers")

    def __init__(self, resources: Resources, workers: tuple[str, ...], runnable: bool) -> None:
        """Make an empty group."""
        self.resources = resources
        self.workers = workers
        #: Whether an assistant may run them too.
        self.runnable = runnable
        self.entries: SortedList[ReadyEntry] = SortedList()


class ReadyQueue:
    """All schedulable tasks."""

    def __init__(self, batches: BatchIndex) -> None:
        """Make an empty queue that keeps an index of batchable tasks up to date."""
        self._groups: dict[GroupKey, ReadyGroup] = {}
        self._batches = batches
        self.heads: SortedList[ReadyEntry] = SortedList()
        self.by_worker: dict[str, dict[ReadyGroup, None]] = {}
        #: A task that is being changed: it enters the queue when it is released.
        self._held: Task | None = None

    def hold(self, task: Task) -> None:
        """Take a task out and keep it out while it is changed."""
        self.discard(task)
        self._held = task

    def release(self, task: Task) -> None:
        """Let a held task in again."""
        self._held = None
        self.refresh(task)

    def refresh(self, task: Task) -> None:
        """Put a task into the queue if it is schedulable and not there."""
        if task.unfinished == 0 and task.status == PENDING and task.ready is None and task is not self._held:
            self._add(task)

    def discard(self, task: Task) -> None:
        """Take a task out if it is there; to be called before anything that its place depends on changes."""
        entry = task.ready
        if entry is None:
            return
        task.ready = None
        group = entry[4]
        entries = group.entries
        was_head = entries[0] is entry
        entries.remove(entry)
        if was_head:
            self.heads.remove(entry)
            if entries:
                self.heads.add(entries[0])
            else:
                self._withdraw(group)
        if task.batchable:
            self._batches.discard(entry)

    def refresh_all(self, tasks: Iterable[Task]) -> None:
        """Put tasks into the queue that are schedulable and not there; many of a group at the cost of sorting them."""
        by_group: dict[GroupKey, list[Task]] = {}
        for task in tasks:
            if task.unfinished == 0 and task.status == PENDING and task.ready is None and task is not self._held:
                by_group.setdefault((task.resources, task.crew.workers, task.runnable), []).append(task)
        for key, ready in by_group.items():
            if len(ready) < _MANY:
                for task in ready:
                    self._add(task)
            else:
                self._add_many(key, ready)

    def _add_many(self, key: GroupKey, tasks: list[Task]) -> None:
        group = self._group(key)
        if group.entries:
            self.heads.remove(group.entries[0])
        entries: list[ReadyEntry] = []
        for task in tasks:
            entry = task.ready = (-task.priority, task.time, task.order, task, group)
            entries.append(entry)
            if task.batchable:
                self._batches.add(entry)
        group.entries.update(entries)
        self.heads.add(group.entries[0])

    def discard_all(self, tasks: list[Task]) -> None:
        """Take tasks out that are there; many of a group at the cost of going through the group."""
        by_group: dict[ReadyGroup, list[Task]] = {}
        for task in tasks:
            if task.ready is not None:
                by_group.setdefault(task.ready[4], []).append(task)
        for group, leaving in by_group.items():
            if len(leaving) < _MANY or len(leaving) * 8 < len(group.entries):
                for task in leaving:
                    self.discard(task)
            else:
                self._discard_many(group, leaving)

    def _discard_many(self, group: ReadyGroup, tasks: list[Task]) -> None:
        self.heads.remove(group.entries[0])
        for task in tasks:
            if task.batchable and task.ready is not None:
                self._batches.discard(task.ready)
            task.ready = None
        group.entries = SortedList(entry for entry in group.entries if entry[3].ready is not None)
        if group.entries:
            self.heads.add(group.entries[0])
        else:
            self._withdraw(group)

    def remove_worker(self, worker_id: str) -> None:
        """Take a worker out of every group that names it: all its tasks lose it at once.

        A group changes as a whole; where two groups become the same, the tasks of the smaller one move.
        """
        for group in list(self.by_worker.get(worker_id, ())):
            self._withdraw(group)
            group.workers = tuple(other for other in group.workers if other != worker_id)
            same = self._groups.get((group.resources, group.workers, group.runnable))
            if same is not None:
                self._withdraw(same)
                group = self._merge(*sorted((group, same), key=lambda one: len(one.entries)))
            self._groups[group.resources, group.workers, group.runnable] = group
            for other in group.workers:
                self.by_worker.setdefault(other, {})[group] = None

    def _merge(self, small: ReadyGroup, large: ReadyGroup) -> ReadyGroup:
        """Move a group's tasks to another one with the same resources and workers."""
        self.heads.remove(small.entries[0])
        self.heads.remove(large.entries[0])
        for entry in small.entries:
            task = entry[3]
            moved = task.ready = (*entry[:4], large)
            large.entries.add(moved)
            if task.batchable:
                self._batches.discard(entry)
                self._batches.add(moved)
        self.heads.add(large.entries[0])
        return large

    def entries(self) -> Iterator[ReadyEntry]:
        """Iterate over all entries, group by group."""
        for group in self._groups.values():
            yield from group.entries

    def groups(self) -> Iterator[ReadyGroup]:
        """Iterate over the groups that have tasks."""
        return iter(self._groups.values())

    def _add(self, task: Task) -> None:
        group = self._group((task.resources, task.crew.workers, task.runnable))
        entries = group.entries
        entry = task.ready = (-task.priority, task.time, task.order, task, group)
        head = entries[0] if entries else None
        entries.add(entry)
        if head is None or entry < head:
            if head is not None:
                self.heads.remove(head)
            self.heads.add(entry)
        if task.batchable:
            self._batches.add(entry)

    def _group(self, key: GroupKey) -> ReadyGroup:
        """Return a group, made if it is not there; the caller gives it a task."""
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = ReadyGroup(*key)
            for worker_id in group.workers:
                self.by_worker.setdefault(worker_id, {})[group] = None
        return group

    def _withdraw(self, group: ReadyGroup) -> None:
        """Take a group out of the tables, but not what it holds."""
        del self._groups[group.resources, group.workers, group.runnable]
        for worker_id in group.workers:
            groups = self.by_worker[worker_id]
            del groups[group]
            if not groups:
                del self.by_worker[worker_id]
