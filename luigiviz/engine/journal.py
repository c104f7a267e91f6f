"""The journal: what has changed since somebody last looked, so that only that is written down.

The engine marks, it never writes: whoever keeps the durable copy takes the marks between two calls. Some changes are
*urgent*: a worker is told of them, so they must be safe before it is. Others can wait, because a restart loses nothing
that matters or finds it out anew: when a worker was last seen, how far a task says that it is, and all that pruning
does, which the next pruning would do again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from luigiviz.engine.model import Task, Worker


class Journal:
    """Marks on tasks, workers, batchers and single values. A mark says that something changed, not what."""

    __slots__ = (
        "batchers",
        "edges",
        "later",
        "quiet",
        "removed",
        "removed_batchers",
        "removed_later",
        "removed_workers",
        "tasks",
        "urgent",
        "values",
        "workers",
        "workers_later",
    )

    def __init__(self) -> None:
        """Make a journal without marks."""
        #: Tasks that changed, urgent ones and others; never in both.
        self.tasks: dict[Task, None] = {}
        self.later: dict[Task, None] = {}
        #: Of tasks whose dependencies changed: how many of the first ones are still the same, and how many there were.
        self.edges: dict[Task, tuple[int, int]] = {}
        #: Numbers (``Task.seq``) of tasks that were forgotten.
        self.removed: dict[int, None] = {}
        self.removed_later: dict[int, None] = {}
        self.workers: dict[Worker, None] = {}
        self.workers_later: dict[Worker, None] = {}
        #: Numbers (``Worker.seq``) of workers that were forgotten.
        self.removed_workers: dict[int, None] = {}
        #: Ids of workers whose batchers changed, and numbers of entries that are gone.
        self.batchers: dict[str, None] = {}
        self.removed_batchers: dict[int, None] = {}
        #: Names of single values that changed: ``resources``, ``paused``.
        self.values: dict[str, None] = {}
        #: Grows with every urgent mark.
        self.urgent = 0
        #: While this is set, no mark is urgent.
        self.quiet = False

    @contextmanager
    def quietly(self) -> Iterator[None]:
        """Make what is marked in a ``with`` block not urgent."""
        before, self.quiet = self.quiet, True
        try:
            yield
        finally:
            self.quiet = before

    def task(self, task: Task) -> None:
        """Mark a task."""
        if self.quiet:
            self.task_later(task)
        else:
            self.tasks[task] = None
            self.later.pop(task, None)
            self.urgent += 1

    def task_later(self, task: Task) -> None:
        """Mark a task, not urgently."""
        if task not in self.tasks:
            self.later[task] = None

    def tasks_later(self, tasks: Iterable[Task]) -> None:
        """Mark many tasks, not urgently."""
        self.later.update(dict.fromkeys(tasks))
        for task in self.tasks:
            self.later.pop(task, None)

    def deps(self, task: Task, same: int, before: int) -> None:
        """Mark a task whose dependencies changed: all but the first ``same`` of the ``before`` that there were."""
        known = self.edges.get(task)
        self.edges[task] = (same, before) if known is None else (min(same, known[0]), known[1])
        self.task(task)

    def task_removed(self, task: Task) -> None:
        """Note that a task was forgotten."""
        # What a worker is about to be told of it must not be undone by a crash: then the removal cannot wait either.
        was_urgent = task in self.tasks
        self.tasks.pop(task, None)
        self.later.pop(task, None)
        self.edges.pop(task, None)
        if self.quiet and not was_urgent:
            self.removed_later[task.seq] = None
        else:
            self.removed[task.seq] = None
        if not self.quiet:
            self.urgent += 1

    def worker(self, worker: Worker) -> None:
        """Mark a worker."""
        self.workers[worker] = None
        self.workers_later.pop(worker, None)
        if not self.quiet:
            self.urgent += 1

    def worker_later(self, worker: Worker) -> None:
        """Mark a worker, not urgently."""
        if worker not in self.workers:
            self.workers_later[worker] = None

    def worker_removed(self, worker: Worker) -> None:
        """Note that a worker was forgotten; its tasks still name it in their documents until they are written."""
        self.workers.pop(worker, None)
        self.workers_later.pop(worker, None)
        self.removed_workers[worker.seq] = None
        if not self.quiet:
            self.urgent += 1

    def batcher(self, worker_id: str) -> None:
        """Mark the batchers of a worker."""
        self.batchers[worker_id] = None
        if not self.quiet:
            self.urgent += 1

    def batcher_removed(self, worker_id: str, number: int) -> None:
        """Note that an entry of batchers is gone."""
        self.batchers.pop(worker_id, None)
        self.removed_batchers[number] = None

    def value(self, name: str) -> None:
        """Mark a single value."""
        self.values[name] = None
        self.urgent += 1
