"""Commit before the answer: what waits, what does not, and what a failure leaves behind."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from luigiviz.engine import SchedulerConfig
from luigiviz.service import NotServingError, Phase, Service
from luigiviz.store.errors import LiveStateUnavailableError
from luigiviz.store.events import HistoryEvent
from tests.service.conftest import PATIENCE, Bench, WatchedStore
from tests.support.polling import wait_for

FULL = LiveStateUnavailableError("the disk is full")


class Recorder:
    """A history in memory."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []

    def record(self, events: Any) -> None:
        """Take events over."""
        self.events += [(event.task_id, event.status) for event in events if isinstance(event, HistoryEvent)]


def in_thread(function: Callable[[], object]) -> threading.Thread:
    """Run something beside the test."""
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    return thread


def join(*threads: threading.Thread) -> None:
    """Wait for threads to end."""
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()


class TestWhatWaits:
    def test_an_answer_comes_after_its_commit(self, bench: Bench, database: str) -> None:
        bench.add("a")
        assert [document["id"] for changes in bench.store.commits for document in changes.tasks] == ["a"]

    def test_calls_that_wait_share_a_commit(self, bench: Bench) -> None:
        bench.store.gate.clear()
        first = in_thread(lambda: bench.add("first"))
        wait_for(lambda: bench.store.arrived == 1, "the first commit")
        others = [in_thread(lambda n=n: bench.add(f"task-{n}")) for n in range(12)]  # type: ignore[misc]
        wait_for(lambda: bench.service.overview().total == 13, "all calls to be carried out in memory")
        bench.store.gate.set()
        join(first, *others)
        assert [len(changes.tasks) for changes in bench.store.commits] == [1, 12]

    def test_calls_that_change_nothing_never_commit_and_never_wait_for_one(self, bench: Bench) -> None:
        bench.add("a")
        bench.store.commits.clear()
        bench.store.gate.clear()
        writing = in_thread(lambda: bench.add("b"))
        wait_for(lambda: bench.store.arrived == 2, "a commit that hangs")
        for method, arguments in (
            ("task_list", {"status": "PENDING", "upstream_status": ""}),
            ("task_search", {"task_str": "a"}),
            ("graph", {}),
            ("dep_graph", {"task_id": "a"}),
            ("inverse_dep_graph", {"task_id": "a"}),
            ("fetch_error", {"task_id": "a"}),
            ("worker_list", {}),
            ("resource_list", {}),
            ("count_pending", {"worker": "w"}),
            ("is_paused", {}),
            ("is_pause_enabled", {}),
            ("has_task_history", {}),
            ("get_task_status_message", {"task_id": "a"}),
            ("get_task_progress_percentage", {"task_id": "a"}),
            ("get_running_task_resources", {"task_id": "a"}),
            ("prune", {}),
        ):
            bench.service.call(method, arguments)
        bench.service.overview()
        bench.service.families()
        assert bench.store.arrived == 2
        bench.store.gate.set()
        join(writing)

    def test_a_ping_waits_only_if_it_takes_messages_along(self, bench: Bench) -> None:
        bench.call("add_worker", worker="w", info={"workers": 1})
        bench.store.gate.clear()
        writing = in_thread(lambda: bench.add("b"))
        wait_for(lambda: bench.store.arrived == 2, "a commit that hangs")
        assert bench.call("ping", worker="w") == {"rpc_messages": []}
        bench.store.gate.set()
        join(writing)
        bench.call("set_worker_processes", worker="w", n=3)
        before = len(bench.store.commits)
        assert len(bench.call("ping", worker="w")["rpc_messages"]) == 1
        assert len(bench.store.commits) == before + 1
        bench.reload()
        assert bench.call("ping", worker="w") == {"rpc_messages": []}

    def test_refused_calls_commit_nothing(self, bench: Bench) -> None:
        with pytest.raises(Exception, match="must be"):
            bench.call("add_task", worker="w", task_id="a", status="SLEEPING")
        assert bench.store.arrived == 0

    def test_progress_is_not_waited_for_and_rides_along(self, bench: Bench) -> None:
        bench.add("a")
        bench.commits = bench.reload()
        arrived = bench.store.arrived
        bench.call("set_task_progress_percentage", task_id="a", progress_percentage=40)
        bench.call("set_task_status_message", task_id="a", status_message="halfway")
        assert bench.store.arrived == arrived
        bench.add("b")
        bench.reload()
        assert bench.call("get_task_progress_percentage", task_id="a")["progressPercentage"] == 40
        assert bench.call("get_task_status_message", task_id="a")["statusMessage"] == "halfway"

    def test_what_waits_for_nobody_is_written_by_the_keeper(
        self, store: WatchedStore, keep: Callable[..., Service]
    ) -> None:
        service = keep()
        service.call("add_task", {"worker": "w", "task_id": "a"})
        service.call("set_task_progress_percentage", {"task_id": "a", "progress_percentage": 70})
        wait_for(
            lambda: any(task.get("progress_percentage") == 70 for done in store.commits for task in done.tasks),
            "the progress to be written",
        )


