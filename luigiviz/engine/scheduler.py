"""The scheduler: one method for each RPC of Luigi's central scheduler, with Luigi's names, defaults and answers.

Source of every answer: what ``luigi.scheduler.Scheduler`` 3.8.1 answers to the same calls at the same times.
Each method does its own book-keeping and leaves the rules to the module that holds the idea.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from luigiviz.engine import listings, messages, work
from luigiviz.engine.claims import Claim, apply_claim, record
from luigiviz.engine.config import SchedulerConfig
from luigiviz.engine.events import EventKind, EventSink
from luigiviz.engine.model import FOLLOWS_RESOURCES, Resources, Task, Worker
from luigiviz.engine.pruning import prune
from luigiviz.engine.rpc import check_call
from luigiviz.engine.serialize import serialize_task
from luigiviz.engine.state import State
from luigiviz.engine.statuses import BATCH_RUNNING, DISABLED, DONE, FAILED, PENDING, RUNNING
from luigiviz.engine.transitions import re_enable, set_status

Answer = dict[str, Any]


class Scheduler:
    """Decides which worker runs which task when. Knows no network, disk or thread: callers take turns."""

    def __init__(
        self,
        config: SchedulerConfig | None = None,
        resources: Mapping[str, float] | None = None,
        clock: Callable[[], float] = time.time,
        on_event: EventSink | None = None,
    ) -> None:
        """Make a scheduler without tasks; ``clock`` gives the seconds since the epoch."""
        self.config = config or SchedulerConfig()
        self.state = State(self.config, resources or {}, on_event)
        self._clock = clock

    @property
    def tasks(self) -> dict[str, Task]:
        """All tasks by id, in order of creation."""
        return self.state.tasks

    @property
    def workers(self) -> dict[str, Worker]:
        """All workers by id, in order of first contact."""
        return self.state.workers

    def call(self, method: str, arguments: Mapping[str, Any]) -> Any:
        """Check and carry out a call by name, as the HTTP API does.

        Raises UnknownMethodError or InvalidArgumentError before anything has changed.
        """
        checked = check_call(method, arguments)
        return getattr(self, method)(**checked)

    def next_deadline(self) -> float | None:
        """Return when ``prune`` may have something to do: 0 for at once, None for never."""
        return self.state.deadlines.next()

    # Tasks

    def add_task(
        self,
        task_id: str,
        status: str = PENDING,
        runnable: bool | None = True,
        deps: Iterable[str] | None = None,
        new_deps: Iterable[str] | None = None,
        expl: Any = None,
        resources: Mapping[str, float] | None = None,
        priority: float = 0,
        family: str = "",
        module: str | None = None,
        params: Mapping[str, Any] | None = None,
        param_visibilities: Mapping[str, int] | None = None,
        accepts_messages: bool | None = False,
        assistant: bool = False,
        tracking_url: str | None = None,
        worker: str = "",
        batchable: bool | None = None,
        batch_id: str | None = None,
        retry_policy_dict: Mapping[str, float | None] | None = None,
        owners: Any = None,
        **_newer: Any,
    ) -> None:
        """Add a task, or take over what a worker says of it."""
        now = self._clock()
        claim = Claim(
            task_id=task_id,
            status=status,
            runnable=runnable,
            deps=deps,
            new_deps=new_deps,
            expl=expl,
            resources=resources,
            priority=priority,
            family=family,
            module=module,
            params=params,
            param_visibilities=param_visibilities,
            accepts_messages=accepts_messages,
            assistant=assistant,
            tracking_url=tracking_url,
            batchable=batchable,
            batch_id=batch_id,
            retry_policy_dict=retry_policy_dict,
        )
        apply_claim(self.state, claim, self._seen(worker, now), now)

    def add_task_batcher(
        self, worker: str, task_family: str, batched_args: Iterable[str], max_batch_size: float = float("inf")
    ) -> None:
        """Announce which parameters of a family a worker can combine, and how many tasks at most."""
        self.state.set_batcher(worker, task_family, tuple(batched_args), max_batch_size)

    def forgive_failures(self, task_id: str | None = None) -> Answer:
        """Make a FAILED task PENDING at once; its failures stay counted."""
        return self._steer(task_id, PENDING, {FAILED})

    def mark_as_done(self, task_id: str | None = None) -> Answer:
        """Make a RUNNING, FAILED or DISABLED task DONE."""
        return self._steer(task_id, DONE, {RUNNING, FAILED, DISABLED})

    def re_enable_task(self, task_id: str) -> Answer:
        """Enable a task that the scheduler has disabled: it becomes FAILED, to be tried again after the retry delay."""
        task = self.tasks.get(task_id)
        if task is None or task.status != DISABLED or not task.scheduler_disable_time:
            return {}
        re_enable(self.state, task, self._clock())
        return self._serialize(task, deps=task.deps)

    def fetch_error(self, task_id: str, **_newer: Any) -> Answer:
        """Return a task's error, and what one needs to run it again."""
        task = self.tasks.get(task_id)
        if task is None:
            return {"taskId": task_id, "error": ""}
        return {
            "taskId": task_id,
            "error": task.expl,
            "displayName": task.display_name,
            "taskParams": task.params,
            "taskModule": task.module,
            "taskFamily": task.family,
        }

    # Work

    def get_work(
        self,
        host: str | None = None,
        assistant: bool = False,
        current_tasks: Iterable[str] | None = None,
        worker: str = "",
        **_newer: Any,
    ) -> Answer:
        """Hand out the next task, or a batch of tasks, with how much is left for the worker.

        ``current_tasks`` names what the worker knows that it runs: if an answer got lost, its task is handed out again.
        """
        now = self._clock()
        state = self.state
        if self.config.prune_on_get_work:
            prune(state, now)
        asking = self._seen(worker, now)
        asking.host = host
        asking.last_get_work = now
        if asking.disabled:
            return {
                "n_pending_tasks": 0,
                "running_tasks": [],
                "task_id": None,
                "n_unique_pending": 0,
                "worker_state": asking.state,
            }
        if assistant:
            self._add_info(asking, [("assistant", assistant)])
        task: Task | None = None
        mates: list[Task] = []
        names: tuple[str, ...] = ()
        if current_tasks is not None:
            task = self._lost_task(worker, frozenset(current_tasks))
            self._reset_orphaned_batches(worker, now)
        if task is None and not state.paused:
            entry = work.choose(state, asking, assistant, now)
            if entry is not None:
                task = entry[3]
                names, mates = work.batch(state, asking, entry)
        answer = self.count_pending(worker)
        if len(mates) > 1:
            answer |= self._start_batch(mates, names, worker, now)
        elif task is not None:
            answer |= self._start(task, worker, host, now)
        else:
            answer["task_id"] = None
        return answer

    def _lost_task(self, worker_id: str, current: frozenset[str]) -> Task | None:
        """Return the highest-ranking task that the worker runs without knowing."""
        lost = [task for task in self.state.runs.of_worker(worker_id, RUNNING) if task.id not in current]
        return max(lost, key=lambda task: (task.priority, -task.time, task.order), default=None)

    def _reset_orphaned_batches(self, worker_id: str, now: float) -> None:
        """Give back the members of batches that the worker was handed but does not run."""
        runs = self.state.runs
        alive = {task.batch_id for task in runs.of_worker(worker_id, RUNNING)}
        for task in runs.of_worker(worker_id, BATCH_RUNNING):
            if task.batch_id not in alive:
                set_status(self.state, task, PENDING, now)

    def _start(self, task: Task, worker_id: str, host: str | None, now: float) -> Answer:
        state = self.state
        state.emit(EventKind.STARTED, task, now)
        set_status(state, task, RUNNING, now)
        state.set_runner(task, worker_id)
        state.set_held(task, task.resources)
        task.time_running = now
        state.touch(task)
        state.watch_run(task)
        record(state, task, RUNNING, now, host=host)
        return {
            "task_id": task.id,
            "task_family": task.family,
            "task_module": task.module,
            "task_params": task.params,
        }

    def _start_batch(self, tasks: list[Task], names: Iterable[str], worker_id: str, now: float) -> Answer:
        state = self.state
        ids = [task.id for task in tasks]
        batch_id = hashlib.md5("|".join(ids).encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()
        for task in tasks:
            set_status(state, task, BATCH_RUNNING, now)
            state.set_batch(task, batch_id)
            state.set_runner(task, worker_id)
            state.set_held(task, FOLLOWS_RESOURCES)
            task.time_running = now
            state.touch(task)
            state.watch_run(task)
        first = tasks[0]
        return {
            "task_id": None,
            "task_family": first.family,
            "task_module": first.module,
            "task_params": dict(first.params) | {name: [task.params.get(name) for task in tasks] for name in names},
            "batch_id": batch_id,
            "batch_task_ids": ids,
        }

    def count_pending(self, worker: str) -> Answer:
        """Say how much is left that a worker could run, and what others run of it."""
        now = self._clock()
        asking = self.state.worker(worker, now)
        pending = unique = last = 0
        running: list[Task] = []
        for crew in asking.crews:
            if worker not in crew.workers_set:
                continue
            number = crew.pending + crew.failed
            pending += number
            unique += number if len(crew.workers) == 1 else 0
            last += number if crew.workers[-1] == worker else 0
            running.extend(crew.running)
        running.sort(key=lambda task: task.order)
        return {
            "n_pending_tasks": pending,
            "n_unique_pending": unique,
            "n_pending_last_scheduled": last,
            "worker_state": asking.state,
            "running_tasks": [
                {"task_id": task.id, "worker": task.worker_running}
                | (self.state.worker(task.worker_running, now).info if task.worker_running else {})
                for task in running
            ],
        }

    # Workers

    def ping(self, worker: str, **_newer: Any) -> Answer:
        """Note that a worker is alive, and hand it its messages."""
        pinging = self._seen(worker, self._clock())
        collected = messages.collect(pinging)
        if collected:
            self.state.touch_worker(pinging)
        return {"rpc_messages": collected}

    def add_worker(self, worker: str, info: Any, **_newer: Any) -> None:
        """Take over what a worker says of itself: an object, or a list of pairs."""
        self._add_info(self.state.worker(worker, self._clock()), info)

    def _add_info(self, worker: Worker, info: Any) -> None:
        was_assistant = worker.assistant
        before, worker.info = worker.info, {**worker.info, **dict(info)}
        if worker.info != before:
            self.state.touch_worker(worker)
        if was_assistant and not worker.assistant:
            self.state.look_at_runs(worker.id)
        self.state.version += 1

    def disable_worker(self, worker: str) -> None:
        """Give a worker no more work; it finishes what it runs."""
        self.state.disable_worker(self.state.worker(worker, self._clock()))

    def set_worker_processes(self, worker: str, n: int) -> None:
        """Ask a worker to use so many processes."""
        told = self.state.worker(worker, self._clock())
        messages.post(told, "set_worker_processes", n=n)
        self.state.touch_worker(told)
        self.state.version += 1

    # Messages, progress, statistics

    def send_scheduler_message(self, worker: str, task: str, content: Any) -> Answer:
        """Send a message to a task that a worker runs; answers the id under which to ask for its response."""
        if not self.config.send_messages:
            return {"message_id": None}
        told = self.state.worker(worker, self._clock())
        self.state.touch_worker(told)
        self.state.version += 1
        return {"message_id": messages.post_to_task(told, task, content)}

    def add_scheduler_message_response(self, task_id: str, message_id: str, response: Any) -> None:
        """Keep a task's response to a message."""
        task = self.tasks.get(task_id)
        if task is not None:
            messages.keep_answer(task, message_id, response)
            self.state.touch(task)
            self.state.version += 1

    def get_scheduler_message_response(self, task_id: str, message_id: str) -> Answer:
        """Take a task's response to a message; null while there is none."""
        task = self.tasks.get(task_id)
        if task is None or not task.scheduler_message_responses:
            return {"response": None}
        self.state.touch(task)
        return {"response": messages.take_answer(task, message_id)}

    def set_task_status_message(self, task_id: str, status_message: Any) -> None:
        """Set what a task says it is doing; members of its batch say the same."""
        for task in self._with_batch(task_id):
            task.status_message = status_message
            self.state.touch_later(task)

    def get_task_status_message(self, task_id: str) -> Answer:
        """Return what a task says it is doing."""
        task = self.tasks.get(task_id)
        return {"taskId": task_id, "statusMessage": "" if task is None else task.status_message}

    def set_task_progress_percentage(self, task_id: str, progress_percentage: float | None) -> None:
        """Set how far a task is (percent); members of its batch are as far."""
        for task in self._with_batch(task_id):
            task.progress_percentage = progress_percentage
            self.state.touch_later(task)

    def get_task_progress_percentage(self, task_id: str) -> Answer:
        """Return how far a task is (percent)."""
        task = self.tasks.get(task_id)
        return {"taskId": task_id, "progressPercentage": None if task is None else task.progress_percentage}

    def _with_batch(self, task_id: str) -> list[Task]:
        task = self.tasks.get(task_id)
        if task is None:
            return []
        self.state.version += 1
        return [task, *(self.state.runs.members(task.batch_id) if task.status == RUNNING else ())]

    def update_metrics_task_started(self, task: Any) -> None:
        """Count a task as started in the metrics."""
        known = self.tasks.get(task) if isinstance(task, str) else None
        if known is not None:
            self.state.emit(EventKind.STARTED, known, self._clock())

    def report_task_statistics(self, task_id: str, statistics: Any) -> None:
        """Hand a run's statistics to the metrics."""
        task = self.tasks.get(task_id)
        if task is not None:
            self.state.emit(EventKind.STATISTICS, task, self._clock(), detail=statistics)

    def announce_scheduling_failure(
        self, task_name: Any, family: Any, params: Any, expl: Any, owners: Any, **_newer: Any
    ) -> None:
        """Hear that a worker could not schedule a task; without batch mails nothing follows, as in Luigi."""

    # Resources

    def update_resources(self, /, **resources: float) -> None:
        """Set the totals of resources."""
        self.state.set_totals(resources)

    def update_resource(self, resource: str, amount: Any) -> bool:
        """Set the total of a resource; False if that is no whole number from 0 up."""
        if not isinstance(amount, int) or amount < 0:
            return False
        self.state.set_totals({resource: amount})
        return True

    def decrease_running_task_resources(self, task_id: str, decrease_resources: Mapping[str, float]) -> None:
        """Give back some of what a RUNNING task holds; members of its batch hold less with it."""
        task = self.tasks.get(task_id)
        if task is None or task.status != RUNNING:
            return
        for holder in (task, *self.state.runs.members(task.batch_id)):
            self._decrease(holder, decrease_resources)

    def _decrease(self, task: Task, amounts: Mapping[str, float]) -> None:
        held = task.held_resources
        before: Mapping[str, float] = task.resources if held is None else held
        after: Resources = self.state.intern_resources(
            {name: max(0, value - max(0, amounts.get(name, 0))) for name, value in before.items()}
        )
        if task.resources_running is FOLLOWS_RESOURCES:
            self.state.shrink_followed(task, after)
        else:
            self.state.set_held(task, after)

    def get_running_task_resources(self, task_id: str) -> Answer:
        """Return what a task holds while it runs."""
        task = self.tasks.get(task_id)
        return {"taskId": task_id, "resources": None if task is None else task.held_resources}

    # Pause, prune, features

    def is_pause_enabled(self) -> Answer:
        """Say whether pausing is allowed."""
        return {"enabled": self.config.pause_enabled}

    def is_paused(self) -> Answer:
        """Say whether no new work is handed out."""
        return {"paused": self.state.paused}

    def pause(self) -> None:
        """Hand out no new work."""
        self._set_paused(True)

    def pause_for(self, who: str) -> None:
        """Hand out no new work, and remember who wanted that."""
        self._set_paused(True, who)

    def unpause(self) -> None:
        """Hand out work again."""
        self._set_paused(False)

    def _set_paused(self, paused: bool, who: str | None = None) -> None:
        if self.config.pause_enabled and self.state.paused != paused:
            self.state.paused = paused
            self.state.paused_at = self._clock() if paused else None
            self.state.paused_by = who
            if self.state.journal is not None:
                self.state.journal.value("paused")
            self.state.version += 1

    def has_task_history(self) -> bool:
        """Say whether runs are recorded."""
        return self.config.record_task_history

    def prune(self) -> None:
        """Apply what time has brought: dead workers, retries, re-enables, removals."""
        prune(self.state, self._clock())

    def prune_some(self, most: int) -> None:
        """Prune at most so many tasks: what is due may be a million, and nobody can call meanwhile."""
        prune(self.state, self._clock(), most)

    # Lists and graphs; as in Luigi, these prune first

    def graph(self, **_newer: Any) -> Answer:
        """Return every task with its dependencies."""
        self.prune()
        return listings.graph(self.state)

    def dep_graph(self, task_id: str, include_done: bool = True, **_newer: Any) -> Answer:
        """Return a task and everything it waits for."""
        self.prune()
        return listings.dep_graph(self.state, task_id, include_done)

    def inverse_dep_graph(self, task_id: str, include_done: bool = True, **_newer: Any) -> Answer:
        """Return a task and everything that waits for it."""
        self.prune()
        return listings.inverse_dep_graph(self.state, task_id, include_done)

    def task_list(
        self,
        status: str = "",
        upstream_status: str = "",
        limit: bool = True,
        search: str | None = None,
        max_shown_tasks: float | None = None,
        **_newer: Any,
    ) -> Answer:
        """Return tasks by status, upstream status and search terms, or only their number if they are too many."""
        most = max_shown_tasks or self.config.max_shown_tasks
        if limit and not search:
            number = len(self.tasks) if not status else self.state.shelves.counts.get(status, 0)
            if number > most:
                return {"num_tasks": -1 if upstream_status else number}
        self.prune()
        return listings.task_list(self.state, status, upstream_status, search, most if limit else None)

    def task_search(self, task_str: str, **_newer: Any) -> Answer:
        """Return the tasks whose id contains a text, by status."""
        self.prune()
        return listings.task_search(self.state, task_str)

    def worker_list(self, include_running: bool = True, **_newer: Any) -> list[Answer]:
        """Return all workers, newest first, with what they run."""
        self.prune()
        return listings.worker_list(self.state, include_running)

    def resource_list(self) -> list[Answer]:
        """Return all resources with what is used and by whom."""
        self.prune()
        return listings.resource_list(self.state)

    # Shared

    def _seen(self, worker_id: str, now: float) -> Worker:
        worker = self.state.worker(worker_id, now)
        worker.last_active = now
        self.state.touch_worker_later(worker)
        return worker

    def _steer(self, task_id: str | None, status: str, from_statuses: set[str]) -> Answer:
        task = self.tasks.get(task_id) if task_id is not None else None
        if task is None:
            return {"task_id": task_id, "status": None}
        if task.status in from_statuses:
            now = self._clock()
            record(self.state, task, status, now)
            set_status(self.state, task, status, now)
        return {"task_id": task_id, "status": task.status}

    def _serialize(self, task: Task, deps: Iterable[str] | None = None) -> Answer:
        return serialize_task(task, send_messages=self.config.send_messages, deps=deps)
