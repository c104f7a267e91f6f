"""Recompute every index from the raw tasks, and say where one differs: run after tests, and by hand when in doubt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from luigiviz.engine.model import Task
from luigiviz.engine.ready import ReadyEntry
from luigiviz.engine.resources import held
from luigiviz.engine.runs import RUN_STATUSES
from luigiviz.engine.scheduler import Scheduler
from luigiviz.engine.state import State
from luigiviz.engine.statuses import BATCH_RUNNING, DISABLED, DONE, FAILED, PENDING, RUNNING, STATUSES
from luigiviz.engine.upstream import FLAG_STATUS


class InvariantError(AssertionError):
    """An index does not say what the tasks say."""


def check(scheduler: Scheduler) -> None:
    """Raise InvariantError with everything that is wrong."""
    state = scheduler.state
    checks = (_tasks, _edges, _shelves, _crews, _upstream, _ready, _batchable, _runs, _resources, _deadlines)
    problems = [problem for find in checks for problem in find(state)]
    if problems:
        raise InvariantError("\n".join(problems))


def _tasks(state: State) -> Iterator[str]:
    last = 0
    for task_id, task in state.tasks.items():
        if task.id != task_id:
            yield f"{task_id!r} holds {task!r}"
        if task.status not in STATUSES:
            yield f"{task!r} has no known status"
        if task.seq <= last:
            yield f"{task!r} is out of order of creation"
        last = task.seq


def _edges(state: State) -> Iterator[str]:
    dependents: dict[str, set[Task]] = {}
    for task in state.tasks.values():
        if len(set(task.deps)) != len(task.deps):
            yield f"{task!r} names a dependency twice"
        for dep_id in task.deps:
            dependents.setdefault(dep_id, set()).add(task)
        waits_for = sum(dep_id not in state.tasks or state.tasks[dep_id].status != DONE for dep_id in task.deps)
        if task.unfinished != waits_for:
            yield f"{task!r} counts {task.unfinished} unfinished dependencies instead of {waits_for}"
    for task in state.tasks.values():
        if set(task.dependents or ()) != dependents.get(task.id, set()):
            yield f"{task!r} has dependents {task.dependents!r} instead of {dependents.get(task.id)!r}"
        if task.dependents is not None and not task.dependents:
            yield f"{task!r} holds an empty container of dependents"
    missing = {task_id: tasks for task_id, tasks in dependents.items() if task_id not in state.tasks}
    if {task_id: set(tasks or ()) for task_id, tasks in state.dependencies.missing.items()} != missing:
        yield f"missing dependencies are {state.dependencies.missing!r} instead of {missing!r}"


def _shelves(state: State) -> Iterator[str]:
    shelves = state.shelves
    wanted: dict[tuple[str, str], set[Task]] = {}
    for task in state.tasks.values():
        wanted.setdefault((task.family, FLAG_STATUS[task.flag] or task.status), set()).add(task)
    found = {
        (name, status): set(shelf)
        for name, family in shelves.families.items()
        for status, shelf in family.shelves.items()
    }
    if found != wanted:
        yield f"shelves are {found!r} instead of {wanted!r}"
    counts = Counter(task.status for task in state.tasks.values())
    if +shelves.counts != counts:
        yield f"counts are {shelves.counts} instead of {counts}"
    for flag in (1, 2):
        status = FLAG_STATUS[flag]
        number = sum(task.flag == flag for task in state.tasks.values())
        if shelves.flag_counts[status] != number:
            yield f"{shelves.flag_counts[status]} tasks are counted as {status} instead of {number}"
    for family in shelves.families.values():
        for status, shelf in family.shelves.items():
            if not len(shelf) or len(shelf) != len(list(shelf)):
                yield f"family {family.name!r} counts {len(shelf)} tasks on its shelf {status}"
            for newest_first in (False, True):
                orders = [task.order for task in shelf.ordered(newest_first=newest_first)]
                if orders != sorted(orders, reverse=newest_first):
                    yield f"family {family.name!r} has its shelf {status} out of order"


def _crews(state: State) -> Iterator[str]:
    crews = set(state.crews) | {state.crews.nobody}
    members: dict[object, set[Task]] = {}
    for task in state.tasks.values():
        members.setdefault(task.crew, set()).add(task)
        if task.crew not in crews:
            yield f"{task!r} belongs to a crew that the table does not know"
    for crew in crews:
        tasks = members.get(crew, set())
        if set(crew.tasks) != tasks:
            yield f"crew {crew.workers} has {set(crew.tasks)!r} instead of {tasks!r}"
        pending = [task for task in tasks if task.status == PENDING]
        numbers = (
            sum(task.flag != 2 for task in pending),
            sum(task.flag == 2 for task in pending),
            sum(bool(task.resources) for task in pending),
            sum(task.status == FAILED for task in tasks),
        )
        counted = (crew.pending, crew.blocked, crew.pending_with_resources, crew.failed)
        if counted != numbers:
            yield f"crew {crew.workers} counts {counted}, not {numbers}"
        if set(crew.running) != {task for task in tasks if task.status == RUNNING}:
            yield f"crew {crew.workers} runs {crew.running!r}"
    for worker in state.workers.values():
        named = {crew for crew in crews if worker.id in crew.workers_set | crew.stakeholders}
        if set(worker.crews) != named:
            yield f"worker {worker.id!r} has other crews than those that name it"


def _upstream(state: State) -> Iterator[str]:
    for source, counter in ((FAILED, "up_failed"), (DISABLED, "up_disabled")):
        tainting: set[str] = {task.id for task in state.tasks.values() if task.status == source}
        spread = [state.tasks[task_id] for task_id in tainting]
        while spread:
            for dependent in spread.pop().dependents or ():
                if dependent.status == PENDING and dependent.id not in tainting:
                    tainting.add(dependent.id)
                    spread.append(dependent)
        for task in state.tasks.values():
            number = sum(dep_id in tainting for dep_id in task.deps)
            if getattr(task, counter) != number:
                yield f"{task!r} has {counter} {getattr(task, counter)} instead of {number}"
    for task in state.tasks.values():
        flag = 0 if task.status != PENDING else 2 if task.up_disabled else 1 if task.up_failed else 0
        if task.flag != flag:
            yield f"{task!r} is flagged {task.flag} instead of {flag}"


def _ready(state: State) -> Iterator[str]:
    schedulable = {task for task in state.tasks.values() if task.status == PENDING and task.unfinished == 0}
    entries: list[ReadyEntry] = list(state.ready.entries())
    if {entry[3] for entry in entries} != schedulable or len(entries) != len(schedulable):
        yield f"ready are {[entry[3] for entry in entries]!r} instead of {schedulable!r}"
    for entry in entries:
        task, group = entry[3], entry[4]
        if task.ready is not entry or entry[:3] != (-task.priority, task.time, task.order):
            yield f"{task!r} has a stale place in the queue"
        if (group.resources, group.workers, group.runnable) != (task.resources, task.workers, task.runnable):
            yield f"{task!r} is in a group of others"
    for task in state.tasks.values():
        if task.ready is not None and task not in schedulable:
            yield f"{task!r} has a place in the queue but is not schedulable"
    heads = sorted(group.entries[0] for group in state.ready.groups())
    if list(state.ready.heads) != heads:
        yield "the heads of the queue are not the first entries of its groups"
    by_worker = {
        worker_id: {group for group in state.ready.groups() if worker_id in group.workers}
        for group in state.ready.groups()
        for worker_id in group.workers
    }
    if {worker_id: set(groups) for worker_id, groups in state.ready.by_worker.items()} != by_worker:
        yield "groups by worker are stale"


def _batchable(state: State) -> Iterator[str]:
    for family, combination in state.batches.combinations():
        wanted = {entry[3] for entry in state.ready.entries() if entry[3].batchable and entry[3].family == family}
        found = [entry[3] for entry in combination.entries()]
        if set(found) != wanted or len(found) != len(wanted):
            yield f"family {family!r} can combine {found!r} instead of {wanted!r}"


def _runs(state: State) -> Iterator[str]:
    runs, tasks = state.runs, state.tasks.values()
    running = {task for task in tasks if task.status == RUNNING}
    if set(runs.running) != running or [entry[3] for entry in runs.ranked] != sorted(
        running, key=lambda task: (-task.priority, task.time, task.order)
    ):
        yield f"running are {runs.running!r} instead of {running!r}"
    by_runner: dict[str | None, set[Task]] = {}
    batches: dict[str | None, set[Task]] = {}
    for task in tasks:
        if task.status in RUN_STATUSES:
            by_runner.setdefault(task.worker_running, set()).add(task)
        if task.status == BATCH_RUNNING:
            batches.setdefault(task.batch_id, set()).add(task)
    if {key: set(group) for key, group in runs.by_runner.items()} != by_runner:
        yield f"runs by worker are {runs.by_runner!r} instead of {by_runner!r}"
    if {key: set(group) for key, group in runs.batches.items()} != batches:
        yield f"batches are {runs.batches!r} instead of {batches!r}"


def _resources(state: State) -> Iterator[str]:
    used: dict[str, float] = {}
    for task in state.tasks.values():
        if task.status == RUNNING:
            for name, amount in held(task).items():
                used[name] = used.get(name, 0) + amount
    found = state.pool.used
    if set(found) != set(used) or any(abs(found[name] - used[name]) > 1e-6 for name in used):
        yield f"used resources are {found} instead of {used}"


def _deadlines(state: State) -> Iterator[str]:
    entered = state.deadlines.entered_tasks()
    for task in state.tasks.values():
        waits = [
            task.status == FAILED and state.config.retry_delay >= 0 and (task.retry, task) not in entered,
            bool(task.remove) and (task.remove, task) not in entered,
            not task.stakeholders and task.remove is None and task.status != RUNNING,
        ]
        if any(waits) and task not in state.deadlines.look_at:
            yield f"time would pass {task!r} by"
    watched = state.deadlines.watched_workers()
    for worker in state.workers.values():
        if worker not in watched:
            yield f"nobody would notice if worker {worker.id!r} vanished"
