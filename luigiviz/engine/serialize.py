"""Tasks as the API's JSON objects, with Luigi's keys."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from luigiviz.engine.model import Task
from luigiviz.engine.statuses import DISABLED, RUNNING, UNKNOWN

#: How Luigi's ids begin: the family, up to the parameters.
_FAMILY = re.compile(r"[^(_]+(?=[(_])")


def serialize_task(task: Task, *, send_messages: bool, deps: Iterable[str] | None = None) -> dict[str, Any]:
    """Return a task as the API shows it, with ``deps`` where they are given."""
    answer: dict[str, Any] = {
        "display_name": task.display_name,
        "status": task.status,
        "workers": list(task.workers),
        "worker_running": task.worker_running,
        "time_running": task.time_running,
        "start_time": task.time,
        "last_updated": task.updated,
        "params": task.visible_params,
        "name": task.family,
        "priority": task.priority,
        "resources": task.resources,
        "resources_running": task.held_resources,
        "tracking_url": task.tracking_url,
        "status_message": task.status_message,
        "progress_percentage": task.progress_percentage,
    }
    if task.status == DISABLED:
        answer["re_enable_able"] = task.scheduler_disable_time is not None
    if deps is not None:
        answer["deps"] = list(deps)
    if send_messages and task.status == RUNNING:
        answer["accepts_messages"] = task.accepts_messages
    return answer


def serialize_unknown(task_id: str) -> dict[str, Any]:
    """Return what the API shows for a dependency that nobody has described."""
    return {
        "deps": [],
        "status": UNKNOWN,
        "workers": [],
        "start_time": UNKNOWN,
        "params": {"task_id": task_id},
        "name": family_of_id(task_id),
        "display_name": task_id,
        "priority": 0,
    }


def family_of_id(task_id: str) -> str:
    """Return the family that an id of Luigi's form begins with, or UNKNOWN."""
    match = _FAMILY.match(task_id)
    return match.group() if match else UNKNOWN
