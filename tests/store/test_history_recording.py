"""Events become records: one for each attempt, with what happened in it."""

from __future__ import annotations

import pytest

from luigiviz.store.events import HistoryEvent
from tests.store.conftest import NOON, OpenHistory, event, write


def test_a_run_is_one_record_with_its_events_host_and_parameters(open_history: OpenHistory) -> None:
    history = open_history()
    params: dict[str, object] = {"date": "2026-11-01", "site": "a&b"}
    write(
        history,
        event("PENDING", NOON, params=params),
        event("RUNNING", NOON + 5, params=params, host="build-7"),
        event("DONE", NOON + 65.5, params=params),
    )
    (run,) = history.recent().runs
    assert (run.task_id, run.family, run.host, run.params) == ("Fetch_1", "Fetch", "build-7", params)
    assert [(told.name, told.at) for told in run.events] == [
        ("PENDING", NOON),
        ("RUNNING", NOON + 5),
        ("DONE", NOON + 65.5),
    ]
    assert (run.status, run.outcome) == ("DONE", "DONE")
    assert (run.started, run.finished, run.run_seconds) == (NOON + 5, NOON + 65.5, 60.5)


def test_events_of_one_run_that_come_in_different_batches_are_one_record(open_history: OpenHistory) -> None:
    history = open_history()
    write(history, event("PENDING", NOON))
    write(history, event("RUNNING", NOON + 1, host="h"))
    write(history, event("FAILED", NOON + 3))
    (run,) = history.recent().runs
    assert (run.host, run.status, run.run_seconds) == ("h", "FAILED", 2.0)


def test_each_attempt_is_a_record_of_its_own(open_history: OpenHistory) -> None:
    history = open_history()
    write(history, event("PENDING"), event("RUNNING", NOON + 1), event("FAILED", NOON + 2))
    write(history, event("RUNNING", NOON + 10), event("FAILED", NOON + 13))
    write(history, event("PENDING", NOON + 20), event("RUNNING", NOON + 21), event("DONE", NOON + 26))
    runs = history.by_task_id("Fetch_1").runs
    assert [(run.status, run.run_seconds) for run in runs] == [("DONE", 5.0), ("FAILED", 3.0), ("FAILED", 1.0)]


def test_a_task_that_is_marked_as_done_after_its_failure_keeps_its_failed_attempt(open_history: OpenHistory) -> None:
    history = open_history()
    write(history, event("RUNNING"), event("FAILED", NOON + 1), event("DONE", NOON + 9))
    marked, failed = history.by_task_id("Fetch_1").runs
    assert (failed.status, failed.run_seconds) == ("FAILED", 1.0)
    assert (marked.status, marked.started, marked.run_seconds) == ("DONE", None, None)


def test_a_run_that_never_ended_is_not_given_the_end_of_the_next_one(open_history: OpenHistory) -> None:
    history = open_history()
    write(history, event("RUNNING", NOON), event("RUNNING", NOON + 1000), event("DONE", NOON + 1002))
    second, first = history.by_task_id("Fetch_1").runs
    assert (first.outcome, first.finished, first.run_seconds) == ("LOST", None, None)
    assert (second.outcome, second.run_seconds) == ("DONE", 2.0)


def test_a_run_that_goes_on_is_not_lost(open_history: OpenHistory) -> None:
    history = open_history()
    write(history, event("RUNNING"))
    (run,) = history.recent().runs
    assert (run.outcome, run.finished, run.run_seconds) == ("RUNNING", None, None)


def test_waiting_for_dynamic_dependencies_is_not_running_time(open_history: OpenHistory) -> None:
    history = open_history()
    write(
        history,
        event("PENDING", NOON),
        event("RUNNING", NOON + 1),
        event("PENDING", NOON + 4),  # it asked for further dependencies
        event("RUNNING", NOON + 500),
        event("DONE", NOON + 507),
    )
    (run,) = history.recent().runs
    assert (run.started, run.finished, run.run_seconds) == (NOON + 1, NOON + 507, 10.0)


def test_tasks_that_take_turns_are_kept_apart(open_history: OpenHistory) -> None:
    history = open_history()
    write(history, event("RUNNING", NOON, "A", host="x"), event("RUNNING", NOON + 1, "B", host="y"))
    write(history, event("DONE", NOON + 10, "B"), event("FAILED", NOON + 30, "A"))
    runs = {run.task_id: (run.host, run.status, run.run_seconds) for run in history.recent().runs}
    assert runs == {"A": ("x", "FAILED", 30.0), "B": ("y", "DONE", 9.0)}


def test_the_end_after_a_restart_finds_the_run_that_the_scheduler_knows(open_history: OpenHistory) -> None:
    before = open_history()
    write(before, event("PENDING", NOON), event("RUNNING", NOON + 1.25, host="h"))
    before.close()
    after = open_history()
    write(after, event("DONE", NOON + 11.25, started=NOON + 1.25))
    (run,) = after.recent().runs
    assert (run.host, run.status, run.run_seconds) == ("h", "DONE", 10.0)


