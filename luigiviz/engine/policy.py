"""Failures of a task, and when they are too many."""

from __future__ import annotations

from luigiviz.engine.model import Task


def add_failure(task: Task, now: float) -> None:
    """Count a failure."""
    if not task.first_failure_time:
        task.first_failure_time = now
    if task.failures is None:
        task.failures = [now]
    else:
        task.failures.append(now)


def num_failures(task: Task, now: float) -> int:
    """Return the number of failures inside the disable window, and forget older ones."""
    failures = task.failures
    if failures is None:
        return 0
    start = now - task.retry_policy.disable_window
    old = 0
    while old < len(failures) and failures[old] < start:
        old += 1
    if old:
        del failures[:old]
    return len(failures)


def has_excessive_failures(task: Task, now: float) -> bool:
    """Whether a task has failed for too long, or too often within the disable window."""
    policy = task.retry_policy
    if task.first_failure_time is not None and now >= task.first_failure_time + policy.disable_hard_timeout:
        return True
    return num_failures(task, now) >= policy.retry_count


def clear_failures(task: Task) -> None:
    """Forget all failures."""
    task.failures = None
    task.first_failure_time = None
