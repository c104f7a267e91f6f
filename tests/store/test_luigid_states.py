"""State files of luigid: what the engine makes of them is what Luigi's scheduler makes of them."""

from __future__ import annotations

import copy
import gc
import pickle
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import luigi.scheduler
import pytest
from luigi.parameter import ParameterVisibility

from luigiviz.engine import Scheduler, SchedulerConfig
from luigiviz.engine.invariants import check
from luigiviz.engine.restoring import Image, restore
from luigiviz.store.luigid import StateFile, read_state_file
from tests.conformance import snapshots
from tests.conformance.reference import FakeClock, ReferenceScheduler, patched_luigi
from tests.e2e.reference import LuigidProcess

#: Files that schedulers of old Luigi versions wrote; ``tests/store/luigid_states/README.md`` tells how.
OLD_STATES = sorted((Path(__file__).parent / "luigid_states").glob("*.pickle"))
RESOURCES = {"db": 2.0, "gpu": 1.0}


def work_on(call: Any) -> None:
    """Make a state with something of everything, by calls as workers make them."""
    for worker in ("w1", "w2", "w3"):
        call("add_worker", worker=worker, info=[["workers", 2], ["host", f"host-{worker}"], ["first_task", "A"]])
    call("add_task_batcher", worker="w1", task_family="B", batched_args=["n"], max_batch_size=3)
    call("add_task_batcher", worker="w2", task_family="B", batched_args=["n"])
    for number in range(4):
        call(
            "add_task",
            worker="w1",
            task_id=f"B_{number}",
            family="B",
            module="jobs",
            params={"n": str(number), "day": "1"},
            batchable=True,
            resources={"db": 1},
            priority=5,
        )
    call("get_work", worker="w1", host="host-w1", current_tasks=[])
    call(
        "add_task",
        worker="w2",
        task_id="S",
        family="S",
        params={"user": "me", "password": "x", "note": "ü\x00"},
        param_visibilities={"user": 0, "password": 2, "note": 1},
        priority=9,
        resources={"gpu": 1, "db": 0.5},
        accepts_messages=True,
    )
    call("get_work", worker="w2", host="host-w2")
    call("set_task_status_message", task_id="S", status_message="half-way")
    call("set_task_progress_percentage", task_id="S", progress_percentage=50)
    call("add_scheduler_message_response", task_id="S", message_id="m1", response="yes")
    call("send_scheduler_message", worker="w2", task="S", content="how far?")
    call("set_worker_processes", worker="w2", n=3)
    call("add_task", worker="w2", task_id="D", family="D", deps=["B_0", "F", "missing"], tracking_url="http://x/")
    for policy in ({}, {"retry_count": 1}):
        name = "F" if not policy else "X"
        call("add_task", worker="w2", task_id=name, family=name, retry_policy_dict=policy)
        call("add_task", worker="w2", task_id=name, status="FAILED", expl="it broke: \u2603", retry_policy_dict=policy)
    call("add_task", worker="w3", task_id="U", family="U", deps=["X"])
    call("add_task", worker="w3", task_id="A", family="A", status="DONE")
    call("disable_worker", worker="w3")


def restored(state: StateFile, clock: FakeClock) -> Scheduler:
    """Bring an engine back from a state file."""
    scheduler = Scheduler(SchedulerConfig(), RESOURCES, clock)
    assert restore(scheduler, Image(state.tasks, state.workers, state.batchers)) == []
    check(scheduler)
    return scheduler


def in_order(answer: Any) -> Any:
    """Sort what Luigi answers in the order of a set."""
    if isinstance(answer, dict):
        return {key: sorted(value) if key == "deps" else in_order(value) for key, value in answer.items()}
    return [in_order(item) for item in answer] if isinstance(answer, list) else answer


def assert_same(path: Path, questions: int = 100) -> Scheduler:
    """Compare Luigi's scheduler with the engine, both brought back from a file."""
    clock = FakeClock(time.time())
    with patched_luigi(clock):
        theirs = ReferenceScheduler({"state_path": str(path)}, RESOURCES)
        theirs.load()
        ours = restored(read_state_file(path), clock)
        assert (
            snapshots.describe_difference(snapshots.of_luigi(theirs, clock.now), snapshots.of_engine(ours, clock.now))
            == ""
        )
        assert snapshots.orders_of_luigi(theirs) == snapshots.orders_of_engine(ours)
        workers = sorted(theirs._state._active_workers)
        some = list(theirs._state._tasks)[:questions]
        calls: list[tuple[str, dict[str, Any]]] = [
            ("task_list", {}),
            *(("task_list", {"status": status}) for status in ("PENDING", "RUNNING", "FAILED", "DISABLED", "UNKNOWN")),
            ("task_list", {"status": "PENDING", "upstream_status": "UPSTREAM_DISABLED"}),
            ("worker_list", {}),
            *(("dep_graph", {"task_id": task_id}) for task_id in some),
            *(("inverse_dep_graph", {"task_id": task_id}) for task_id in some[:10]),
            *(("count_pending", {"worker": worker}) for worker in workers),
            *(
                ("get_work", {"worker": worker, "host": "h", "current_tasks": []})
                for worker in workers
                for _ in range(3)
            ),
            *(("ping", {"worker": worker}) for worker in workers),
            *(("fetch_error", {"task_id": task_id}) for task_id in some),
            ("get_scheduler_message_response", {"task_id": "S", "message_id": "m1"}),
            ("resource_list", {}),
        ]
        for method, arguments in calls:
            expected = in_order(theirs.call(method, copy.deepcopy(arguments)))
            assert in_order(ours.call(method, copy.deepcopy(arguments))) == expected, (method, arguments)
        check(ours)
    return ours


