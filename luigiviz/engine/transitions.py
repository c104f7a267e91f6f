"""Which status may become which, and what follows.

Workers *claim* statuses; ``RULES`` says for every current status what a claim leads to. A claim that is let
through changes the status, keeps the failures that decide on retry and disable, and is reported.
"""

from __future__ import annotations

from enum import Enum

from luigiviz.engine.events import EventKind
from luigiviz.engine.model import Task
from luigiviz.engine.policy import add_failure, clear_failures, has_excessive_failures
from luigiviz.engine.state import State
from luigiviz.engine.statuses import BATCH_RUNNING, DISABLED, DONE, FAILED, PENDING, RUNNING, STATUSES, UNKNOWN


class Rule(Enum):
    """What a claim leads to."""

    #: The claimed status is taken over. Claiming the status that a task has changes nothing but what the claim implies.
    ACCEPT = "accept"
    #: Nothing happens.
    IGNORE = "ignore"
    #: A failure is counted. The task becomes FAILED or, if it has failed too often, DISABLED by the scheduler.
    FAIL = "fail"
    #: Nothing happens while it is the scheduler that keeps the task DISABLED; otherwise the status is taken over.
    UNLESS_SCHEDULER_DISABLED = "unless scheduler disabled"
    #: The task is enabled, its failures are forgotten, and it becomes DONE.
    ENABLE = "enable"


def _rules() -> dict[tuple[str, str], Rule]:
    """Write the table down: (current status, claimed status) -> rule."""
    rules = {(current, claimed): Rule.ACCEPT for current in STATUSES for claimed in STATUSES}
    for current in (PENDING, RUNNING, BATCH_RUNNING, DONE, FAILED, UNKNOWN):
        rules[current, FAILED] = Rule.FAIL
    # What runs can only be disabled by failing.
    rules[RUNNING, DISABLED] = rules[BATCH_RUNNING, DISABLED] = Rule.IGNORE
    for claimed in (PENDING, RUNNING, BATCH_RUNNING, FAILED, UNKNOWN):
        rules[DISABLED, claimed] = Rule.UNLESS_SCHEDULER_DISABLED
    rules[DISABLED, DONE] = Rule.ENABLE
    return rules


RULES = _rules()

_CHANGE_EVENTS = {DONE: EventKind.DONE, FAILED: EventKind.FAILED, DISABLED: EventKind.DISABLED}


def set_status(state: State, task: Task, claimed: str, now: float) -> None:
    """Apply a claim that a task has a status.

    Source: what Luigi 3.8.1's scheduler does with the same claim.
    """
    rule = RULES[task.status, claimed]
    if rule is Rule.IGNORE:
        return
    if rule is Rule.UNLESS_SCHEDULER_DISABLED and task.scheduler_disable_time is not None:
        return
    state.touch(task)
    # A task that a batch runs as is not anybody's dependency: it is forgotten when it fails.
    removed_if_failed = task.batch_id is not None and not task.batchable
    if rule is Rule.ENABLE:
        _enable(state, task, now)
    if task.status == RUNNING and claimed != RUNNING and task.batch_id is not None:
        _end_batch(state, task, claimed, now)

    status = claimed
    if rule is Rule.FAIL:
        add_failure(task, now)
        if has_excessive_failures(task, now):
            status = DISABLED
            task.scheduler_disable_time = now
            state.deadlines.at(now + state.config.disable_persist, task)
    elif status == DISABLED:
        task.scheduler_disable_time = None

    if status != task.status:
        state.change_status(task, status, now)
        if status in _CHANGE_EVENTS:
            state.emit(_CHANGE_EVENTS[status], task, now)
    if status == FAILED:
        schedule_retry(state, task, now)
        if removed_if_failed:
            task.remove = now
            state.deadlines.at(now, task)


def _end_batch(state: State, runner: Task, claimed: str, now: float) -> None:
    """Give the members of a batch what happened to the task that ran them."""
    for member in state.runs.members(runner.batch_id):
        set_status(state, member, claimed, now)
        state.set_batch(member, None)
    state.set_batch(runner, None)


def _enable(state: State, task: Task, now: float) -> None:
    task.scheduler_disable_time = None
    clear_failures(task)
    state.emit(EventKind.RE_ENABLED, task, now)


def re_enable(state: State, task: Task, now: float) -> None:
    """Enable a DISABLED task: it becomes FAILED, to be tried again after the retry delay, with no failures counted."""
    _enable(state, task, now)
    set_status(state, task, FAILED, now)
    clear_failures(task)
    state.touch(task)


def schedule_retry(state: State, task: Task, now: float) -> None:
    """Have a FAILED task tried again after the retry delay."""
    delay = state.config.retry_delay
    task.retry = now + delay
    state.touch(task)
    if delay >= 0:
        state.deadlines.at(task.retry, task)
