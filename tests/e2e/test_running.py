"""Real workers get the right tasks at the right time."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import PipelineFactory
from tests.e2e.harness import SMILE
from tests.support.polling import wait_for

pytestmark = pytest.mark.e2e


def test_a_diamond_completes_in_dependency_order(pipeline_on: PipelineFactory) -> None:
    pipeline = pipeline_on()
    output = pipeline.start("Diamond", "--workers", "2").wait()

    assert SMILE in output
    assert pipeline.statuses() == {"Diamond()": "DONE", "Left()": "DONE", "Right()": "DONE", "Top()": "DONE"}
    happened = [(entry["family"], entry["event"]) for entry in pipeline.events()]
    assert happened[:2] == [("Top", "start"), ("Top", "end")]
    assert sorted(happened[2:6]) == [("Left", "end"), ("Left", "start"), ("Right", "end"), ("Right", "start")]
    assert happened[6:] == [("Diamond", "start"), ("Diamond", "end")]


def test_a_second_run_finds_everything_done_and_runs_nothing(pipeline_on: PipelineFactory) -> None:
    pipeline = pipeline_on()
    pipeline.start("Diamond").wait()
    output = pipeline.start("Diamond").wait()

    assert SMILE in output
    assert "Did not run any tasks" in output
    assert sorted(pipeline.started()) == ["Diamond", "Left", "Right", "Top"]


def test_two_workers_share_one_dag_and_no_task_runs_twice(pipeline_on: PipelineFactory) -> None:
    pipeline = pipeline_on()
    workers = [pipeline.start("Shared", "--workers", "2", "--worker-keep-alive") for _ in range(2)]
    for worker in workers:
        worker.wait()

    assert set(pipeline.statuses().values()) == {"DONE"}
    runs = [entry["task"] for entry in pipeline.events("start")]
    assert len(runs) == 9
    assert len(set(runs)) == 9
    assert {entry["worker_pid"] for entry in pipeline.events("start")} == {worker.pid for worker in workers}


def test_tasks_run_in_the_order_of_their_priorities(pipeline_on: PipelineFactory) -> None:
    pipeline = pipeline_on()
    output = pipeline.start("Ranking").wait()

    assert SMILE in output
    assert [entry["params"]["rank"] for entry in pipeline.events("start")] == ["9", "7", "4", "2", "0"]


def test_dependencies_that_are_found_at_run_time_run_before_the_task_goes_on(pipeline_on: PipelineFactory) -> None:
    pipeline = pipeline_on()
    output = pipeline.start("Dynamic").wait()

    assert SMILE in output
    assert set(pipeline.statuses().values()) == {"DONE"}
    ended = [(entry["family"], entry["params"].get("number")) for entry in pipeline.events("end")]
    assert sorted(ended[:2]) == [("Found", "1"), ("Found", "2")]
    assert ended[2:] == [("Found", "3"), ("Dynamic", None)]
    tasks = pipeline.tasks()
    graph = pipeline.server.rpc("dep_graph", task_id=tasks["Dynamic()"]["task_id"])
    assert set(graph) == {task["task_id"] for task in tasks.values()}
    found = {tasks[f"Found(number={number})"]["task_id"] for number in (1, 2, 3)}
    assert set(graph[tasks["Dynamic()"]["task_id"]]["deps"]) == found


def test_tasks_of_a_batchable_family_run_as_one(pipeline_on: PipelineFactory) -> None:
    pipeline = pipeline_on()
    output = pipeline.start("Letters").wait()

    assert SMILE in output
    [run] = pipeline.events("start")
    assert sorted(run["params"]["letter"].split(",")) == ["a", "b", "c", "d", "e"]
    statuses = pipeline.statuses()
    assert {statuses[f"Batched(letter={letter})"] for letter in "abcde"} == {"DONE"}
    assert statuses["Letters()"] == "DONE"


def test_resources_are_never_oversubscribed(pipeline_on: PipelineFactory) -> None:
    pipeline = pipeline_on("[resources]\ntape = 2\n")
    workers = [pipeline.start("Tapes", "--workers", "3", "--worker-keep-alive") for _ in range(2)]
    for worker in workers:
        worker.wait()

    in_use, most = 0, 0
    for entry in pipeline.events():
        amount = 2 if entry["family"] == "BothTapes" else 1
        in_use += amount if entry["event"] == "start" else -amount
        most = max(most, in_use)
    assert most == 2
    assert sorted(pipeline.started()) == ["BothTapes", *["Tape"] * 6]
    assert set(pipeline.statuses().values()) == {"DONE"}
    [tape] = pipeline.server.rpc("resource_list")
    assert (tape["name"], tape["num_total"], tape["num_used"]) == ("tape", 2, 0)


def test_an_assistant_runs_tasks_that_it_did_not_schedule(pipeline_on: PipelineFactory) -> None:
    pipeline = pipeline_on()
    assistant = pipeline.start("Idle", "--assistant", "--worker-keep-alive")
    owner = pipeline.start("Diamond", "--workers", "0", "--worker-keep-alive")
    owner.wait()

    assert sorted(pipeline.started()) == ["Diamond", "Left", "Right", "Top"]
    assert {entry["worker_pid"] for entry in pipeline.events("start")} == {assistant.pid}
    assert set(pipeline.statuses().values()) == {"DONE"}


def test_a_paused_scheduler_hands_out_nothing_until_it_is_resumed(pipeline_on: PipelineFactory) -> None:
    pipeline = pipeline_on()
    pipeline.server.rpc("pause")
    worker = pipeline.start("Diamond", "--worker-keep-alive")
    wait_for(lambda: worker.output.count("Asking scheduler for work") >= 3, "the worker to ask in vain")

    assert pipeline.server.rpc("is_paused") == {"paused": True}
    assert pipeline.events() == []
    assert set(pipeline.statuses().values()) == {"PENDING"}

    pipeline.server.rpc("unpause")
    assert SMILE in worker.wait()
    assert set(pipeline.statuses().values()) == {"DONE"}
