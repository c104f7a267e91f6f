"""Failures of tasks and workers lead to retries, and in the end to disabled tasks."""

from __future__ import annotations

import json

import pytest

from tests.e2e.conftest import PipelineFactory
from tests.e2e.harness import SMILE

pytestmark = pytest.mark.e2e


def test_a_failed_task_is_retried_after_the_retry_delay(pipeline_on: PipelineFactory) -> None:
    pipeline = pipeline_on("retry_delay = 0.3\n")
    output = pipeline.start("FailsTwice", "--worker-keep-alive").wait()

    assert SMILE in output
    assert pipeline.started() == ["FailsTwice"] * 3
    assert pipeline.statuses() == {"FailsTwice()": "DONE"}


def test_a_task_that_fails_retry_count_times_is_disabled(pipeline_on: PipelineFactory) -> None:
    pipeline = pipeline_on("retry_delay = 0.3\n")
    pipeline.start("NeedsFailing", "--worker-keep-alive").wait()

    assert pipeline.started() == ["AlwaysFails"] * 2
    assert pipeline.statuses() == {"AlwaysFails()": "DISABLED", "NeedsFailing()": "PENDING"}
    held_up = pipeline.server.rpc("task_list", status="PENDING", upstream_status="UPSTREAM_DISABLED")
    assert [task["display_name"] for task in held_up.values()] == ["NeedsFailing()"]
    task = pipeline.tasks()["AlwaysFails()"]
    assert task["re_enable_able"] is True
    error = pipeline.server.rpc("fetch_error", task_id=task["task_id"])["error"]
    assert "the tape is torn" in json.loads(error)


def test_a_disabled_task_runs_again_once_it_is_re_enabled(pipeline_on: PipelineFactory) -> None:
    pipeline = pipeline_on("retry_delay = 0.3\nretry_count = 2\n")
    pipeline.start("FailsTwice", "--worker-keep-alive").wait()
    task = pipeline.tasks()["FailsTwice()"]
    assert task["status"] == "DISABLED"

    pipeline.server.rpc("re_enable_task", task_id=task["task_id"])
    output = pipeline.start("FailsTwice", "--worker-keep-alive").wait()
    assert SMILE in output
    assert pipeline.statuses() == {"FailsTwice()": "DONE"}


def test_the_task_of_a_killed_worker_fails_and_is_run_by_another(pipeline_on: PipelineFactory) -> None:
    pipeline = pipeline_on("retry_delay = 2\nworker_disconnect_delay = 3\n")
    victim = pipeline.start("AfterTheSurvivor", "--worker-keep-alive")
    pipeline.wait_for_starts(1)
    heir = pipeline.start("AfterTheSurvivor", "--worker-keep-alive")
    pipeline.worker_id(heir)

    victim.kill()
    pipeline.wait_for_status("SurvivesItsWorker()", "FAILED")
    assert SMILE in heir.wait()
    assert set(pipeline.statuses().values()) == {"DONE"}
    runs = [(entry["family"], entry["worker_pid"]) for entry in pipeline.events("start")]
    assert runs == [("SurvivesItsWorker", victim.pid), ("SurvivesItsWorker", heir.pid), ("AfterTheSurvivor", heir.pid)]
