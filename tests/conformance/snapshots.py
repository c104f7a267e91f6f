"""Everything that the two schedulers remember, in the same words, so that it can be compared without asking."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

from luigiviz.engine.statuses import STATUSES
from tests.conformance.reference import ReferenceScheduler

_SAME_NAME = (
    "status",
    "priority",
    "time",
    "updated",
    "remove",
    "worker_running",
    "time_running",
    "expl",
    "resources",
    "family",
    "module",
    "params",
    "param_visibilities",
    "accepts_messages",
    "tracking_url",
    "status_message",
    "progress_percentage",
    "scheduler_disable_time",
    "batch_id",
    "retry_policy",
)
FIELDS = (
    *_SAME_NAME,
    "deps",
    "workers",
    "stakeholders",
    "retry (while FAILED)",
    "public_params",
    "failures (in the window)",
    "first_failure_time",
    "resources_running",
    "responses",
    "runnable",
    "batchable",
)
_get_same = attrgetter(*_SAME_NAME)

#: Task id -> values of ``FIELDS``.
Tasks = dict[str, tuple[Any, ...]]


def _common(task: Any, now: float) -> tuple[Any, ...]:
    start = now - task.retry_policy[2]
    return (
        *_get_same(task),
        frozenset(task.deps),
        tuple(task.workers),
        frozenset(task.stakeholders),
        task.retry if task.status == "FAILED" else None,
    ), tuple(at for at in task.failures or () if at >= start)


def of_luigi(scheduler: ReferenceScheduler, now: float) -> Tasks:
    """Copy what Luigi remembers of its tasks, in order of creation."""
    found: Tasks = {}
    for task in scheduler._state._tasks.values():
        common, failures = _common(task, now)
        found[task.id] = (
            *common,
            task.public_params,
            failures,
            task.first_failure_time or None,
            getattr(task, "resources_running", None),
            tuple(task.scheduler_message_responses.values()),
            bool(task.runnable),
            bool(task.batchable),
        )
    return found


def of_engine(scheduler: Any, now: float) -> Tasks:
    """Copy what the engine remembers of its tasks, in order of creation."""
    found: Tasks = {}
    for task in scheduler.tasks.values():
        common, failures = _common(task, now)
        found[task.id] = (
            *common,
            task.visible_params,
            failures,
            task.first_failure_time or None,
            task.held_resources,
            tuple((task.scheduler_message_responses or {}).values()),
            bool(task.runnable),
            bool(task.batchable),
        )
    return found


def orders_of_luigi(scheduler: ReferenceScheduler) -> dict[str, list[str]]:
    """List the tasks of each status in the order in which they got it."""
    return {status: list(scheduler._state._status_tasks[status]) for status in STATUSES}


def orders_of_engine(scheduler: Any) -> dict[str, list[str]]:
    """List the tasks of each status in the order in which they got it."""
    by_status: dict[str, list[Any]] = {status: [] for status in STATUSES}
    for task in scheduler.tasks.values():
        by_status[task.status].append(task)
    for tasks in by_status.values():
        tasks.sort(key=attrgetter("order"))
    return {status: [task.id for task in tasks] for status, tasks in by_status.items()}


def describe_difference(luigi: Tasks, engine: Tasks) -> str:
    """Say in a few lines in what two snapshots differ."""
    lines = []
    if list(luigi) != list(engine):
        lines.append(f"tasks in order of creation: luigi {list(luigi)}, engine {list(engine)}")
    for task_id, theirs in luigi.items():
        ours = engine.get(task_id, theirs)
        lines += [
            f"{task_id}.{name}: luigi {their!r}, engine {our!r}"
            for name, their, our in zip(FIELDS, theirs, ours, strict=True)
            if their != our
        ]
    return "\n".join(lines)
