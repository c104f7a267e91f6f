"""What the journal marks, and when it can wait."""

from __future__ import annotations

from luigiviz.engine import Scheduler
from luigiviz.engine.documents import take_changes
from luigiviz.engine.journal import Journal


class Clock:
    """A clock that the test sets."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_removal_does_not_wait_if_the_task_has_changed_since_the_last_look() -> None:
    clock = Clock()
    scheduler = Scheduler(clock=clock)
    scheduler.state.journal = Journal()
    scheduler.call("add_task_batcher", {"worker": "w", "task_family": "L", "batched_args": ["n"]})
    for number in "12":
        arguments = {"worker": "w", "task_id": f"L.{number}", "family": "L", "params": {"n": number}, "batchable": True}
        scheduler.call("add_task", arguments)
    batch = {"batch_id": scheduler.call("get_work", {"worker": "w"})["batch_id"]}
    scheduler.call("add_task", {"worker": "w", "task_id": "run", "status": "RUNNING", **batch})
    running = next(task["seq"] for task in take_changes(scheduler.state, 0).tasks if task["id"] == "run")

    # The failure ends the task that ran the batch; pruning forgets it before anybody has looked.
    scheduler.call("add_task", {"worker": "w", "task_id": "run", "status": "FAILED", **batch})
    clock.now += 1
    scheduler.call("prune", {})

    assert "run" not in scheduler.tasks
    assert take_changes(scheduler.state, 0).removed == [running]
