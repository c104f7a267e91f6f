"""Brings a scheduler back from the documents of its durable copy: all tasks first, then every index over them.

The indexes are filled in bulk, in the order that calls would have filled them in. What the documents cannot agree on
(a crash may have come between the writing of two that were not urgent) is settled as the next call would have done:
a worker that has no document is gone, a disabled worker can run nothing, of two tasks with one id the newer counts.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter

from luigiviz.engine.config import RetryPolicy
from luigiviz.engine.crews import Crew
from luigiviz.engine.documents import FOLLOWS, Document
from luigiviz.engine.model import FOLLOWS_RESOURCES, NO_PARAMS, NO_RESOURCES, Task, Worker
from luigiviz.engine.runs import RUN_STATUSES
from luigiviz.engine.scheduler import Scheduler
from luigiviz.engine.state import State
from luigiviz.engine.statuses import DISABLED, FAILED, PENDING, RUNNING

_new = Task.__new__
_intern = sys.intern


@dataclass(slots=True)
class Image:
    """A durable copy, as documents. ``tasks`` may be long, and is read once."""

    #: Each task with the ids of its dependencies, in the order of ``seq``.
    tasks: Iterable[tuple[Document, tuple[str, ...]]] = ()
    workers: Iterable[Document] = ()
    batchers: Iterable[Document] = ()
    values: Mapping[str, Document] = field(default_factory=dict)


def restore(scheduler: Scheduler, image: Image, *, seen_at: float | None = None) -> list[int]:
    """Fill a new scheduler with what an image holds.

    ``seen_at`` says when workers count as last seen: after a pause they need time to come back; None: as it is written.
    Returns the numbers of tasks that have been replaced by newer ones of the same id.
    """
    state = scheduler.state
    by_seq = _restore_workers(state, image.workers, seen_at)
    for batchers in sorted(image.batchers, key=lambda document: document["seq"]):
        for family, (names, most) in batchers["families"].items():
            state.set_batcher(batchers["worker"], family, tuple(names), most)
        state.batches.numbers[batchers["worker"]] = state.batches.last_number = batchers["seq"]
    _restore_values(state, image.values)
    replaced = _restore_tasks(state, image.tasks, by_seq)
    _fill_indexes(state)
    state.version += 1
    return replaced


def _restore_workers(state: State, documents: Iterable[Document], seen_at: float | None) -> dict[int, Worker]:
    by_seq: dict[int, Worker] = {}
    for document in sorted(documents, key=lambda document: document["seq"]):
        worker = Worker(document["id"], document["started"])
        worker.seq = document["seq"]
        worker.last_active = document["last_active"] if seen_at is None else max(seen_at, document["last_active"])
        worker.last_get_work = document.get("last_get_work")
        worker.host = document.get("host")
        worker.info = document.get("info", {})
        worker.rpc_messages = document.get("rpc_messages", [])
        worker.disabled = document.get("disabled", False)
        older = state.workers.get(worker.id)
        if older is not None:
            del by_seq[older.seq]
        state.workers[worker.id] = by_seq[worker.seq] = worker
        state.deadlines.watch(worker.last_active + state.config.worker_disconnect_delay, worker)
        state.last_worker_seq = max(state.last_worker_seq, worker.seq)
    return by_seq


def _restore_values(state: State, values: Mapping[str, Document]) -> None:
    pause = values.get("paused", {})
    state.paused = pause.get("paused", False) and state.config.pause_enabled
    if state.paused:
        state.paused_at, state.paused_by = pause.get("at"), pause.get("by")
    for name, (amount, configured) in values.get("resources", {}).get("edits", {}).items():
        # An edit holds until the configuration says something else than it said then.
        if state.configured_resources.get(name) == configured:
            state.pool.totals[name] = amount


def _restore_tasks(
    state: State, documents: Iterable[tuple[Document, tuple[str, ...]]], by_seq: Mapping[int, Worker]
) -> list[int]:
    replaced = []
    tasks, make = state.tasks, _TaskMaker(state, by_seq).make
    for document, deps in documents:
        task = make(document)
        task.deps = deps
        if task.id in tasks:
            replaced.append(tasks.pop(task.id).seq)
        tasks[task.id] = task
        state.last_seq = task.seq
    state.last_order = max((task.order for task in tasks.values()), default=0)
    return replaced


class _TaskMaker:
    """Makes tasks of documents; equal values become one object."""

    def __init__(self, state: State, by_seq: Mapping[int, Worker]) -> None:
        """Make a maker for a scheduler's tasks."""
        self._state = state
        self._by_seq = by_seq
        self._crews: dict[tuple[tuple[int, ...], tuple[int, ...]], Crew] = {}
        self._crews_by_ids: dict[tuple[tuple[str, ...], frozenset[str]], Crew] = {}

    def make(self, document: Document) -> Task:
        """Make a task that is in no index yet; ``crew`` is what it should be, not joined.

        Sets every attribute itself, once: a million tasks are made before anybody is served.
        """
        state, get = self._state, document.get
        task = _new(Task)
        task.id = document["id"]
        task.seq = document["seq"]
        task.order = document["order"]
        task.status = _intern(document["status"])
        task.time = document["time"]
        task.updated = document["updated"]
        task.family = _intern(get("family", ""))
        module = get("module")
        task.module = _intern(module) if module else module
        # Names of parameters are shared already: the reader of JSON keeps short keys.
        params = task.params = get("params", NO_PARAMS)
        public = get("public")
        task.public_params = None if public is None else {name: params[name] for name in public}
        visibilities = get("param_visibilities")
        task.param_visibilities = state.intern_visibilities(visibilities) if visibilities else NO_PARAMS
        task.crew = self._crew(tuple(get("workers", ())), tuple(get("stakeholders", ())))
        task.priority = get("priority", 0)
        task.retry = get("retry")
        task.remove = get("remove")
        runner = get("worker_running")
        task.worker_running = None if runner is None else _intern(runner)
        task.time_running = get("time_running")
        task.expl = get("expl")
        resources, held = get("resources"), get("held")
        task.resources = state.intern_resources(resources) if resources else NO_RESOURCES
        if held is None:
            task.resources_running = None
        else:
            task.resources_running = FOLLOWS_RESOURCES if held == FOLLOWS else state.intern_resources(held)
        task.accepts_messages = get("accepts_messages", False)
        task.retry_policy = self._policy(get("retry_policy"))
        task.failures = get("failures")
        task.first_failure_time = get("first_failure_time")
        task.tracking_url = get("tracking_url")
        task.status_message = get("status_message")
        task.progress_percentage = get("progress_percentage")
        task.scheduler_message_responses = get("scheduler_message_responses")
        task.scheduler_disable_time = get("scheduler_disable_time")
        task.runnable = get("runnable", False)
        task.batchable = get("batchable", False)
        task.batch_id = get("batch_id")
        # What the indexes say of it.
        task.deps, task.dependents, task.ready = (), None, None
        task.unfinished = task.up_failed = task.up_disabled = task.flag = 0
        return task

    def _policy(self, numbers: list[float] | None) -> RetryPolicy:
        if numbers is None:
            return self._state.default_policy
        return self._state.intern_policy(RetryPolicy(*numbers))

    def _crew(self, workers: tuple[int, ...], stakeholders: tuple[int, ...]) -> Crew:
        """Return the crew of those that are still there; a disabled worker cares, but runs nothing."""
        crew = self._crews.get((workers, stakeholders))
        if crew is None:
            there = self._by_seq
            ids = (
                tuple(there[seq].id for seq in workers if seq in there and not there[seq].disabled),
                frozenset(there[seq].id for seq in stakeholders if seq in there),
            )
            crew = self._crews_by_ids.setdefault(ids, self._state.crews.find(*ids))
            self._crews[workers, stakeholders] = crew
        return crew


