"""Tasks and workers as plain documents (dicts of JSON values), in which a durable copy is kept.

A document leaves out what has its usual value, and names workers by their numbers: ``Worker.seq`` names one worker
for ever, while an id may come back. ``docs/architecture.md`` lists the keys; new ones may be added, none changes its
meaning.
"""

from __future__ import annotations

from typing import Any, TypeVar

from luigiviz.engine.config import RetryPolicy
from luigiviz.engine.journal import Journal
from luigiviz.engine.model import FOLLOWS_RESOURCES, Task, Worker
from luigiviz.engine.state import State

Document = dict[str, Any]
_Key = TypeVar("_Key")

#: Keys of a task's document that hold an attribute as it is: those left out where the attribute is empty, 0 or false,
#: and those left out where it is None.
UNLESS_EMPTY = (
    *("accepts_messages", "batchable", "failures", "family", "param_visibilities", "params", "priority", "resources"),
    *("runnable", "scheduler_message_responses"),
)
UNLESS_NONE = (
    *("batch_id", "expl", "first_failure_time", "module", "progress_percentage", "remove", "retry"),
    *("scheduler_disable_time", "status_message", "time_running", "tracking_url", "worker_running"),
)
#: In ``held``: the run holds what the task asks for, whatever that becomes.
FOLLOWS = "resources"


def task_document(task: Task, workers: dict[str, Worker], default_policy: RetryPolicy) -> Document:
    """Describe a task, all but its dependencies."""
    document: Document = {"seq": task.seq, "id": task.id, "status": task.status, "order": task.order}
    document["time"] = task.time
    document["updated"] = task.updated
    for name in UNLESS_EMPTY:
        if value := getattr(task, name):
            document[name] = value
    for name in UNLESS_NONE:
        if (value := getattr(task, name)) is not None:
            document[name] = value
    if task.public_params is not None:
        document["public"] = list(task.public_params)
    held = task.resources_running
    if held is not None:
        document["held"] = FOLLOWS if held is FOLLOWS_RESOURCES else held
    if task.retry_policy != default_policy:
        document["retry_policy"] = list(task.retry_policy)
    crew = task.crew
    if crew.workers:
        document["workers"] = [workers[worker_id].seq for worker_id in crew.workers]
    if crew.stakeholders:
        document["stakeholders"] = sorted(workers[worker_id].seq for worker_id in crew.stakeholders)
    return document


def worker_document(worker: Worker) -> Document:
    """Describe a worker."""
    document: Document = {
        "seq": worker.seq,
        "id": worker.id,
        "started": worker.started,
        "last_active": worker.last_active,
    }
    for name in ("host", "last_get_work", "info", "rpc_messages", "disabled"):
        value = getattr(worker, name)
        if value:
            document[name] = value
    if worker.host == "":
        document["host"] = ""
    return document


def batchers_document(state: State, worker_id: str) -> Document:
    """Describe what a worker can combine in batches."""
    families = {
        family: [list(names), most] for family, (names, most) in state.batches.batchers.get(worker_id, {}).items()
    }
    return {"seq": state.batches.numbers[worker_id], "worker": worker_id, "families": families}


def value_document(state: State, name: str) -> Document:
    """Describe a single value: ``resources`` or ``paused``."""
    if name == "paused":
        return {"paused": state.paused, "at": state.paused_at, "by": state.paused_by}
    configured = state.configured_resources
    return {
        "edits": {
            resource: [amount, configured.get(resource)]
            for resource, amount in state.pool.totals.items()
            if configured.get(resource) != amount
        }
    }


class Changes:
    """Everything that a durable copy has to take over at once, described at one moment between two calls."""

    __slots__ = ("batchers", "edges", "removed", "removed_batchers", "removed_workers", "tasks", "values", "workers")

    def __init__(self) -> None:
        """Make changes that change nothing."""
        self.tasks: list[Document] = []
        #: (number of the task, how many of its first dependencies stay, those that follow, how many there were)
        self.edges: list[tuple[int, int, tuple[str, ...], int]] = []
        self.removed: list[int] = []
        self.workers: list[Document] = []
        self.removed_workers: list[int] = []
        self.batchers: list[Document] = []
        self.removed_batchers: list[int] = []
        self.values: dict[str, Document] = {}

    def __bool__(self) -> bool:
        """Whether there is anything to take over."""
        return any(getattr(self, name) for name in self.__slots__)


def take_changes(state: State, most_later: int | None = None, *, with_workers_later: bool = True) -> Changes:
    """Describe what the journal has marked, and clear its marks.

    ``most_later`` limits how many of the tasks that can wait are taken along; None: all of them.
    """
    journal = state.journal
    changes = Changes()
    if journal is None:
        return changes
    workers, policy = state.workers, state.default_policy
    marked = [journal.tasks]
    journal.tasks = {}
    if journal.later:
        marked.append(_take_some(journal.later, most_later))
    for tasks in marked:
        for task in tasks:
            changes.tasks.append(task_document(task, workers, policy))
            edges = journal.edges.pop(task, None)
            if edges is not None:
                same, before = edges
                changes.edges.append((task.seq, same, task.deps[same:], before))
    changes.removed = [*journal.removed, *_take_some(journal.removed_later, most_later)]
    journal.removed = {}
    changes.workers = [worker_document(worker) for worker in journal.workers]
    journal.workers = {}
    if with_workers_later:
        changes.workers += [worker_document(worker) for worker in journal.workers_later]
        journal.workers_later = {}
    changes.removed_workers, journal.removed_workers = list(journal.removed_workers), {}
    changes.batchers = [batchers_document(state, worker_id) for worker_id in journal.batchers]
    journal.batchers = {}
    changes.removed_batchers, journal.removed_batchers = list(journal.removed_batchers), {}
    changes.values = {name: value_document(state, name) for name in journal.values}
    journal.values = {}
    return changes


def _take_some(marks: dict[_Key, None], most: int | None) -> dict[_Key, None]:
    """Take marks out, oldest first, at most so many."""
    if most is None or len(marks) <= most:
        taken = dict(marks)
        marks.clear()
        return taken
    taken = dict.fromkeys(list(marks)[:most])
    for mark in taken:
        del marks[mark]
    return taken


def mark_everything(state: State, journal: Journal) -> None:
    """Mark all that there is, so that the next changes are a whole copy."""
    for task in state.tasks.values():
        if task.deps:
            journal.deps(task, 0, len(task.deps))
        else:
            journal.task(task)
    for worker in state.workers.values():
        journal.worker(worker)
    for worker_id in state.batches.batchers:
        journal.batcher(worker_id)
    for name in ("resources", "paused"):
        journal.value(name)
