"""Deadlines: what pruning has to look at, so that it never walks all tasks.

Everything that time alone can change has an entry in a heap: the time-out of a worker, the retry, removal or
re-enabling of a task. Entries are not withdrawn: what is due is looked at again, and judged by its state then.
"""

from __future__ import annotations

import heapq
import itertools

from luigiviz.engine.model import Task, Worker


class Deadlines:
    """Times at which a task or a worker must be looked at."""

    def __init__(self) -> None:
        """Make an empty calendar."""
        self._tasks: list[tuple[float, int, Task]] = []
        self._workers: list[tuple[float, int, Worker]] = []
        self._entered = 0
        #: Tasks that the next pruning must look at, whatever the time.
        self.look_at: dict[Task, None] = {}

    def at(self, time: float, task: Task) -> None:
        """Have a task looked at when its time has come."""
        self._entered += 1
        heapq.heappush(self._tasks, (time, self._entered, task))

    def watch(self, time: float, worker: Worker) -> None:
        """Have a worker looked at once this time has passed; each worker has one entry."""
        self._entered += 1
        heapq.heappush(self._workers, (time, self._entered, worker))

    def any_due(self, now: float) -> bool:
        """Tell whether any task is to be looked at now."""
        return bool(self.look_at) or bool(self._tasks and self._tasks[0][0] <= now)

    def due_tasks(self, now: float, most: int | None = None) -> list[Task]:
        """Return and forget the tasks that are to be looked at now, in order of creation; at most so many of them."""
        tasks = self.look_at
        if most is None or len(tasks) <= most:
            self.look_at = {}
        else:
            tasks = dict.fromkeys(itertools.islice(self.look_at, most))
            for task in tasks:
                del self.look_at[task]
        while self._tasks and self._tasks[0][0] <= now and (most is None or len(tasks) < most):
            tasks[heapq.heappop(self._tasks)[2]] = None
        return sorted(tasks, key=lambda task: task.seq)

    def due_workers(self, now: float) -> list[Worker]:
        """Return and forget the workers whose time has passed."""
        workers = []
        while self._workers and self._workers[0][0] < now:
            workers.append(heapq.heappop(self._workers)[2])
        return workers

    def next(self) -> float | None:
        """Return the next time at which something may be due: 0 for at once, None for never."""
        if self.look_at:
            return 0.0
        return min((heap[0][0] for heap in (self._tasks, self._workers) if heap), default=None)

    def entered_tasks(self) -> set[tuple[float, Task]]:
        """Return all entries of tasks, stale ones included."""
        return {(time, task) for time, _, task in self._tasks}

    def watched_workers(self) -> set[Worker]:
        """Return the workers that have an entry."""
        return {worker for _, _, worker in self._workers}
