"""What follows when a worker announces a task: ``add_task`` step by step, in Luigi's order."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from luigiviz.engine.config import RetryPolicy
from luigiviz.engine.events import EventKind
from luigiviz.engine.model import Task, Worker
from luigiviz.engine.runs import RUN_STATUSES
from luigiviz.engine.state import State
from luigiviz.engine.statuses import DONE, FAILED, PENDING, RUNNING, SUSPENDED, UNKNOWN
from luigiviz.engine.transitions import set_status

#: What Luigi's history records for a claim.
HISTORY_KINDS = {
    PENDING: EventKind.HISTORY_PENDING,
    RUNNING: EventKind.HISTORY_RUNNING,
    DONE: EventKind.HISTORY_DONE,
    FAILED: EventKind.HISTORY_FAILED,
}


@dataclass(slots=True)
class Claim:
    """What a worker says about a task; the fields are ``add_task``'s arguments."""

    task_id: str
    status: str
    runnable: bool | None
    deps: Iterable[str] | None
    new_deps: Iterable[str] | None
    expl: Any
    resources: Mapping[str, float] | None
    priority: float
    family: str
    module: str | None
    params: Mapping[str, Any] | None
    param_visibilities: Mapping[str, int] | None
    accepts_messages: bool | None
    assistant: bool
    tracking_url: str | None
    batchable: bool | None
    batch_id: str | None
    retry_policy_dict: Mapping[str, float | None] | None


def apply_claim(state: State, claim: Claim, worker: Worker, now: float) -> None:
    """Add the task or update it. A disabled worker can only finish what is RUNNING."""
    task = state.tasks.get(claim.task_id)
    if task is None:
        if worker.disabled:
            return
        task = state.create(claim.task_id, now, status=PENDING, priority=claim.priority)
    elif (task.status != RUNNING and worker.disabled) or (
        claim.status == PENDING and task.status == DONE and now - task.updated < state.config.stable_done_cooldown_secs
    ):
        return
    state.ready.hold(task)
    _describe(state, task, claim)
    _take_over_run(state, task, claim, worker, now)
    if task.remove is not None:
        task.remove = None
        if not task.crew.stakeholders:
            state.deadlines.look_at[task] = None
    _explain(state, task, claim)
    _claim_status(state, task, claim, worker, now)
    _set_needs(state, task, claim, worker, now)
    raise_priority(state, task, claim.priority)
    task.retry_policy = _retry_policy(state, claim.retry_policy_dict)
    if claim.runnable and claim.status != FAILED and not worker.disabled:
        state.set_crew(task, state.crews.with_worker(task.crew, worker.id, works=True, cares=False))
        task.runnable = claim.runnable
    if not task.crew.stakeholders:
        state.deadlines.look_at[task] = None
    state.watch_run(task)
    state.ready.release(task)
    state.touch(task)
    state.version += 1


def _describe(state: State, task: Task, claim: Claim) -> None:
    """Fill in what a placeholder lacks."""
    if not task.family:
        state.set_family(task, sys.intern(claim.family))
    if not task.module:
        task.module = sys.intern(claim.module) if claim.module else claim.module
    if not task.param_visibilities:
        task.param_visibilities = state.intern_visibilities(claim.param_visibilities)
    if not task.params:
        state.set_params(task, {sys.intern(name): value for name, value in (claim.params or {}).items()})


def _take_over_run(state: State, task: Task, claim: Claim, worker: Worker, now: float) -> None:
    """Note who runs the task, and what comes with a run."""
    if claim.batch_id is not None:
        state.set_batch(task, claim.batch_id)
    if claim.status == RUNNING and not task.worker_running:
        state.set_runner(task, worker.id)
        if claim.batch_id:
            members = state.runs.members(claim.batch_id)
            state.set_held(task, members[0].held_resources if members else state.intern_resources(claim.resources))
        task.time_running = now
    if claim.accepts_messages is not None:
        task.accepts_messages = claim.accepts_messages
    if claim.tracking_url is not None or task.status != RUNNING:
        task.tracking_url = claim.tracking_url
        for member in state.runs.members(task.batch_id):
            member.tracking_url = claim.tracking_url
            state.touch(member)
    if claim.batchable is not None:
        state.set_batchable(task, claim.batchable)


def _explain(state: State, task: Task, claim: Claim) -> None:
    if claim.expl is not None:
        task.expl = claim.expl
        for member in state.runs.members(task.batch_id):
            member.expl = claim.expl
            state.touch(member)


def _claim_status(state: State, task: Task, claim: Claim, worker: Worker, now: float) -> None:
    """Let the claim through, unless the task runs and this is not for the worker to say.

    Only the worker that runs a task may end or confirm its run; new dependencies suspend it.
    """
    is_running = task.status in RUN_STATUSES
    is_own_run = claim.status in (DONE, FAILED, RUNNING) and task.worker_running == worker.id
    if is_running and not is_own_run and not claim.new_deps:
        return
    if claim.status != task.status or claim.status == PENDING:
        record(state, task, claim.status, now)
    set_status(state, task, PENDING if claim.status == SUSPENDED else claim.status, now)


def record(state: State, task: Task, status: str, now: float, host: str | None = None) -> None:
    """Report what Luigi's history records."""
    kind = HISTORY_KINDS.get(status)
    if kind is not None:
        state.emit(kind, task, now, host=host)


def _set_needs(state: State, task: Task, claim: Claim, worker: Worker, now: float) -> None:
    """Set dependencies and resources, and keep placeholders for dependencies that nobody has announced yet."""
    if claim.deps is not None:
        state.set_deps(task, claim.deps)
    if claim.new_deps is not None:
        state.set_deps(task, (*task.deps, *claim.new_deps))
    # As in Luigi, a claim without resources says that none are needed.
    state.set_resources(task, state.intern_resources(claim.resources))
    if worker.disabled or claim.assistant:
        return
    state.set_crew(task, state.crews.with_worker(task.crew, worker.id, works=False, cares=True))
    for dep_id in task.deps:
        dep = state.tasks.get(dep_id)
        if dep is None:
            dep = state.create(dep_id, now, status=UNKNOWN, priority=claim.priority)
        state.set_crew(dep, state.crews.with_worker(dep.crew, worker.id, works=False, cares=True))


def raise_priority(state: State, task: Task, priority: float) -> None:
    """Raise a task's priority, and that of everything it waits for; priorities only rise."""
    stack = [(task, priority)]
    while stack:
        current, wanted = stack.pop()
        wanted = max(wanted, current.priority)
        state.set_priority(current, wanted)
        stack.extend((dep, wanted) for dep in state.dependencies.existing(current) if wanted > dep.priority)


def _retry_policy(state: State, own: Mapping[str, float | None] | None) -> RetryPolicy:
    """Return the scheduler's policy with what the task sets itself."""
    policy = state.default_policy
    if not own:
        return policy
    changed = {name: value for name, value in own.items() if value is not None and name in RetryPolicy._fields}
    return state.intern_policy(policy._replace(**changed)) if changed else policy
