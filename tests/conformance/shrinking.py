"""Cuts a plan that shows a difference down to the few steps that matter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from tests.conformance.harness import Difference, LuigiRaisedError, MakeSide, Run
from tests.conformance.steps import Advance, Call, Plan, Step


@dataclass(frozen=True)
class Finding:
    """A difference, with the smallest plan found that shows it."""

    plan: Plan
    message: str
    #: Whether it is Luigi that raised.
    luigi_raised: bool

    def __str__(self) -> str:
        return f"{self.message}\n\nTo see it again:\n\n{self.plan.as_code()}"


def find_difference(plan: Plan, make_side: MakeSide, *, thorough: bool = False) -> tuple[Exception | None, Run]:
    """Run a plan; return what it found, if anything, and the run."""
    run = Run(plan, make_side, thorough=thorough)
    try:
        run.execute()
    except (Difference, LuigiRaisedError) as found:
        return found, run
    return None, run


def shrink(plan: Plan, make_side: MakeSide) -> Finding | None:
    """Return the smallest plan found that still shows a difference; None if the plan shows none."""
    found, run = find_difference(plan, make_side)
    if found is None:
        return None
    best = replace(plan, steps=tuple(run.made), look_every=0)
    raised = isinstance(found, LuigiRaisedError)

    def still(candidate: Plan) -> bool:
        again, _ = find_difference(candidate, make_side, thorough=True)
        return again is not None and isinstance(again, LuigiRaisedError) == raised

    if not still(best):
        return Finding(plan, str(found), raised)
    best = _without_steps(best, still)
    best = _without_settings(best, still)
    best = _simpler_arguments(best, still)
    best = _without_steps(best, still)
    last, _ = find_difference(best, make_side, thorough=True)
    return Finding(best, str(last), raised)


def _without_steps(plan: Plan, still: Callable[[Plan], bool]) -> Plan:
    """Leave out steps, first many at once, then single ones, until none can go."""
    chunk = len(plan.steps) // 2
    while chunk:
        position, shorter = 0, False
        while position < len(plan.steps):
            candidate = replace(plan, steps=plan.steps[:position] + plan.steps[position + chunk :])
            if still(candidate):
                plan, shorter = candidate, True
            else:
                position += chunk
        if not (shorter and chunk == 1):
            chunk //= 2
    return plan


def _without_settings(plan: Plan, still: Callable[[Plan], bool]) -> Plan:
    for name in list(plan.config):
        candidate = replace(plan, config={key: value for key, value in plan.config.items() if key != name})
        if still(candidate):
            plan = candidate
    for name in list(plan.resources):
        candidate = replace(plan, resources={key: value for key, value in plan.resources.items() if key != name})
        if still(candidate):
            plan = candidate
    return plan


def _simpler_arguments(plan: Plan, still: Callable[[Plan], bool]) -> Plan:
    for number in range(len(plan.steps)):
        for change in _simplifications(plan.steps[number]):
            step = change(plan.steps[number])
            candidate = replace(plan, steps=(*plan.steps[:number], step, *plan.steps[number + 1 :]))
            if still(candidate):
                plan = candidate
    for old, new in _renamings(plan):
        candidate = replace(plan, steps=tuple(_rename(step, old, new) for step in plan.steps))
        if still(candidate):
            plan = candidate
    return plan


#: Arguments without which a call is no call.
_NEEDED = frozenset(
    [
        *("worker", "task_id", "task_family", "batched_args", "info", "message_id", "response", "status_message"),
        *("progress_percentage", "task_str", "decrease_resources", "n", "content", "task", "family", "params", "expl"),
        *("owners", "task_name", "statistics", "resource", "amount"),
    ]
)


def _simplifications(step: Step) -> list[Callable[[Any], Step]]:
    """Return changes that may make a step simpler, each to be applied to what the ones before it have left."""
    if isinstance(step, Advance):
        return [lambda _: Advance(0.0), lambda later: Advance(min(later.seconds, 1.0))]
    if not isinstance(step, Call) or step.method == "update_resources":
        return []
    names = [name for name in step.args if name not in ("worker", "task_id")]
    if step.method != "add_task":
        names = [name for name in names if name not in _NEEDED]
    return [partial(_without_argument, name) for name in names]


def _without_argument(name: str, call: Call) -> Step:
    return Call(call.method, {key: value for key, value in call.args.items() if key != name})


def _renamings(plan: Plan) -> list[tuple[str, str]]:
    task_ids = {step.args["task_id"] for step in plan.steps if isinstance(step, Call) and "task_id" in step.args}
    names = [name for name in "ABCDEFGHIJKL" if name not in task_ids]
    return list(zip(sorted(task_ids), names, strict=False))


def _rename(step: Step, old: str, new: str) -> Step:
    if not isinstance(step, Call):
        return step
    args = dict(step.args)
    for name, value in args.items():
        if name == "task_id" and value == old:
            args[name] = new
        elif name in ("deps", "new_deps", "current_tasks") and value is not None:
            args[name] = [new if dep == old else dep for dep in value]
    return Call(step.method, args)
