"""What people do to tasks by hand: forgive, re-enable, mark as done, release; and which tasks each of it fits."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from luigiviz.engine.claims import record
from luigiviz.engine.model import Task
from luigiviz.engine.runs import RUN_STATUSES
from luigiviz.engine.state import State
from luigiviz.engine.statuses import DISABLED, FAILED, PENDING, RUNNING
from luigiviz.engine.transitions import set_status
from luigiviz.engine.views import SteeringResult

if TYPE_CHECKING:
    from luigiviz.engine.scheduler import Scheduler

FORGIVE = "forgive"
RE_ENABLE = "re-enable"
MARK_AS_DONE = "mark-as-done"
RELEASE = "release"

#: Which tasks each action changes.
FITS: dict[str, Callable[[Task], bool]] = {
    FORGIVE: lambda task: task.status == FAILED,
    RE_ENABLE: lambda task: task.status == DISABLED and task.scheduler_disable_time is not None,
    MARK_AS_DONE: lambda task: task.status in (RUNNING, FAILED, DISABLED),
    RELEASE: lambda task: task.status in RUN_STATUSES,
}


def steer(scheduler: Scheduler, action: str, task_id: str, now: float) -> SteeringResult:
    """Do one of ``FITS`` to a task; a task that it does not fit stays as it is."""
    task = scheduler.tasks.get(task_id)
    if task is None:
        return SteeringResult(task_id, None, None)
    before = task.status
    if not FITS[action](task):
        return SteeringResult(task_id, before, before)
    if action == FORGIVE:
        scheduler.forgive_failures(task_id)
    elif action == RE_ENABLE:
        scheduler.re_enable_task(task_id)
    elif action == MARK_AS_DONE:
        scheduler.mark_as_done(task_id)
    else:
        release(scheduler.state, task, now)
    return SteeringResult(task_id, before, task.status)


def release(state: State, task: Task, now: float) -> None:
    """Take a task that runs away from its worker: it is PENDING again, its resources are free, no failure is counted.

    For what only seems to run. If its worker does run it, a success that it reports counts, as long as no other
    worker has got the task. A task that a batch runs as is not to run again by itself: its members are released,
    and it is forgotten.
    """
    members = state.runs.members(task.batch_id) if task.status == RUNNING else []
    for released in members or [task]:
        record(state, released, PENDING, now)
        set_status(state, released, PENDING, now)
        state.set_batch(released, None)
    if members:
        set_status(state, task, FAILED, now)