class TestRelaxed:
    def test_answers_do_not_wait_and_what_was_written_later_is_there(self, store: WatchedStore) -> None:
        bench = Bench(store, relaxed=True)
        arrived = store.arrived
        bench.add("a")
        assert store.arrived == arrived
        assert bench.commits.flush(None) is False
        bench.add("b")
        bench.reload()
        assert bench.statuses() == {"a": "PENDING"}


class TestFailures:
    def test_a_change_that_could_not_be_written_is_refused_and_gone(self, bench: Bench) -> None:
        bench.add("a")
        bench.store.failure = FULL
        with pytest.raises(NotServingError, match="the disk is full") as refused:
            bench.add("b")
        assert refused.value.code == Phase.UNAVAILABLE.value
        assert refused.value.retry_after > 0
        # Not even a look is answered from a memory that is ahead of the database.
        with pytest.raises(NotServingError):
            bench.statuses()
        with pytest.raises(NotServingError):
            bench.service.overview()
        bench.store.failure = None
        bench.reload()
        assert bench.statuses() == {"a": "PENDING"}
        bench.add("b")
        assert bench.statuses() == {"a": "PENDING", "b": "PENDING"}

    def test_all_calls_that_share_a_failed_commit_are_refused(self, bench: Bench) -> None:
        bench.store.gate.clear()
        refused: list[str] = []

        def add(task_id: str) -> None:
            try:
                bench.add(task_id)
            except NotServingError:
                refused.append(task_id)

        first = in_thread(lambda: add("first"))
        wait_for(lambda: bench.store.arrived == 1, "the first commit")
        others = [in_thread(lambda n=n: add(f"task-{n}")) for n in range(5)]  # type: ignore[misc]
        wait_for(lambda: bench.service.overview().total == 6, "all calls to be carried out in memory")
        bench.store.failures = [None, FULL]
        bench.store.gate.set()
        join(first, *others)
        assert sorted(refused) == [f"task-{n}" for n in range(5)]
        bench.reload()
        assert bench.statuses() == {"first": "PENDING"}

    def test_trouble_that_passes_is_waited_out(self, store: WatchedStore) -> None:
        bench = Bench(store)
        bench.service._patience = PATIENCE
        bench.reload()
        store.failures = [FULL, FULL, FULL]
        bench.add("a")
        bench.reload()
        assert bench.statuses() == {"a": "PENDING"}

    def test_the_history_hears_of_a_change_once_it_is_safe_and_never_of_one_that_failed(
        self, store: WatchedStore
    ) -> None:
        history = Recorder()
        bench = Bench(store, SchedulerConfig(record_task_history=True), history=history)
        bench.add("a")
        assert history.events == [("a", "PENDING")]
        store.failure = FULL
        with pytest.raises(NotServingError):
            bench.add("b")
        store.failure = None
        bench.reload()
        bench.add("c")
        assert history.events == [("a", "PENDING"), ("c", "PENDING")]

    def test_versions_grow_across_failures_so_that_open_pages_notice(self, bench: Bench) -> None:
        versions = [bench.service.version()]
        bench.add("a")
        versions.append(bench.service.version())
        bench.store.failure = FULL
        with pytest.raises(NotServingError):
            bench.add("b")
        versions.append(bench.service.version())
        bench.store.failure = None
        bench.reload()
        versions.append(bench.service.version())
        assert versions == sorted(set(versions))

    def test_a_mistake_of_ours_gives_the_state_up_too(self, bench: Bench) -> None:
        bench.add("a")
        bench.store.failures = [ValueError("not foreseen")]
        with pytest.raises(NotServingError, match="not foreseen"):
            bench.add("b")
        bench.reload()
        assert bench.statuses() == {"a": "PENDING"}

    def test_what_belongs_to_a_state_that_was_given_up_is_not_written_into_the_next(self, bench: Bench) -> None:
        """A call may be stuck in a commit while the keeper has found trouble, loaded the state, and serves again."""
        bench.add("a")
        bench.store.gate.clear()
        refused: list[NotServingError] = []

        def add() -> None:
            try:
                bench.add("late")
            except NotServingError as error:
                refused.append(error)

        late = in_thread(add)
        wait_for(lambda: bench.store.arrived == 2, "a commit that hangs")
        bench.reload()
        bench.store.gate.set()
        join(late)
        assert [error.code for error in refused] == [Phase.UNAVAILABLE.value]
        assert bench.service.status().is_serving
        bench.add("b")
        bench.reload()
        assert bench.statuses() == {"a": "PENDING", "b": "PENDING"}

    def test_service_resumes_by_itself(self, store: WatchedStore, keep: Callable[..., Service]) -> None:
        service = keep()
        service.call("add_task", {"worker": "w", "task_id": "a"})
        store.failure = FULL
        with pytest.raises(NotServingError):
            service.call("add_task", {"worker": "w", "task_id": "b"})
        arrived = store.arrived
        wait_for(lambda: store.arrived > arrived + 1, "the keeper to try again")
        assert not service.status().is_serving
        store.failure = None
        assert service.wait_until_serving(PATIENCE)
        listed = service.call("task_list", {"status": "", "upstream_status": ""})
        assert list(listed) == ["a"]

    def test_trouble_is_logged_once_however_often_it_is_met(
        self, store: WatchedStore, keep: Callable[..., Service], caplog: pytest.LogCaptureFixture
    ) -> None:
        service = keep()
        caplog.clear()
        store.failure = FULL
        with pytest.raises(NotServingError):
            service.call("add_task", {"worker": "w", "task_id": "b"})
        arrived = store.arrived
        wait_for(lambda: store.arrived > arrived + 2, "the keeper to try again and again")
        store.failure = None
        assert service.wait_until_serving(PATIENCE)
        assert [record.levelname for record in caplog.records if record.levelno >= 40] == ["ERROR"]
        assert not any(record.exc_info for record in caplog.records)


class TestOdd:
    @pytest.mark.parametrize("priority", [10**30, -(10**30), 1e300, 10**400, float("inf"), float("-inf"), 0.1])
    def test_any_priority_can_be_written(self, bench: Bench, priority: float) -> None:
        bench.add("a", priority=priority)
        bench.reload()
        scheduler = bench.service._scheduler
        assert scheduler is not None
        assert scheduler.tasks["a"].priority == priority

    def test_what_is_nested_deeply_comes_back(self, bench: Bench, tmp_path: Path) -> None:
        deep: Any = None
        for _ in range(400):
            deep = [{"deeper": deep}]
        bench.add("a", expl=deep)
        bench.reload()
        assert bench.call("fetch_error", task_id="a")["error"] == deep
