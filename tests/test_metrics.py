"""What Prometheus reads is what it read from Luigi, and stays bounded."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import pytest
from luigi.contrib.prometheus_metric import PrometheusMetricsCollector

from luigiviz.config import PrometheusSettings
from luigiviz.engine.views import Overview
from luigiviz.metrics import MAX_METHODS, OTHER, Metrics
from luigiviz.store.writer import WriterStats

FAMILY_ONLY = PrometheusSettings()


def _task(family: str, params: dict[str, str], run_seconds: float) -> Any:
    return SimpleNamespace(family=family, params=params, updated=1000.0 + run_seconds, time_running=1000.0)


def _samples(text: bytes) -> list[str]:
    """All lines of Luigi's series, without the times at which counters were made."""
    return [line for line in text.decode().splitlines() if "luigi_task_" in line and "_created{" not in line]


@pytest.mark.parametrize(
    "settings",
    [
        FAMILY_ONLY,
        PrometheusSettings(task_parameters_to_use_in_labels=("date", "missing")),
        PrometheusSettings(use_task_family_in_labels=False, task_parameters_to_use_in_labels=("date",)),
    ],
)
def test_the_task_series_are_luigis_byte_for_byte(settings: PrometheusSettings) -> None:
    ours = Metrics(settings)
    theirs = PrometheusMetricsCollector(
        use_task_family_in_labels=settings.use_task_family_in_labels,
        task_parameters_to_use_in_labels=settings.task_parameters_to_use_in_labels,
    )
    choice = random.Random(7)
    for _ in range(200):
        family, day = choice.choice(("Fetch", 'a"b\\c\nd', "é")), f"2026-11-0{choice.randint(1, 3)}"
        task = _task(family, {"date": day}, float(choice.randint(1, 99)))
        run = task.updated - task.time_running
        match choice.choice(("started", "failed", "disabled", "done")):
            case "started":
                ours.task_started(family, task.params)
                theirs.handle_task_started(task)
            case "failed":
                ours.task_failed(family, task.params, run)
                theirs.handle_task_failed(task)
            case "disabled":
                ours.task_disabled(family, task.params, run)
                theirs.handle_task_disabled(task, None)
            case "done":
                ours.task_done(family, task.params, run)
                theirs.handle_task_done(task)
    text, _ = ours.render()
    assert _samples(text) == _samples(theirs.generate_latest())


def test_a_task_that_did_not_run_counts_without_a_running_time() -> None:
    metrics = Metrics(FAMILY_ONLY)
    metrics.task_done("Done", {}, None)
    metrics.task_failed("Failed", {}, None)
    metrics.task_disabled("Disabled", {}, None)
    lines = _samples(metrics.render()[0])
    assert 'luigi_task_failed_total{family="Failed"} 1.0' in lines
    assert not [line for line in lines if line.startswith("luigi_task_execution_time_seconds{")]


def test_without_labels_there_is_one_series_of_each_kind() -> None:
    metrics = Metrics(PrometheusSettings(use_task_family_in_labels=False))
    metrics.task_started("A", {})
    metrics.task_started("B", {})
    assert "luigi_task_started_total 2.0" in _samples(metrics.render()[0])


def test_endless_label_values_end_in_one_series() -> None:
    metrics = Metrics(PrometheusSettings(task_parameters_to_use_in_labels=("id",)), max_label_sets=3)
    for number in range(50):
        metrics.task_started("F", {"id": str(number)})
    metrics.task_started("F", {"id": "1"})
    text = metrics.render()[0].decode()
    lines = [line for line in text.splitlines() if line.startswith("luigi_task_started_total{")]
    assert len(lines) == 4
    assert f'luigi_task_started_total{{family="{OTHER}",id="{OTHER}"}} 47.0' in lines
    assert 'luigi_task_started_total{family="F",id="1"} 2.0' in lines
    assert "luigiviz_metrics_overflow_total 47.0" in text


def test_endless_method_names_end_in_one_series() -> None:
    metrics = Metrics(FAMILY_ONLY)
    for number in range(500):
        metrics.observe_rpc(f"method{number}", 0.01)
    counts = [line for line in metrics.render()[0].decode().splitlines() if line.startswith("luigiviz_rpc_seconds_cou")]
    assert len(counts) == MAX_METHODS + 1


def test_the_state_is_read_when_it_is_scraped() -> None:
    state = {"counts": {"PENDING": 3, "FAILED": 1}, "paused": True}

    def overview() -> Overview:
        return Overview(
            counts=state["counts"],  # type: ignore[arg-type]
            total=4,
            num_workers=2,
            paused=bool(state["paused"]),
            pause_enabled=True,
            has_task_history=True,
            version=1,
            now=0.0,
        )

    history = SimpleNamespace(stats=lambda: WriterStats(5, 100, 7, 2, True))
    metrics = Metrics(FAMILY_ONLY, overview=overview, history=history)
    text = metrics.render()[0].decode()
    for line in (
        'luigiviz_tasks{status="PENDING"} 3.0',
        'luigiviz_tasks{status="FAILED"} 1.0',
        "luigiviz_workers 2.0",
        "luigiviz_paused 1.0",
        "luigiviz_history_queued 5.0",
        "luigiviz_history_written_total 100.0",
        "luigiviz_history_dropped_total 7.0",
        "luigiviz_history_failures_total 2.0",
        "luigiviz_history_in_trouble 1.0",
    ):
        assert line in text.splitlines()
    state.update(counts={"PENDING": 0}, paused=False)
    assert "luigiviz_paused 0.0" in metrics.render()[0].decode()


def test_two_apps_do_not_share_their_series() -> None:
    first, second = Metrics(FAMILY_ONLY), Metrics(FAMILY_ONLY)
    first.task_started("F", {})
    assert "luigi_task_started_total{" not in second.render()[0].decode()


def test_a_scraper_gets_the_format_that_it_asks_for() -> None:
    metrics = Metrics(FAMILY_ONLY)
    assert metrics.render()[1].startswith("text/plain; version=0.0.4")
    text, content_type = metrics.render("application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    assert text.endswith(b"# EOF\n")


def test_a_family_that_is_no_proper_text_does_not_break_the_page() -> None:
    metrics = Metrics(FAMILY_ONLY)
    metrics.task_started("\ud800", {})
    assert b'luigi_task_started_total{family="?"} 1.0' in metrics.render()[0]