def test_an_end_after_a_restart_is_not_put_to_a_run_that_the_scheduler_does_not_know(open_history: OpenHistory) -> None:
    before = open_history()
    write(before, event("RUNNING", NOON))
    before.close()
    after = open_history()
    write(after, event("DONE", NOON + 86_400 * 90))
    done, lost = after.recent().runs
    assert (done.status, done.run_seconds) == ("DONE", None)
    assert (lost.outcome, lost.run_seconds) == ("LOST", None)


def test_a_task_that_was_scheduled_before_a_restart_runs_in_the_same_record(open_history: OpenHistory) -> None:
    before = open_history()
    write(before, event("PENDING", NOON))
    before.close()
    after = open_history()
    write(after, event("RUNNING", NOON + 7), event("DONE", NOON + 9))
    (run,) = after.recent().runs
    assert [told.name for told in run.events] == ["PENDING", "RUNNING", "DONE"]


def test_a_task_that_is_scheduled_again_after_a_restart_begins_a_new_record(open_history: OpenHistory) -> None:
    before = open_history()
    write(before, event("PENDING", NOON))
    before.close()
    after = open_history()
    write(after, event("PENDING", NOON + 86_400))
    assert after.recent().total == 2


def test_a_task_that_was_forgotten_for_want_of_memory_is_found_again(open_history: OpenHistory) -> None:
    history = open_history(remembered_tasks=1)
    write(history, event("PENDING", NOON, "A"))
    write(history, event("PENDING", NOON, "B"))
    write(history, event("RUNNING", NOON + 1, "A"))
    write(history, event("RUNNING", NOON + 1, "B"))
    write(history, event("DONE", NOON + 3, "A", started=NOON + 1))
    assert {run.task_id: run.run_seconds for run in history.recent().runs} == {"A": 2.0, "B": None}


def test_long_names_fit_and_stay_different(open_history: OpenHistory) -> None:
    history = open_history()
    first, second = "x" * 500 + "1", "x" * 500 + "2"
    for name in (first, second):
        write(history, event("RUNNING", NOON, name, name, {name: "v"}, host=name))
    for name in (first, second):
        (run,) = history.by_task_id(name).runs
        assert history.by_name(name).runs == (run,)
        assert history.by_params(name, {name: "v"}).runs == (run,)
        assert (len(run.task_id), len(run.family), len(run.host or "")) == (200, 128, 128)


def test_text_that_databases_refuse_is_replaced(open_history: OpenHistory) -> None:
    history = open_history()
    write(history, event("RUNNING", NOON, "a\0b", "f\0", {"p\0": "v\0\ud800"}, host="h\0"))
    (run,) = history.by_task_id("a\0b").runs
    assert (run.task_id, run.family, run.host) == ("a\ufffdb", "f\ufffd", "h\ufffd")
    assert run.params == {"p\ufffd": "v\ufffd\ufffd"}


def test_values_that_are_no_text_become_text(open_history: OpenHistory) -> None:
    history = open_history()
    values: dict[str, object] = {"n": 3, "flag": True, "none": None, "list": ["a", 1], "map": {"k": "v"}}
    write(history, event("PENDING", params=values))
    (run,) = history.recent().runs
    assert run.params == {"n": "3", "flag": "True", "none": "None", "list": '["a", 1]', "map": '{"k": "v"}'}
    assert history.by_params("Fetch", values).total == 1


def test_a_huge_value_is_cut_and_still_found(open_history: OpenHistory) -> None:
    history = open_history()
    write(history, event("PENDING", params={"v": "é" * 70_000}))
    (run,) = history.by_params("Fetch", {"v": "é" * 70_000}).runs
    assert len(run.params["v"].encode()) <= 65_535
    assert history.by_params("Fetch", {"v": "é" * 70_001}).total == 0


def test_many_events_are_written_in_their_order(open_history: OpenHistory) -> None:
    history = open_history()
    events = [
        event(status, NOON + number, f"T{number}", host="h" if status == "RUNNING" else None)
        for number in range(1500)
        for status in ("PENDING", "RUNNING", "DONE")
    ]
    write(history, *events)
    page = history.recent(limit=10)
    assert page.total == 1500
    assert [run.task_id for run in page.runs] == [f"T{number}" for number in range(1499, 1489, -1)]
    assert all([told.name for told in run.events] == ["PENDING", "RUNNING", "DONE"] for run in page.runs)
    assert history.stats().written == 4500


def test_a_status_that_history_does_not_have_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="DISABLED"):
        HistoryEvent("t", "f", {}, "DISABLED", None, NOON)
