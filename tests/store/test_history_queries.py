"""Reading the history: filters, pages and numbers, on every database alike."""

from __future__ import annotations

import pytest

from luigiviz.store.history import History
from luigiviz.store.runs import RunFilter, make_run
from tests.store.conftest import NOON, OpenHistory, event, write


@pytest.fixture
def history(open_history: OpenHistory) -> History:
    """Ten loads, one an hour, every third of which failed; and one fetch that goes on."""
    history = open_history()
    for number in range(10):
        at = NOON + 3600 * number
        params: dict[str, object] = {"n": str(number), "kind": "even" if number % 2 == 0 else "odd"}
        write(
            history,
            event("RUNNING", at, f"Load_{number}", "etl.Load", params, host="h"),
            event("FAILED" if number % 3 == 0 else "DONE", at + number, f"Load_{number}", "etl.Load", params),
        )
    write(history, event("RUNNING", NOON + 36_000, "Fetch(a=b/c)?#é", "Fetch", {"n": "3"}))
    return history


def test_the_newest_event_comes_first(history: History) -> None:
    write(history, event("PENDING", NOON + 40_000, "Load_3", "etl.Load"))
    names = [run.task_id for run in history.recent(limit=3).runs]
    assert names == ["Load_3", "Fetch(a=b/c)?#é", "Load_9"]


def test_pages_follow_each_other_without_gap_or_overlap(history: History) -> None:
    pages = [history.recent(limit=4, offset=offset) for offset in (0, 4, 8, 12)]
    assert [page.total for page in pages] == [11] * 4
    numbers = [run.record_id for page in pages for run in page.runs]
    assert numbers == sorted(numbers, reverse=True)
    assert len(set(numbers)) == 11


def test_a_page_far_beyond_the_end_is_empty(history: History) -> None:
    assert history.recent(offset=10**30).runs == ()


def test_a_period_holds_the_runs_in_which_something_happened(history: History) -> None:
    assert [run.task_id for run in history.recent(since=NOON + 9 * 3600).runs] == ["Fetch(a=b/c)?#é", "Load_9"]
    wanted = RunFilter(since=NOON + 3600, until=NOON + 3 * 3600)
    assert [run.task_id for run in history.find(wanted).runs] == ["Load_2", "Load_1"]


def test_runs_are_found_by_family(history: History) -> None:
    assert history.by_name("etl.Load").total == 10
    assert history.by_name("Load").total == 0


def test_runs_are_found_by_the_last_event(history: History) -> None:
    assert history.find(RunFilter(status="FAILED")).total == 4
    assert history.find(RunFilter(status="RUNNING")).total == 1
    assert history.find(RunFilter(family="etl.Load", status="DONE")).total == 6


def test_runs_are_found_by_a_task_id_with_any_characters(history: History) -> None:
    (run,) = history.by_task_id("Fetch(a=b/c)?#é").runs
    assert run.family == "Fetch"


def test_texts_that_differ_in_little_are_told_apart(open_history: OpenHistory) -> None:
    history = open_history()
    texts = ("Load", "load", "LOAD", "Load ", " Load", "Loäd", "Load\U0001f600", "Load\U0001f601")
    for at, name in enumerate(texts):
        write(history, event("RUNNING", NOON + at, name, name, {"p": name}), event("PENDING", NOON + at, name, name))
    for name in texts:
        (run,) = history.by_task_id(name).runs
        assert (run.task_id, run.family, run.params, run.superseded) == (name, name, {"p": name}, False)
        assert history.by_name(name).runs == history.by_params(name, {"p": name}).runs == (run,)
    assert [(family.family, family.runs) for family in history.families()] == [(name, 1) for name in sorted(texts)]
    history.close()
    again = open_history()
    for at, name in enumerate(texts):
        write(again, event("DONE", NOON + 10, name, name, started=NOON + at))
    assert {run.task_id: run.status for run in again.recent().runs} == dict.fromkeys(texts, "DONE")
    assert again.recent().total == len(texts)


def test_runs_are_found_by_all_of_the_given_parameters(history: History) -> None:
    assert history.by_params("etl.Load", {"kind": "even"}).total == 5
    assert [run.task_id for run in history.by_params("etl.Load", {"kind": "even", "n": 4}).runs] == ["Load_4"]
    assert history.by_params("etl.Load", {"kind": "even", "n": "3"}).total == 0
    assert history.by_params("etl.Load", {}).total == 10


def test_a_record_is_found_by_its_number(history: History) -> None:
    run = history.recent(limit=1).runs[0]
    assert history.by_id(run.record_id) == run


@pytest.mark.parametrize("number", [0, -1, 10**6, 2**63, 10**40])
def test_a_number_that_no_record_has_finds_nothing(history: History, number: int) -> None:
    assert history.by_id(number) is None


def test_families_are_listed_with_their_numbers(history: History) -> None:
    fetch, load = history.families()
    assert (fetch.family, fetch.runs, fetch.done, fetch.failed) == ("Fetch", 1, 0, 0)
    assert (load.family, load.runs, load.done, load.failed) == ("etl.Load", 10, 6, 4)
    assert load.last_event_at == NOON + 9 * 3600 + 9


def test_the_chart_gets_the_latest_runs_oldest_first(history: History) -> None:
    assert [run.run_seconds for run in history.runs_of("etl.Load", limit=3)] == [7.0, 8.0, 9.0]


def test_the_hour_that_summer_time_repeats_makes_no_negative_time(monkeypatch: pytest.MonkeyPatch) -> None:
    import time
    from datetime import datetime

    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        # 02:50 summer time; 15 minutes later the clock says 02:05.
        told = [("RUNNING", datetime(2026, 10, 25, 2, 50)), ("DONE", datetime(2026, 10, 25, 2, 5))]
        run = make_run(1, "t", "f", None, {}, told, superseded=False)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert run.run_seconds == 15 * 60
