"""Which schedulable tasks can run as one: batchers, and an index to find a task's batch mates.

A batcher names the parameters of a family that a batch combines. Tasks of the family with equal resources and equal
other parameters can run together. The index keeps, for every set of combined parameters that some worker has
announced, such tasks in one bucket ordered by rank, so that a batch is found without walking the family.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from sortedcontainers import SortedList

from luigiviz.engine.interning import freeze
from luigiviz.engine.model import Resources, Task

if TYPE_CHECKING:
    from luigiviz.engine.ready import ReadyEntry

#: Batchers of workers that are gone are kept, since a worker may come back without announcing them again;
#: Luigi keeps all of them for ever, we keep this many workers' batchers.
MAX_WORKERS_WITH_BATCHERS = 10_000

#: (resources, the other parameters)
BucketKey = tuple[Resources, frozenset[tuple[str, Any]]]


class Combination:
    """The batchable, schedulable tasks of one family, by what a batch of them must have in common."""

    __slots__ = ("_buckets", "_names", "_shapes")

    def __init__(self, names: frozenset[str]) -> None:
        """Make an index for batches that combine these parameters."""
        self._names = names
        self._buckets: dict[BucketKey, SortedList[ReadyEntry]] = {}
        #: How many tasks have just these other parameters; usually all of a family have the same.
        self._shapes: dict[frozenset[str], int] = {}

    def _key(self, task: Task) -> BucketKey:
        others = frozenset((name, freeze(value)) for name, value in task.params.items() if name not in self._names)
        return task.resources, others

    def _shape(self, task: Task) -> frozenset[str]:
        return frozenset(task.params) - self._names

    def add(self, entry: ReadyEntry) -> None:
        """Enter a task."""
        task = entry[3]
        bucket = self._buckets.setdefault(self._key(task), SortedList())
        bucket.add(entry)
        shape = self._shape(task)
        self._shapes[shape] = self._shapes.get(shape, 0) + 1

    def discard(self, entry: ReadyEntry) -> None:
        """Remove a task that was entered."""
        task = entry[3]
        key, shape = self._key(task), self._shape(task)
        bucket = self._buckets[key]
        bucket.remove(entry)
        if not bucket:
            del self._buckets[key]
        self._shapes[shape] -= 1
        if not self._shapes[shape]:
            del self._shapes[shape]

    def entries(self) -> Iterator[ReadyEntry]:
        """Iterate over all entries."""
        for bucket in self._buckets.values():
            yield from bucket

    def mates(self, first: ReadyEntry) -> Iterator[ReadyEntry]:
        """Iterate, in order of rank, over the tasks after the first one that can run in its batch."""
        task = first[3]
        if len(self._shapes) == 1:
            buckets: Iterable[SortedList[ReadyEntry]] = (self._buckets[self._key(task)],)
        else:
            # Luigi compares the first task's parameters only, so mates may have more of them.
            wanted = self._key(task)[1]
            buckets = [
                bucket
                for (resources, others), bucket in self._buckets.items()
                if resources is task.resources and others >= wanted
            ]
        return heapq.merge(*(bucket.irange(first, inclusive=(False, True)) for bucket in buckets))


class BatchIndex:
    """Batchers by worker and family, and the tasks that they could combine."""

    def __init__(self) -> None:
        """Make an index without batchers."""
        #: worker id -> family -> (names of combined parameters, most tasks in a batch)
        self.batchers: dict[str, dict[str, tuple[tuple[str, ...], float]]] = {}
        #: worker id -> number of its entry; entries are kept in the order of their numbers.
        self.numbers: dict[str, int] = {}
        self.last_number = 0
        self._combinations: dict[str, dict[frozenset[str], Combination]] = {}

    def set_batcher(
        self, worker_id: str, family: str, names: tuple[str, ...], max_batch_size: float, ready: Iterable[ReadyEntry]
    ) -> None:
        """Announce a batcher; ``ready`` are the family's schedulable tasks."""
        if worker_id not in self.batchers:
            self._number(worker_id)
        self.batchers.setdefault(worker_id, {})[family] = (names, max_batch_size)
        combinations = self._combinations.setdefault(family, {})
        combined = frozenset(names)
        if combined not in combinations:
            combination = combinations[combined] = Combination(combined)
            for entry in ready:
                if entry[3].batchable:
                    combination.add(entry)

    def batcher(self, worker_id: str, family: str) -> tuple[tuple[str, ...], float] | None:
        """Return a worker's batcher of a family: names of combined parameters, and most tasks in a batch."""
        return self.batchers.get(worker_id, {}).get(family)

    def retire(self, worker_id: str) -> list[tuple[str, int]]:
        """Keep a vanished worker's batchers for a while, as the newest of a bounded number.

        Returns the entries that are gone, by worker id and number; the worker's own has a new number.
        """
        batchers = self.batchers.pop(worker_id, None)
        if batchers is None:
            return []
        gone = [(worker_id, self.numbers[worker_id])]
        self.batchers[worker_id] = batchers
        self._number(worker_id)
        while len(self.batchers) > MAX_WORKERS_WITH_BATCHERS:
            oldest = next(iter(self.batchers))
            del self.batchers[oldest]
            gone.append((oldest, self.numbers.pop(oldest)))
        return gone

    def _number(self, worker_id: str) -> None:
        self.last_number += 1
        self.numbers[worker_id] = self.last_number

    def combinations(self) -> Iterator[tuple[str, Combination]]:
        """Iterate over families and what is kept for each set of combined parameters."""
        for family, combinations in self._combinations.items():
            for combination in combinations.values():
                yield family, combination

    def add(self, entry: ReadyEntry) -> None:
        """Enter a batchable task that became schedulable."""
        for combination in self._combinations.get(entry[3].family, {}).values():
            combination.add(entry)

    def discard(self, entry: ReadyEntry) -> None:
        """Remove a batchable task that is no longer schedulable, or is about to change."""
        for combination in self._combinations.get(entry[3].family, {}).values():
            combination.discard(entry)

    def mates(self, first: ReadyEntry, names: Iterable[str]) -> Iterator[ReadyEntry]:
        """Iterate, in order of rank, over the tasks after the first one that can run in its batch."""
        return self._combinations[first[3].family][frozenset(names)].mates(first)
