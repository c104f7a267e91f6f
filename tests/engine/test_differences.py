"""What the engine does differently from Luigi on purpose: each a row of docs/differences.md, with Luigi beside it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from luigi.scheduler import Scheduler as LuigiScheduler

from luigiviz.engine import InvalidArgumentError, Scheduler
from luigiviz.engine.batching import MAX_WORKERS_WITH_BATCHERS
from tests.engine.conftest import Clock, MakeScheduler

Calls = list[tuple[str, dict[str, Any]]]


def _luigi(*calls: tuple[str, dict[str, Any]]) -> Any:
    """Call Luigi's own scheduler; return the last answer."""
    scheduler, answer = LuigiScheduler(), None
    for method, args in calls:
        answer = getattr(scheduler, method)(**args)
    return answer


def _add(task_id: str, **more: Any) -> tuple[str, dict[str, Any]]:
    return "add_task", {"task_id": task_id, "worker": "w", "family": "F", **more}


def test_a_task_may_be_claimed_as_running_in_a_batch_that_nobody_knows(make_scheduler: MakeScheduler) -> None:
    call = _add("A", status="RUNNING", batch_id="nobody knows")
    with pytest.raises(IndexError):
        _luigi(call)
    scheduler = make_scheduler()
    scheduler.call(*call)
    assert scheduler.tasks["A"].status == "RUNNING"
    assert scheduler.tasks["A"].batch_id == "nobody knows"


def test_what_a_claimed_run_holds_can_be_decreased(make_scheduler: MakeScheduler) -> None:
    calls = [
        _add("A", status="RUNNING", resources={"r": 2}),
        ("decrease_running_task_resources", {"task_id": "A", "decrease_resources": {"r": 1}}),
    ]
    with pytest.raises(AttributeError):
        _luigi(*calls)
    scheduler = make_scheduler()
    for call in calls:
        scheduler.call(*call)
    assert scheduler.tasks["A"].held_resources == {"r": 1}
    assert scheduler.tasks["A"].resources == {"r": 2}


def test_a_worker_may_say_anything_of_itself(make_scheduler: MakeScheduler) -> None:
    calls: Calls = [("add_worker", {"worker": "w", "info": {"name": "another", "host": "h"}}), ("worker_list", {})]
    with pytest.raises(TypeError):
        _luigi(*calls)
    scheduler = make_scheduler()
    scheduler.call(*calls[0])
    (listed,) = scheduler.call(*calls[1])
    assert listed["name"] == "w"
    assert listed["host"] == "h"


def test_a_priority_reaches_the_end_of_a_chain_of_any_length(make_scheduler: MakeScheduler) -> None:
    length = 5_000
    calls = [_add(f"T{n}", deps=[f"T{n + 1}"]) for n in range(length)] + [_add("T0", deps=["T1"], priority=7)]
    with pytest.raises(RecursionError):
        _luigi(*calls)
    scheduler = make_scheduler()
    for call in calls:
        scheduler.call(*call)
    assert scheduler.tasks[f"T{length}"].priority == 7


def test_a_retry_policy_may_have_keys_of_a_newer_luigi(make_scheduler: MakeScheduler) -> None:
    call = _add("A", retry_policy_dict={"retry_count": 3, "newer": 1})
    with pytest.raises(TypeError):
        _luigi(call)
    scheduler = make_scheduler()
    scheduler.call(*call)
    assert scheduler.tasks["A"].retry_policy.retry_count == 3


@pytest.mark.parametrize(
    "wrong",
    [{"status": "NONSENSE"}, {"priority": float("nan")}, {"resources": {"r": -1}}, {"resources": {"r": "x"}}],
    ids=str,
)
def test_what_would_poison_the_scheduler_is_refused(make_scheduler: MakeScheduler, wrong: dict[str, Any]) -> None:
    call = _add("A", **wrong)
    assert _luigi(call) is None
    scheduler = make_scheduler()
    with pytest.raises(InvalidArgumentError):
        scheduler.call(*call)
    assert "A" not in scheduler.tasks


def test_a_forgotten_task_is_not_handed_out_again(
    make_scheduler: MakeScheduler, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("luigi.scheduler.time", SimpleNamespace(time=clock))

    def wait_until_it_is_gone(scheduler: Any) -> Any:
        # An assistant may run the task, but does not keep it from being forgotten.
        scheduler.add_task(task_id="A", worker="w", family="F", assistant=True)
        # Luigi looks at a worker's own tasks only where others have more.
        for task_id in "BCD":
            scheduler.add_task(task_id=task_id, worker="v", family="F")
        for _ in range(2):
            scheduler.prune()
            clock.advance(601)
            scheduler.ping(worker="w")
            scheduler.ping(worker="v")
        scheduler.prune()
        assert set(scheduler.task_list()) == {"B", "C", "D"}
        return scheduler

    luigi = wait_until_it_is_gone(LuigiScheduler(worker_disconnect_delay=10_000.0))
    assert luigi.count_pending("w")["n_pending_tasks"] == 1
    with pytest.raises(KeyError):
        luigi.get_work(worker="w")
    ours = wait_until_it_is_gone(make_scheduler(worker_disconnect_delay=10_000.0))
    answer = ours.get_work(worker="w")
    assert (answer["task_id"], answer["n_pending_tasks"]) == (None, 0)


def test_batchers_of_vanished_workers_are_kept_up_to_a_number(make_scheduler: MakeScheduler, clock: Clock) -> None:
    scheduler: Scheduler = make_scheduler(worker_disconnect_delay=1.0)
    for number in range(MAX_WORKERS_WITH_BATCHERS + 5):
        if number == 5:
            clock.advance(2)
            scheduler.prune()
        scheduler.add_task_batcher(worker=f"w{number}", task_family="F", batched_args=["n"])
        scheduler.ping(worker=f"w{number}")
    clock.advance(2)
    scheduler.prune()
    batches = scheduler.state.batches
    assert len(batches.batchers) == MAX_WORKERS_WITH_BATCHERS
    assert [batches.batcher(f"w{number}", "F") for number in range(5)] == [None] * 5
    assert batches.batcher("w5", "F") == (("n",), float("inf"))


def test_every_difference_of_the_engine_names_a_test_that_exists() -> None:
    docs = (Path(__file__).parents[2] / "docs" / "differences.md").read_text(encoding="utf-8")
    engine = docs.split("## Engine", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in engine.splitlines() if line.startswith("| ") and not line.startswith("| luigid")]
    assert len(rows) > 10
    root = Path(__file__).parents[1]
    tests = "".join(path.read_text(encoding="utf-8") for path in root.rglob("test_*.py"))
    tests += (root / "conformance" / "reference.py").read_text(encoding="utf-8")
    for row in rows:
        name = row.rstrip(" |").rsplit("`", 2)[1]
        assert name in tests, row
