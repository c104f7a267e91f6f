"""What time brings: dead workers, their tasks, retries, re-enables, removals.

Luigi walks all workers and tasks; here only those are looked at that a deadline or an event has named
(see ``deadlines``), each by Luigi's rules and in Luigi's order.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from luigiviz.engine.model import Task
from luigiviz.engine.runs import RUN_STATUSES
from luigiviz.engine.state import State
from luigiviz.engine.statuses import DISABLED, FAILED, PENDING, RUNNING
from luigiviz.engine.transitions import re_enable, schedule_retry, set_status


def prune(state: State, now: float, most: int | None = None) -> None:
    """Apply everything that is due, to at most so many tasks.

    None of it is urgent to write down: the next pruning would do it again.
    """
    if state.journal is None:
        _prune(state, now, most)
    else:
        with state.journal.quietly():
            _prune(state, now, most)


def _prune(state: State, now: float, most: int | None) -> None:
    _prune_workers(state, now)
    removed = []
    for task in _walk(state, now, most):
        _fail_if_deserted(state, task, now)
        _mark_for_removal_if_unwanted(state, task, now)
        _re_enable_if_due(state, task, now)
        _retry_if_due(state, task, now)
        if task.remove and now >= task.remove:
            removed.append(task)
    for task in removed:
        state.remove(task, now)


def _walk(state: State, now: float, most: int | None) -> Iterator[Task]:
    """Iterate over the tasks that are due, in order of creation.

    What happens to one task can make another one due. As in Luigi's walk over all tasks, that one's turn comes in the
    same walk if it was created later, and in the next walk if not.
    """
    deadlines = state.deadlines
    waiting = {task.seq: task for task in deadlines.due_tasks(now, most)}
    turns = list(waiting)
    missed: dict[Task, None] = {}
    while turns:
        turn = heapq.heappop(turns)
        task = waiting.pop(turn)
        if state.tasks.get(task.id) is task:
            yield task
        # Of a part of what is due, nothing else is taken along.
        for other in deadlines.due_tasks(now) if most is None and deadlines.any_due(now) else ():
            if other.seq <= turn:
                missed[other] = None
            elif other.seq not in waiting:
                waiting[other.seq] = other
                heapq.heappush(turns, other.seq)
    deadlines.look_at.update(missed)


def _prune_workers(state: State, now: float) -> None:
    delay = state.config.worker_disconnect_delay
    for worker in state.deadlines.due_workers(now):
        if state.workers.get(worker.id) is not worker:
            continue
        if worker.last_active + delay < now:
            state.remove_worker(worker)
        else:
            state.deadlines.watch(worker.last_active + delay, worker)


def _fail_if_deserted(state: State, task: Task, now: float) -> None:
    """Fail a task whose worker is gone, or was never entitled to run it."""
    runner = task.worker_running
    if task.status not in RUN_STATUSES or not runner or runner in task.crew.stakeholders:
        return
    worker = state.workers.get(runner)
    if worker is not None and worker.assistant:
        return
    state.set_runner(task, None)
    set_status(state, task, FAILED, now)
    schedule_retry(state, task, now)


def _mark_for_removal_if_unwanted(state: State, task: Task, now: float) -> None:
    if not task.crew.stakeholders and task.remove is None and task.status != RUNNING:
        task.remove = now + state.config.remove_delay
        state.touch(task)
        state.deadlines.at(task.remove, task)


def _re_enable_if_due(state: State, task: Task, now: float) -> None:
    if task.status != DISABLED or task.scheduler_disable_time is None:
        return
    persist = state.config.disable_persist
    if now - task.scheduler_disable_time > persist:
        re_enable(state, task, now)
    elif task.scheduler_disable_time + persist <= now:
        # Due at this very instant, while Luigi waits for it to have passed.
        state.deadlines.at(task.scheduler_disable_time + persist, task)


def _retry_if_due(state: State, task: Task, now: float) -> None:
    if task.status != FAILED or state.config.retry_delay < 0 or task.retry is None:
        return
    if task.retry < now:
        set_status(state, task, PENDING, now)
    elif task.retry == now:
        state.deadlines.at(now, task)
