"""What is running: RUNNING and BATCH_RUNNING tasks, by the worker that runs them and by batch.

Invariants: ``running`` holds exactly the RUNNING tasks, ``ranked`` the same in order of rank; ``by_runner`` holds
RUNNING and BATCH_RUNNING tasks under their ``worker_running``; ``batches`` holds BATCH_RUNNING tasks under
their ``batch_id``.
"""

from __future__ import annotations

from sortedcontainers import SortedList

from luigiviz.engine.model import Task
from luigiviz.engine.statuses import BATCH_RUNNING, RUNNING

RUN_STATUSES = (RUNNING, BATCH_RUNNING)

#: (minus priority, time of creation, order of status change, task)
RunEntry = tuple[float, float, int, Task]


class Runs:
    """Indexes of the tasks that run."""

    def __init__(self) -> None:
        """Make empty indexes."""
        self.running: dict[Task, RunEntry] = {}
        self.ranked: SortedList[RunEntry] = SortedList()
        self.by_runner: dict[str | None, dict[Task, None]] = {}
        self.batches: dict[str | None, dict[Task, None]] = {}

    def enter(self, task: Task) -> None:
        """Enter a task that has just begun to run, or that was left for a change."""
        if task.status == RUNNING:
            entry = self.running[task] = (-task.priority, task.time, task.order, task)
            self.ranked.add(entry)
        elif task.status == BATCH_RUNNING:
            self.batches.setdefault(task.batch_id, {})[task] = None
        else:
            return
        self.by_runner.setdefault(task.worker_running, {})[task] = None

    def leave(self, task: Task) -> None:
        """Take a task out, before its status, priority, runner or batch changes."""
        if task.status == RUNNING:
            self.ranked.remove(self.running.pop(task))
        elif task.status == BATCH_RUNNING:
            _drop(self.batches, task.batch_id, task)
        else:
            return
        _drop(self.by_runner, task.worker_running, task)

    def members(self, batch_id: str | None) -> list[Task]:
        """Return the BATCH_RUNNING tasks of a batch, in the order in which they began to run."""
        if batch_id is None:
            return []
        return sorted(self.batches.get(batch_id, ()), key=lambda task: task.order)

    def of_worker(self, worker_id: str, status: str) -> list[Task]:
        """Return the RUNNING or the BATCH_RUNNING tasks of a worker, in the order in which they began."""
        tasks = (task for task in self.by_runner.get(worker_id, ()) if task.status == status)
        return sorted(tasks, key=lambda task: task.order)


def _drop(index: dict[str | None, dict[Task, None]], key: str | None, task: Task) -> None:
    tasks = index[key]
    del tasks[task]
    if not tasks:
        del index[key]