def _fill_indexes(state: State) -> None:
    for task in state.tasks.values():
        if task.deps:
            task.unfinished = state.dependencies.enter(task)
    tasks = sorted(state.tasks.values(), key=attrgetter("order"))
    state.shelves.put_all(tasks)
    state.crews.join_all(tasks)
    for task in tasks:
        if task.status in RUN_STATUSES:
            state.runs.enter(task)
            if task.status == RUNNING:
                state.pool.acquire(task)
    _fill_deadlines(state, tasks)
    for taint in state.taints:
        for task in tasks:
            if task.dependents and taint.is_source(task):
                taint.gain(task.dependents)
    ready = [task for task in tasks if task.status == PENDING and not task.unfinished]
    state.ready.refresh_all(sorted(ready, key=_rank))


def _fill_deadlines(state: State, tasks: Iterable[Task]) -> None:
    """Enter what time will change, and what the next pruning has to look at."""
    deadlines, look_at = state.deadlines, state.deadlines.look_at
    for task in tasks:
        status = task.status
        if status == FAILED:
            if task.retry is not None:
                deadlines.at(task.retry, task)
        elif status == DISABLED and task.scheduler_disable_time is not None:
            deadlines.at(task.scheduler_disable_time + state.config.disable_persist, task)
        if task.remove is not None:
            deadlines.at(task.remove, task)
        if not task.crew.stakeholders or status in RUN_STATUSES:
            look_at[task] = None


def _rank(task: Task) -> tuple[float, float, int]:
    return (-task.priority, task.time, task.order)
