"""Which task a worker gets next.

Luigi walks all pending and running tasks by rank. A task that the asking worker can run and that finds its resources
free is handed out. Any other that could run *reserves* for itself: it takes a free process of one of its workers
and its resources, so that those are not given to a task of lower rank. Here the walk is over group heads
(see ``ready``): within a call what is used and reserved only grows and free processes only become fewer, so a
group whose head can change nothing any more is dropped as a whole.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping

from luigiviz.engine.model import Task, Worker
from luigiviz.engine.ready import ReadyEntry, ReadyGroup
from luigiviz.engine.resources import held
from luigiviz.engine.state import State


def is_trivial(state: State, worker: Worker) -> bool:
    """Whether a worker needs no reservations: it is no assistant, and none of its pending tasks needs resources."""
    if worker.assistant:
        return False
    return not any(crew.pending_with_resources for crew in worker.crews if worker.id in crew.workers_set)


def choose(state: State, worker: Worker, assistant: bool, now: float) -> ReadyEntry | None:
    """Return the place in the ready queue of the task that a worker gets, or None if there is none for it."""
    own = state.ready.by_worker.get(worker.id, {})
    if is_trivial(state, worker):
        return min((group.entries[0] for group in own), default=None)
    pool = state.pool
    offers = _Offers(worker.id, assistant, lambda group: pool.fit(group.resources, pool.used))
    best = offers.best(state.ready.heads if assistant else (group.entries[0] for group in own))
    if best is None or not best[4].resources:
        # What needs no resources cannot be kept from the worker by what others reserve.
        return best
    return _reserve(state, worker, assistant, offers, now)


class _Offers:
    """Which groups the asking worker could get a task of, as things are before anybody reserves anything."""

    def __init__(self, worker_id: str, assistant: bool, fits: Callable[[ReadyGroup], bool]) -> None:
        self._worker_id = worker_id
        self._assistant = assistant
        self._fits = fits
        self._known: dict[ReadyGroup, bool] = {}

    def __contains__(self, group: ReadyGroup) -> bool:
        known = self._known.get(group)
        if known is None:
            mine = self._worker_id in group.workers or (self._assistant and group.runnable)
            known = self._known[group] = mine and self._fits(group)
        return known

    def best(self, heads: Iterable[ReadyEntry]) -> ReadyEntry | None:
        """Return the best head of an offered group; heads of an assistant come by rank, so that is the first."""
        offered = (entry for entry in heads if entry[4] in self)
        return next(offered, None) if self._assistant else min(offered, default=None)

    def number(self) -> int | None:
        """Return how many groups are offered; None for an assistant, to whom all but a few may be."""
        return None if self._assistant else sum(self._known.values())


def _reserve(state: State, worker: Worker, assistant: bool, offers: _Offers, now: float) -> ReadyEntry | None:
    """Walk the ready tasks by rank until one of the offered groups gets its turn."""
    fit = state.pool.fit
    reserved = _Reservations(state, now)
    left = offers.number()
    walk = _Walk(state.ready.heads)
    for entry in walk:
        group = entry[4]
        reserved.take_running_above(entry)
        if group in offers:
            if fit(group.resources, reserved.resources):
                return entry
            if left is not None:
                left -= 1
                if not left:
                    return None
        elif fit(group.resources, reserved.resources):
            workers = (*group.workers, worker.id) if assistant else group.workers
            if reserved.take_process(workers):
                reserved.add(group.resources)
                walk.go_on_with_group_of(entry)
    return None


class _Reservations:
    """Free processes and reserved resources, while ranks are walked downwards."""

    def __init__(self, state: State, now: float) -> None:
        self._workers = state.workers
        #: Workers that asked for work after this are counted on.
        self._active_after = now - state.config.worker_disconnect_delay
        #: Free processes by worker, None for a worker that is not counted on; filled in as needed.
        self._free: dict[str | None, float | None] = {}
        self._running = iter(state.runs.ranked)
        self._next_running = next(self._running, None)
        self.resources: dict[str, float] = {}

    def _free_processes(self, worker_id: str | None) -> float | None:
        if worker_id not in self._free:
            worker = self._workers.get(worker_id) if worker_id is not None else None
            counted = (
                worker is not None and worker.last_get_work is not None and worker.last_get_work > self._active_after
            )
            self._free[worker_id] = worker.slots if worker is not None and counted else None
        return self._free[worker_id]

    def take_running_above(self, entry: ReadyEntry) -> None:
        """Let RUNNING tasks of higher rank than a pending one take their processes and resources."""
        rank = entry[:2]
        while self._next_running is not None and self._next_running[:2] < rank:
            task = self._next_running[3]
            free = self._free_processes(task.worker_running)
            if free is not None:
                self._free[task.worker_running] = free - 1
                self.add(held(task))
            self._next_running = next(self._running, None)

    def take_process(self, worker_ids: tuple[str, ...]) -> bool:
        """Take a free process of the first worker that has one; return whether there was one."""
        for worker_id in worker_ids:
            free = self._free_processes(worker_id)
            if free is not None and free > 0:
                self._free[worker_id] = free - 1
                return True
        return False

    def add(self, resources: Mapping[str, float]) -> None:
        """Reserve resources."""
        for name, amount in resources.items():
            self.resources[name] = self.resources.get(name, 0) + amount


class _Walk:
    """The heads of all groups by rank, and of those groups that are asked for again the next entries."""

    def __init__(self, heads: Iterable[ReadyEntry]) -> None:
        self._heads = iter(heads)
        self._successors: list[ReadyEntry] = []

    def __iter__(self) -> Iterator[ReadyEntry]:
        head = next(self._heads, None)
        while True:
            if head is not None and (not self._successors or head < self._successors[0]):
                yield head
                head = next(self._heads, None)
            elif self._successors:
                yield heapq.heappop(self._successors)
            else:
                return

    def go_on_with_group_of(self, entry: ReadyEntry) -> None:
        """Have the entry's successor in its group visited too."""
        successor = next(entry[4].entries.irange(entry, inclusive=(False, True)), None)
        if successor is not None:
            heapq.heappush(self._successors, successor)


def batch(state: State, worker: Worker, entry: ReadyEntry) -> tuple[tuple[str, ...], list[Task]]:
    """Return what a worker combines if it gets a task: the parameters, and all tasks of the batch by rank.

    No parameters and no tasks if the worker has no batcher for the task.
    """
    task = entry[3]
    batcher = state.batches.batcher(worker.id, task.family)
    if batcher is None or not task.batchable:
        return (), []
    names, most = batcher
    if not names or any(name not in task.params for name in names):
        return (), []
    tasks = [task]
    own_only = is_trivial(state, worker)
    for mate in state.batches.mates(entry, names):
        if len(tasks) >= most:
            break
        if not own_only or worker.id in mate[3].crew.workers_set:
            tasks.append(mate[3])
    return names, tasks
