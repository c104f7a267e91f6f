"""Differences that were found once, each as the smallest plan that showed it."""

from __future__ import annotations

import pytest

from tests.conformance.harness import Run
from tests.conformance.sides import EngineSide
from tests.conformance.steps import Call, Plan

pytestmark = pytest.mark.conformance

FOUND = {
    "what pruning does to a task makes a later one due in the same walk": Plan(
        config={"prune_on_get_work": True},
        steps=(
            Call("add_task", {"worker": "w2", "task_id": "A", "assistant": True}),
            Call("add_task", {"worker": "w2", "task_id": "B", "status": "BATCH_RUNNING", "batch_id": "no such batch"}),
            Call("get_work", {"worker": "w2"}),
            Call("add_task", {"worker": "w1", "task_id": "A", "batch_id": "no such batch"}),
            Call("task_list", {}),
        ),
    ),
}


@pytest.mark.parametrize("plan", FOUND.values(), ids=FOUND.keys())
def test_what_was_found_once_is_right_now(plan: Plan) -> None:
    run = Run(plan, EngineSide, thorough=True)
    run.execute()
    assert len(run.made) == len(plan.steps)
