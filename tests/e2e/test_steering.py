"""People reach running tasks and workers through the scheduler, and see how tasks are doing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.conftest import PipelineFactory
from tests.e2e.harness import SMILE, Pipeline
from tests.support.polling import wait_for

pytestmark = pytest.mark.e2e


def test_a_message_reaches_a_running_task_and_its_answer_comes_back(pipeline_on: PipelineFactory) -> None:
    pipeline = pipeline_on()
    worker = pipeline.start("Listener", "--workers", "2")
    task = pipeline.wait_for_status("Listener()", "RUNNING")
    assert task["accepts_messages"] is True
    pipeline.wait_for_starts(1)

    assert _ask(pipeline, task, "how are you?") == "heard how are you?"
    assert _ask(pipeline, task, "stop") == "heard stop"
    assert SMILE in worker.wait()


def test_the_status_message_progress_and_tracking_url_of_a_running_task_can_be_seen(
    pipeline_on: PipelineFactory,
) -> None:
    pipeline = pipeline_on()
    worker = pipeline.start("Reporter", "--workers", "2")
    task = wait_for(lambda: _tracked(pipeline), "the task to tell its tracking URL")

    assert (task["status"], task["tracking_url"]) == ("RUNNING", "http://tracker.example/run/1")
    message = pipeline.server.rpc("get_task_status_message", task_id=task["task_id"])
    assert message["statusMessage"] == "reporting"
    progress = pipeline.server.rpc("get_task_progress_percentage", task_id=task["task_id"])
    assert progress["progressPercentage"] == 40
    pipeline.go()
    assert SMILE in worker.wait()


def test_a_running_worker_takes_the_number_of_processes_that_it_is_given(pipeline_on: PipelineFactory) -> None:
    pipeline = pipeline_on()
    worker = pipeline.start("ManyWaiting", "--workers", "2", "--worker-keep-alive")
    pipeline.wait_for_starts(2)
    assert _worker(pipeline, worker.pid)["workers"] == 2

    pipeline.server.rpc("set_worker_processes", worker=pipeline.worker_id(worker), n=3)
    pipeline.wait_for_starts(3)
    wait_for(lambda: _worker(pipeline, worker.pid)["workers"] == 3, "the worker to tell its new number of processes")
    pipeline.go()
    assert SMILE in worker.wait()


def test_a_disabled_worker_finishes_what_it_runs_and_takes_nothing_more(pipeline_on: PipelineFactory) -> None:
    pipeline = pipeline_on()
    worker = pipeline.start("ManyWaiting", "--worker-keep-alive")
    pipeline.wait_for_starts(1)

    pipeline.server.rpc("disable_worker", worker=pipeline.worker_id(worker))
    pipeline.go()
    worker.wait()
    assert pipeline.started() == ["Waiting"]
    assert len(pipeline.events("end")) == 1


def _ask(pipeline: Pipeline, task: dict[str, Any], content: str) -> str:
    """Send a message to a running task and wait for its answer."""
    rpc = pipeline.server.rpc
    sent = rpc("send_scheduler_message", worker=task["worker_running"], task=task["task_id"], content=content)
    arguments = {"task_id": task["task_id"], "message_id": sent["message_id"]}
    answer = wait_for(lambda: rpc("get_scheduler_message_response", **arguments)["response"], "the task's answer")
    return str(answer)


def _tracked(pipeline: Pipeline) -> dict[str, Any] | None:
    task = pipeline.tasks().get("Reporter()")
    return task if task and task["tracking_url"] else None


def _worker(pipeline: Pipeline, pid: int) -> dict[str, Any]:
    return next(worker for worker in pipeline.server.rpc("worker_list") if worker.get("pid") == pid)