def in_process(path: Path) -> luigi.scheduler.Scheduler:
    """Make Luigi's scheduler in this process, which can dump its state as luigid does."""
    return luigi.scheduler.Scheduler(state_path=str(path), resources=dict(RESOURCES))


def test_the_state_of_a_real_luigid_is_read_as_luigi_itself_reads_it(tmp_path: Path) -> None:
    luigid = LuigidProcess(tmp_path / "luigid", "[resources]\ndb=2\ngpu=1\n")
    try:
        work_on(luigid.rpc)
    finally:
        luigid.stop()
    file = tmp_path / "luigid" / "state.pickle"
    before = file.read_bytes()
    scheduler = assert_same(file)
    assert file.read_bytes() == before
    assert {task.id for task in scheduler.tasks.values()} == {*"SDFXUA", "B_0", "B_1", "B_2", "B_3", "missing"}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_protocol_of_pickle_is_read(tmp_path: Path, protocol: int) -> None:
    file = tmp_path / "state.pickle"
    scheduler = in_process(file)
    work_on(lambda method, **arguments: getattr(scheduler, method)(**arguments))
    file.write_bytes(pickle.dumps(scheduler._state.get_state(), protocol=protocol))
    assert_same(file)


@pytest.mark.parametrize("file", OLD_STATES, ids=lambda file: file.stem)
def test_states_of_old_luigi_versions_are_read(file: Path) -> None:
    state = read_state_file(file)
    scheduler = restored(state, FakeClock(time.time()))
    statuses = {task.id: task.status for task in scheduler.tasks.values()}
    assert statuses == {"A": "DONE", "B": "PENDING", "C": "RUNNING", "F": "FAILED", "X": "DISABLED", "U": "UNKNOWN"}
    task = scheduler.tasks["B"]
    assert (task.family, task.params, task.deps, task.priority) == ("B", {"day": "1"}, ("A", "U"), 3)
    assert (dict(task.resources), task.runnable, set(task.stakeholders)) == ({"db": 1}, True, {"w1", "w2"})
    # Before version 2.3 Luigi did not know which worker came first.
    assert task.workers == (("w1", "w2") if file.stem == "luigi-2.0.1" else ("w2", "w1"))
    failed = scheduler.tasks["F"]
    assert failed.failures is not None
    assert (len(failed.failures), failed.expl, failed.retry is not None) == (2, "it broke", True)
    assert failed.first_failure_time == failed.failures[0]
    assert scheduler.tasks["C"].worker_running == "w1"
    assert scheduler.tasks["X"].scheduler_disable_time is not None
    assert scheduler.tasks["X"].retry_policy.retry_count == 1
    assert (scheduler.workers["w1"].host, scheduler.workers["w1"].info) == ("host-1", {"workers": 2})


@pytest.fixture
def no_garbage_collection() -> Iterator[None]:
    """Luigi's objects for many tasks keep Python's garbage collector busy for longer than everything else takes."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_garbage_collection")
def test_a_hundred_thousand_tasks_are_read(tmp_path: Path) -> None:
    file = tmp_path / "state.pickle"
    scheduler = in_process(file)
    dice = random.Random(1)
    for number in range(100_000):
        deps = [f"Task_{dice.randrange(number)}" for _ in range(dice.randrange(3))] if number else []
        scheduler.add_task(
            worker=f"w{number % 20}", task_id=f"Task_{number}", family="Task", params={"n": str(number)}, deps=deps
        )
    scheduler.dump()
    state = read_state_file(file)
    engine = restored(state, FakeClock(time.time()))
    assert list(engine.tasks) == list(scheduler._state._tasks)
    assert all(set(engine.tasks[task.id].deps) == task.deps for task in scheduler._state._tasks.values())
    assert engine.call("get_work", {"worker": "w0"})["task_id"] == scheduler.get_work(worker="w0")["task_id"]


def test_an_empty_state_is_read(tmp_path: Path) -> None:
    file = tmp_path / "state.pickle"
    in_process(file).dump()
    assert read_state_file(file) == StateFile()


def test_visibilities_may_be_luigis_own_objects(tmp_path: Path) -> None:
    file = tmp_path / "state.pickle"
    scheduler = in_process(file)
    hidden = {"a": ParameterVisibility.PUBLIC, "b": ParameterVisibility.HIDDEN}
    scheduler.add_task(worker="w", task_id="T", family="T", params={"a": 1, "b": 2}, param_visibilities=hidden)
    scheduler.dump()
    assert_same(file)


def test_halves_of_surrogate_pairs_become_question_marks(tmp_path: Path) -> None:
    file = tmp_path / "state.pickle"
    scheduler = in_process(file)
    scheduler.add_task(worker="w", task_id="T", family="T", params={"a": "\ud800!"})
    scheduler.dump()
    assert read_state_file(file).tasks[0][0]["params"] == {"a": "?!"}


def test_workers_that_are_gone_are_not_named(tmp_path: Path) -> None:
    file = tmp_path / "state.pickle"
    scheduler = in_process(file)
    scheduler.add_task(worker="w", task_id="T", family="T")
    scheduler._state._tasks["T"].stakeholders.add("gone")
    scheduler.dump()
    task = restored(read_state_file(file), FakeClock(time.time())).tasks["T"]
    assert task.stakeholders == {"w"}
