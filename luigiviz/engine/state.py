"""The live state and its indexes: every change of a task goes through here, so that no index is forgotten.

``State`` knows what must be kept in step, not why anything changes: which status follows which is the business of
``transitions``, who may run what of ``work``, what time brings of ``pruning``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from luigiviz.engine.batching import BatchIndex
from luigiviz.engine.config import SchedulerConfig
from luigiviz.engine.crews import Crew, CrewTable
from luigiviz.engine.deadlines import Deadlines
from luigiviz.engine.dependencies import Dependencies
from luigiviz.engine.events import Event, EventKind, EventSink
from luigiviz.engine.interning import PolicyInterner, ResourceInterner, VisibilityInterner
from luigiviz.engine.journal import Journal
from luigiviz.engine.model import FOLLOWS_RESOURCES, Params, Resources, Task, Worker
from luigiviz.engine.ready import ReadyQueue
from luigiviz.engine.resources import ResourcePool
from luigiviz.engine.runs import RUN_STATUSES, Runs
from luigiviz.engine.shelves import Shelves
from luigiviz.engine.statuses import DISABLED, DONE, FAILED, PENDING, RUNNING
from luigiviz.engine.upstream import FLAG_DISABLED, FLAG_STATUS, Taint, flag_for


class State:
    """Tasks, workers, and every index over them."""

    def __init__(self, config: SchedulerConfig, resources: Mapping[str, float], on_event: EventSink | None) -> None:
        """Make an empty state."""
        self.config = config
        self.default_policy = config.retry_policy
        self.tasks: dict[str, Task] = {}
        self.workers: dict[str, Worker] = {}
        self.paused = False
        #: When it was paused, and by whom, if that is known (Luigi's clients do not say).
        self.paused_at: float | None = None
        self.paused_by: str | None = None
        #: Grows with every change that somebody could see.
        self.version = 0
        self.crews = CrewTable(self.workers)
        self.dependencies = Dependencies(self.tasks)
        self.shelves = Shelves()
        self.batches = BatchIndex()
        self.ready = ReadyQueue(self.batches)
        self.runs = Runs()
        #: The totals of resources by configuration; ``pool`` holds them as they were edited since.
        self.configured_resources = dict(resources)
        self.pool = ResourcePool(resources)
        self.deadlines = Deadlines()
        self.intern_resources = ResourceInterner()
        self.intern_visibilities = VisibilityInterner()
        self.intern_policy = PolicyInterner(config.retry_policy)
        self.taints = (
            Taint(FAILED, "up_failed", self.dependencies, self._reflag),
            Taint(DISABLED, "up_disabled", self.dependencies, self._reflag),
        )
        #: What has changed, for whoever keeps a durable copy; None where nobody does.
        self.journal: Journal | None = None
        self._on_event = on_event
        #: The last numbers given to a task, to a change of status, to a worker.
        self.last_seq = 0
        self.last_order = 0
        self.last_worker_seq = 0

    def emit(self, kind: EventKind, task: Task, at: float, **more: object) -> None:
        """Report an event."""
        if self._on_event is not None:
            self._on_event(Event(kind, task, at, **more))  # type: ignore[arg-type]

    # Marks for the durable copy

    def touch(self, task: Task) -> None:
        """Mark a task as changed. Setters of ``State`` do it themselves; who sets an attribute directly, calls it."""
        if self.journal is not None:
            self.journal.task(task)

    def touch_later(self, task: Task) -> None:
        """Mark a task as changed in something that is worth little."""
        if self.journal is not None:
            self.journal.task_later(task)

    def touch_worker(self, worker: Worker) -> None:
        """Mark a worker as changed."""
        if self.journal is not None:
            self.journal.worker(worker)

    def touch_worker_later(self, worker: Worker) -> None:
        """Mark a worker as changed in something that is worth little."""
        if self.journal is not None:
            self.journal.worker_later(worker)

    # Workers

    def worker(self, worker_id: str, now: float) -> Worker:
        """Return a worker; one that is not known is made, as in Luigi."""
        worker = self.workers.get(worker_id)
        if worker is None:
            worker = self.workers[worker_id] = Worker(worker_id, now)
            self.last_worker_seq += 1
            worker.seq = self.last_worker_seq
            self.deadlines.watch(now + self.config.worker_disconnect_delay, worker)
            self.touch_worker(worker)
            self.version += 1
        return worker

    def remove_worker(self, worker: Worker) -> None:
        """Forget a worker: its tasks lose it, and those that nobody else cares about are marked to be looked at."""
        for crew in self._lose_worker(worker, keep_stakeholder=False):
            if not crew.stakeholders:
                self.deadlines.look_at.update(crew.tasks)
        self.look_at_runs(worker.id)
        self._retire_batchers(worker.id)
        del self.workers[worker.id]
        if self.journal is not None:
            self.journal.worker_removed(worker)
        self.version += 1

    def disable_worker(self, worker: Worker) -> None:
        """Take all tasks from a worker; it goes on caring about them."""
        worker.disabled = True
        self.touch_worker(worker)
        self._lose_worker(worker, keep_stakeholder=True)
        self.version += 1

    def _lose_worker(self, worker: Worker, *, keep_stakeholder: bool) -> list[Crew]:
        """Take a worker from all its tasks; return the crews that these are in now."""
        self.ready.remove_worker(worker.id)
        crews = self.crews.remove_worker(worker, keep_stakeholder=keep_stakeholder)
        if self.journal is not None:
            # Not urgent: the worker's own document says that it is gone or disabled.
            for crew in crews:
                self.journal.tasks_later(crew.tasks)
        return crews

    def set_batcher(self, worker_id: str, family: str, names: tuple[str, ...], max_batch_size: float) -> None:
        """Announce which parameters of a family a worker can combine, and how many tasks at most."""
        shelf = self.shelves.families.get(family)
        pending = shelf.on_shelf(PENDING) if shelf else ()
        # What is ready waits for nothing, so it is not flagged.
        ready = [task.ready for task in pending if task.ready is not None]
        self.batches.set_batcher(worker_id, family, names, max_batch_size, ready)
        if self.journal is not None:
            self.journal.batcher(worker_id)

    def _retire_batchers(self, worker_id: str) -> None:
        """Keep a vanished worker's batchers as the newest of a bounded number."""
        gone = self.batches.retire(worker_id)
        if self.journal is not None and gone:
            for gone_id, number in gone:
                self.journal.batcher_removed(gone_id, number)
            self.journal.batcher(worker_id)

    def look_at_runs(self, worker_id: str) -> None:
        """Have the next pruning judge whether the tasks that a worker runs are still in good hands."""
        self.deadlines.look_at.update(self.runs.by_runner.get(worker_id, {}))

    def set_totals(self, totals: Mapping[str, float]) -> None:
        """Set how much there is of some resources."""
        self.pool.totals.update(totals)
        if self.journal is not None:
            self.journal.value("resources")
        self.version += 1

    # Tasks

    def create(self, task_id: str, now: float, *, status: str, priority: float) -> Task:
        """Add a task without dependencies, parameters and workers."""
        task = Task(task_id, now, self.crews.nobody, self.default_policy, status=status, priority=priority)
        self.last_seq += 1
        task.seq = self.last_seq
        self.last_order += 1
        task.order = self.last_order
        self.tasks[task_id] = task
        self.touch(task)
        self.dependencies.adopt(task)
        self.shelves.put(task)
        self.crews.join(task.crew, task)
        self.ready.refresh(task)
        self.version += 1
        return task

    def remove(self, task: Task, now: float) -> None:
        """Forget a task; tasks that depend on it wait for its id."""
        tainting = [taint for taint in self.taints if taint.taints(task)]
        self._leave(task)
        self.crews.part(task)
        self._set_flag(task, 0)
        self.shelves.take(task)
        for dep_id in task.deps:
            self.dependencies.unlink(task, dep_id)
        task.deps = ()
        dependents = task.dependents or ()
        self.dependencies.orphan(task)
        del self.tasks[task.id]
        if task.status == DONE:
            self._wait_again(dependents)
        for taint in tainting:
            taint.lose(dependents)
        for taint in self.taints:
            taint.forget(task)
        if self.journal is not None:
            self.journal.task_removed(task)
        self.version += 1
        self.emit(EventKind.REMOVED, task, now)

    def change_status(self, task: Task, status: str, now: float) -> None:
        """Change a task's status and everything that follows from it in other tasks."""
        old = task.status
        tainted = [taint.taints(task) for taint in self.taints]
        self._leave(task)
        self.crews.part(task)
        self._set_flag(task, 0)
        self.shelves.take(task)
        task.status = status
        task.updated = now
        self.last_order += 1
        task.order = self.last_order
        self.touch(task)
        self.shelves.put(task)
        self._set_flag(task, flag_for(task))
        self.crews.join(task.crew, task)
        self._enter(task)
        if status == DONE:
            self._wait_no_more(task.dependents or ())
        elif old == DONE:
            self._wait_again(task.dependents or ())
        for taint, before in zip(self.taints, tainted, strict=True):
            after = taint.taints(task)
            if after and not before:
                taint.gain(task.dependents or ())
            elif before and not after:
                taint.lose(task.dependents or ())
            elif after and status == PENDING:
                taint.lose((), suspect=task)
        if not task.crew.stakeholders:
            self.deadlines.look_at[task] = None
        self.version += 1

    def set_deps(self, task: Task, dep_ids: Iterable[str]) -> None:
        """Replace a task's dependencies."""
        new = self.dependencies.canonical(dep_ids)
        if new == task.deps:
            return
        old_set, new_set = frozenset(task.deps), frozenset(new)
        if old_set == new_set:
            return
        if self.journal is not None:
            self.journal.deps(task, _common_start(task.deps, new), len(task.deps))
        self.ready.discard(task)
        removed = [dep_id for dep_id in task.deps if dep_id not in new_set]
        added = [dep_id for dep_id in new if dep_id not in old_set]
        # Counted before the edges change: in a cycle, a taint that spreads changes whom it came from.
        lost = self._taints_by(removed)
        for dep_id in removed:
            dep = self.dependencies.unlink(task, dep_id)
            task.unfinished -= dep is None or dep.status != DONE
        task.deps = tuple(dep_id for dep_id in task.deps if dep_id in new_set)
        for taint, number in zip(self.taints, lost, strict=True):
            taint.lose([task] * number)
        gained = self._taints_by(added)
        for dep_id in added:
            dep = self.dependencies.link(task, dep_id)
            task.unfinished += dep is None or dep.status != DONE
        task.deps = new
        for taint, number in zip(self.taints, gained, strict=True):
            taint.gain([task] * number)
        self.ready.refresh(task)
        self.version += 1

    def _taints_by(self, dep_ids: Iterable[str]) -> list[int]:
        """Return, for each taint, how many of these tasks spread it."""
        deps = [dep for dep_id in dep_ids if (dep := self.tasks.get(dep_id)) is not None]
        return [sum(map(taint.taints, deps)) for taint in self.taints]

    def set_crew(self, task: Task, crew: Crew) -> None:
        """Change who can run a task and who cares about it."""
        if crew is task.crew:
            return
        self.touch(task)
        moves = crew.workers != task.crew.workers
        if moves:
            self.ready.discard(task)
        self.crews.part(task)
        self.crews.join(crew, task)
        if moves:
            self.ready.refresh(task)

    def set_priority(self, task: Task, priority: float) -> None:
        """Change a task's priority."""
        if priority != task.priority:
            self.touch(task)
            self._leave(task)
            task.priority = priority
            self._enter(task)
            self.version += 1

    def set_resources(self, task: Task, resources: Resources) -> None:
        """Change what a task needs; what it holds stays."""
        if resources is task.resources:
            return
        self.touch(task)
        self._leave(task)
        self.crews.part(task)
        if task.resources_running is FOLLOWS_RESOURCES:
            task.resources_running = task.resources
        task.resources = resources
        self.crews.join(task.crew, task)
        self._enter(task)

    def set_held(self, task: Task, held: Resources | None) -> None:
        """Change what a task holds while it runs."""
        self.touch(task)
        if task.status == RUNNING:
            self.pool.release(task)
            task.resources_running = held
            self.pool.acquire(task)
        else:
            task.resources_running = held
        self.version += 1

    def shrink_followed(self, task: Task, resources: Resources) -> None:
        """Decrease what a batch member needs, and with it what it holds."""
        self.set_resources(task, resources)
        task.resources_running = FOLLOWS_RESOURCES

    def set_runnable(self, task: Task, runnable: bool) -> None:
        """Say whether an assistant may run a task."""
        if runnable != task.runnable:
            self.touch(task)
            self.ready.discard(task)
            task.runnable = runnable
            self.ready.refresh(task)

    def set_batchable(self, task: Task, batchable: bool) -> None:
        """Say whether a task may run in a batch."""
        if batchable != task.batchable:
            self.touch(task)
            self.ready.discard(task)
            task.batchable = batchable
            self.ready.refresh(task)

    def set_family(self, task: Task, family: str) -> None:
        """Name the family of a task that had none."""
        if family != task.family:
            self.touch(task)
            self.ready.discard(task)
            flag = task.flag
            self._set_flag(task, 0)
            self.shelves.take(task)
            task.family = family
            self.shelves.put(task)
            self._set_flag(task, flag)
            self.ready.refresh(task)

    def set_params(self, task: Task, params: Params) -> None:
        """Set the parameters of a task that had none."""
        self.touch(task)
        self.ready.discard(task)
        task.set_params(params)
        self.ready.refresh(task)

    def set_runner(self, task: Task, worker_id: str | None) -> None:
        """Say which worker runs a task."""
        if worker_id != task.worker_running:
            self.touch(task)
            self.runs.leave(task)
            task.worker_running = worker_id
            self.runs.enter(task)

    def set_batch(self, task: Task, batch_id: str | None) -> None:
        """Say in which batch a task runs."""
        if batch_id != task.batch_id:
            self.touch(task)
            self.runs.leave(task)
            task.batch_id = batch_id
            self.runs.enter(task)

    def watch_run(self, task: Task) -> None:
        """Have the next pruning look at a task whose runner neither cares about it nor is an assistant."""
        if task.status in RUN_STATUSES and task.worker_running not in task.crew.stakeholders:
            worker = self.workers.get(task.worker_running or "")
            if worker is None or not worker.assistant:
                self.deadlines.look_at[task] = None

    # Keeping indexes in step

    def _leave(self, task: Task) -> None:
        """Take a task out of the queues, before what they are ordered by changes."""
        self.ready.discard(task)
        self.runs.leave(task)
        if task.status == RUNNING:
            self.pool.release(task)

    def _enter(self, task: Task) -> None:
        self.ready.refresh(task)
        self.runs.enter(task)
        if task.status == RUNNING:
            self.pool.acquire(task)

    def _wait_no_more(self, dependents: Iterable[Task]) -> None:
        """What these wait for became DONE."""
        free = []
        for dependent in dependents:
            dependent.unfinished -= 1
            if not dependent.unfinished:
                free.append(dependent)
        self.ready.refresh_all(free)

    def _wait_again(self, dependents: Iterable[Task]) -> None:
        """What these had waited for is DONE no more."""
        self.ready.discard_all([dependent for dependent in dependents if dependent.ready is not None])
        for dependent in dependents:
            dependent.unfinished += 1

    def _reflag(self, task: Task) -> None:
        """Enter a PENDING task under the flag that its counters ask for."""
        flag = flag_for(task)
        if flag == task.flag:
            return
        if FLAG_DISABLED in (flag, task.flag):
            crew = task.crew
            crew.leave(task)
            self._set_flag(task, flag)
            crew.enter(task)
        else:
            # To a crew, what waits for a failure is as good as any other PENDING task.
            self._set_flag(task, flag)
        self.version += 1

    def _set_flag(self, task: Task, flag: int) -> None:
        if flag != task.flag:
            self.shelves.reflag(task, FLAG_STATUS[task.flag], FLAG_STATUS[flag])
            task.flag = flag


def _common_start(old: tuple[str, ...], new: tuple[str, ...]) -> int:
    """Return how many of the first items are the same."""
    for position, (before, after) in enumerate(zip(old, new, strict=False)):
        if before != after:
            return position
    return min(len(old), len(new))
