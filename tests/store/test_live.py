"""The durable copy on each kind of database: what is written comes back as it was, and only a leader writes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from luigiviz.engine.documents import Changes
from luigiviz.store.errors import LiveStateRefusedError, LiveStateUnavailableError, LostLeadershipError
from luigiviz.store.live.livestore import LiveStore
from tests.store.conftest import KINDS, PATIENCE, SERVERS, url_of
from tests.support.polling import wait_for

OpenStore = Callable[..., LiveStore]

ODD_TEXTS = (
    "",
    " ",
    "\x00",
    "a\x00b",
    "\x01[1]",
    "\x7f\x1b[0m",
    "\U0001f600 é ∀",
    "'; DROP TABLE luigiviz_task; --",
    "%s %(name)s :name {}",
    "\\u0000",
    "x" * 10_000,
    "\n\r\t\u2028",
)
ODD_VALUES: tuple[Any, ...] = (
    10**30,
    -(10**30),
    2**63,
    float("inf"),
    float("-inf"),
    1e-320,
    0.1,
    True,
    None,
    [],
    {"": {"a": [None, "\x00"]}},
    [1, [2, [3]]],
)


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    return url_of(request.param, request, tmp_path / "live.db")


@pytest.fixture(params=SERVERS)
def shared_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind that several instances can share."""
    return url_of(request.param, request, tmp_path)


@pytest.fixture
def open_store() -> Iterator[OpenStore]:
    """Open stores; they are closed after the test."""
    stores: list[LiveStore] = []

    def start(url: str, *, lead: bool = True, **options: Any) -> LiveStore:
        store = LiveStore(url, **options)
        stores.append(store)
        store.open()
        if lead:
            assert store.try_to_lead()
        return store

    yield start
    for store in stores:
        store.close()


def task(seq: int, task_id: str = "T", **more: Any) -> dict[str, Any]:
    """Make a task's document."""
    return {"seq": seq, "id": task_id, "status": "PENDING", "order": seq, "time": 1.5, "updated": 2.5, **more}


def changes(**parts: Any) -> Changes:
    """Make changes."""
    made = Changes()
    for name, value in parts.items():
        setattr(made, name, value)
    return made


def contents(store: LiveStore) -> dict[str, Any]:
    """All that a store holds."""
    with store.loading() as view:
        tasks = list(view.tasks())
        assert view.count_tasks() == len(tasks)
        return {"tasks": tasks, "workers": view.workers(), "batchers": view.batchers(), "values": view.values()}


class TestWhatIsWritten:
    def test_documents_come_back_as_they_were(self, url: str, open_store: OpenStore) -> None:
        store = open_store(url)
        tasks = [
            task(seq, text, family=text, worker_running=text, expl=text, params={text: text})
            for seq, text in enumerate(ODD_TEXTS, start=1)
        ]
        tasks += [
            task(seq, f"value {seq}", expl=value, params={"value": value}, priority=value)
            for seq, value in enumerate(ODD_VALUES, start=100)
            if not isinstance(value, list | dict | None)
        ]
        tasks += [task(seq, f"any {seq}", expl=value) for seq, value in enumerate(ODD_VALUES, start=200)]
        workers = [
            {"seq": seq, "id": text, "started": 1.0, "last_active": 2.0, "info": {text: text}}
            for seq, text in enumerate(ODD_TEXTS, start=1)
        ]
        batchers = [
            {"seq": seq, "worker": text, "families": {text: [[text], float("inf")]}}
            for seq, text in enumerate(ODD_TEXTS, start=1)
        ]
        values = {"resources": {"edits": {text: [10**30, None] for text in ODD_TEXTS}}, "paused": {"paused": True}}
        store.commit(changes(tasks=tasks, workers=workers, batchers=batchers, values=values))
        found = contents(store)
        assert [document for document, _ in found["tasks"]] == tasks
        assert found["workers"] == workers
        assert found["batchers"] == batchers
        assert found["values"] == values

    def test_only_the_dependencies_that_changed_are_written_and_all_come_back_in_order(
        self, url: str, open_store: OpenStore
    ) -> None:
        store = open_store(url)
        odd = tuple(ODD_TEXTS)
        store.commit(changes(tasks=[task(1), task(2), task(3)], edges=[(1, 0, odd, 0), (3, 0, ("a", "b", "c"), 0)]))
        assert [deps for _, deps in contents(store)["tasks"]] == [odd, (), ("a", "b", "c")]
        store.commit(changes(tasks=[task(3)], edges=[(3, 1, ("x",), 3)]))
        assert contents(store)["tasks"][2][1] == ("a", "x")
        store.commit(changes(tasks=[task(3)], edges=[(3, 2, ("y", "z"), 2)]))
        assert contents(store)["tasks"][2][1] == ("a", "x", "y", "z")
        store.commit(changes(tasks=[task(3)], edges=[(3, 0, (), 4)]))
        assert contents(store)["tasks"][2][1] == ()
        store.commit(changes(removed=[1]))
        assert [deps for _, deps in contents(store)["tasks"]] == [(), ()]

    def test_writing_the_same_twice_does_no_harm(self, url: str, open_store: OpenStore) -> None:
        """A commit whose answer got lost is made again, whatever became of it."""
        store = open_store(url)
        store.commit(changes(tasks=[task(1), task(2)], edges=[(2, 0, ("a", "b", "c"), 0)]))
        worker = {"seq": 1, "id": "w", "started": 1.0, "last_active": 2.0}
        again = changes(
            tasks=[task(2, status="DONE"), task(3)],
            edges=[(2, 1, ("z",), 3), (3, 0, ("q",), 0)],
            removed=[1],
            workers=[worker],
            removed_workers=[9],
            batchers=[{"seq": 1, "worker": "w", "families": {}}],
            values={"paused": {"paused": False}},
        )
        store.commit(again)
        once = contents(store)
        store.commit(again)
        assert contents(store) == once
        assert once["tasks"] == [(task(2, status="DONE"), ("a", "z")), (task(3), ("q",))]

    def test_many_tasks_with_and_without_dependencies_find_their_own(self, url: str, open_store: OpenStore) -> None:
        store = open_store(url)
        number = 12_000  # more than are fetched at a time
        written = [(task(seq, f"T{seq}"), tuple(f"T{seq - n}" for n in range(1, seq % 4))) for seq in range(1, number)]
        store.commit(
            changes(tasks=[one for one, _ in written], edges=[(t["seq"], 0, deps, 0) for t, deps in written if deps])
        )
        assert contents(store)["tasks"] == written

    def test_a_commit_is_made_whole_or_not_at_all(self, url: str, open_store: OpenStore) -> None:
        store = open_store(url)
        store.commit(changes(tasks=[task(1)]))
        before = contents(store)
        broken = changes(tasks=[task(1, status="DONE"), task(2)], removed_workers=[1], values={"x" * 41: {1: {2}}})
        with pytest.raises(TypeError):
            store.commit(broken)
        assert contents(store) == before
        store.commit(changes(tasks=[task(2)]))
        assert len(contents(store)["tasks"]) == 2

    @pytest.mark.parametrize("durability", ["full", "normal", "relaxed"])
    def test_each_durability_writes_the_same(self, url: str, open_store: OpenStore, durability: str) -> None:
        store = open_store(url, durability=durability)
        store.commit(changes(tasks=[task(1)]))
        assert contents(store)["tasks"] == [(task(1), ())]


@pytest.mark.mariadb
def test_a_mariadb_that_is_less_durable_than_it_should_be_is_told_of(
    mariadb_url: str, open_store: OpenStore, caplog: pytest.LogCaptureFixture
) -> None:
    open_store(mariadb_url, durability="normal")
    assert "innodb_flush" not in caplog.text
    open_store(mariadb_url, durability="full", lead=False)
    assert "runs with innodb_flush_log_at_trx_commit=0: it has to be 1" in caplog.text


class TestSqlite:
    def test_durability_decides_whether_the_system_is_asked_to_write(
        self, tmp_path: Path, open_store: OpenStore
    ) -> None:
        found = {}
        for durability in ("full", "normal", "relaxed"):
            store = open_store(f"sqlite:///{tmp_path}/{durability}.db", durability=durability)
            with store._engine.connect() as connection:
                found[durability] = (
                    connection.exec_driver_sql("PRAGMA synchronous").scalar(),
                    connection.exec_driver_sql("PRAGMA journal_mode").scalar(),
                )
        assert found == {"full": (2, "wal"), "normal": (1, "wal"), "relaxed": (1, "wal")}

    def test_only_one_may_hold_a_file_and_the_next_may_when_it_is_closed(
        self, tmp_path: Path, open_store: OpenStore
    ) -> None:
        url = f"sqlite:///{tmp_path}/live.db"
        first = open_store(url)
        with pytest.raises(LiveStateRefusedError, match="only one luigiviz"):
            open_store(url)
        first.close()
        open_store(url)

    def test_a_commit_of_an_earlier_lead_is_refused(self, tmp_path: Path, open_store: OpenStore) -> None:
        store = open_store(f"sqlite:///{tmp_path}/live.db")
        before = store.epoch
        store.commit(changes(tasks=[task(1)]), before)
        assert store.try_to_lead()
        with pytest.raises(LostLeadershipError):
            store.commit(changes(tasks=[task(2)]), before)
        store.commit(changes(tasks=[task(3)]), store.epoch)
        assert [document["seq"] for document, _ in contents(store)["tasks"]] == [1, 3]


class TestLease:
    """Several instances on one database."""

    def test_the_first_leads_and_others_learn_who_does(self, shared_url: str, open_store: OpenStore) -> None:
        open_store(shared_url, address="http://first.example")
        second = open_store(shared_url, lead=False)
        assert not second.try_to_lead()
        leader = second.leader()
        assert leader is not None
        assert leader.address == "http://first.example"
        with pytest.raises(LostLeadershipError):
            second.commit(changes(tasks=[task(1)]))

    def test_a_leader_that_gives_no_sign_of_life_is_replaced_and_cannot_write_any_more(
        self, shared_url: str, open_store: OpenStore
    ) -> None:
        first = open_store(shared_url)
        first.commit(changes(tasks=[task(1)]))
        second = open_store(shared_url, lead=False, lease_seconds=0.3)
        wait_for(second.try_to_lead, "the second to lead")
        with pytest.raises(LostLeadershipError):
            first.commit(changes(tasks=[task(2)]))
        with pytest.raises(LostLeadershipError):
            first.keep_leading()
        second.commit(changes(tasks=[task(3)]))
        assert [document["seq"] for document, _ in contents(second)["tasks"]] == [1, 3]
        # It may come back, as one that stands by.
        first.step_down()
        assert not first.try_to_lead()

    def test_a_leader_that_falls_asleep_in_the_middle_of_a_commit_is_replaced_and_has_written_nothing(
        self, shared_url: str, open_store: OpenStore
    ) -> None:
        first = open_store(shared_url, lease_seconds=0.3)
        second = open_store(shared_url, lead=False, lease_seconds=0.3)
        is_asleep, may_wake = threading.Event(), threading.Event()
        errors: list[Exception] = []

        class Sleepy(list[dict[str, Any]]):
            def __iter__(self) -> Iterator[dict[str, Any]]:
                is_asleep.set()
                may_wake.wait(PATIENCE)
                return super().__iter__()

        def commit() -> None:
            try:
                first.commit(changes(tasks=[task(1)], workers=Sleepy()))
            except (LostLeadershipError, LiveStateUnavailableError) as error:
                errors.append(error)

        sleeper = threading.Thread(target=commit)
        sleeper.start()
        assert is_asleep.wait(PATIENCE)
        try:
            wait_for(second.try_to_lead, "the second to lead", timeout=PATIENCE)
        finally:
            may_wake.set()
            sleeper.join()
        assert len(errors) == 1
        second.commit(changes(tasks=[task(2)]))
        with pytest.raises(LostLeadershipError):
            first.commit(changes(tasks=[task(3)]))
        assert [document["seq"] for document, _ in contents(second)["tasks"]] == [2]

    def test_a_leader_stays_as_long_as_it_gives_signs_of_life(
        self, shared_url: str, open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock = [0.0]
        monkeypatch.setattr("luigiviz.store.live.livestore.time", SimpleNamespace(monotonic=lambda: clock[0]))
        first = open_store(shared_url)
        second = open_store(shared_url, lead=False, lease_seconds=10)
        for _ in range(5):
            assert not second.try_to_lead()
            clock[0] += 6
            assert not second.try_to_lead()
            first.keep_leading()
        assert not second.try_to_lead()
        clock[0] += 9.9
        assert not second.try_to_lead()
        clock[0] += 0.1
        assert second.try_to_lead()

    def test_a_leader_that_stops_is_replaced_at_once(self, shared_url: str, open_store: OpenStore) -> None:
        first = open_store(shared_url)
        second = open_store(shared_url, lead=False, lease_seconds=3600)
        assert not second.try_to_lead()
        first.close()
        assert second.try_to_lead()

    def test_a_leader_that_lost_its_database_for_a_while_need_not_wait_for_its_own_lease(
        self, shared_url: str, open_store: OpenStore
    ) -> None:
        first = open_store(shared_url, lease_seconds=3600)
        second = open_store(shared_url, lead=False, lease_seconds=3600)
        before = first.epoch
        assert not second.try_to_lead()
        assert first.try_to_lead()
        with pytest.raises(LostLeadershipError):
            first.commit(changes(tasks=[task(1)]), before)
        first.commit(changes(tasks=[task(2)]), first.epoch)
        assert not second.try_to_lead()
        assert [document["seq"] for document, _ in contents(first)["tasks"]] == [2]

    def test_of_many_that_try_at_once_one_leads(self, shared_url: str, open_store: OpenStore) -> None:
        stores = [open_store(shared_url, lead=False) for _ in range(6)]
        barrier = threading.Barrier(len(stores))
        leading: list[bool] = []

        def try_to_lead(store: LiveStore) -> None:
            barrier.wait()
            leading.append(store.try_to_lead())

        threads = [threading.Thread(target=try_to_lead, args=(store,)) for store in stores]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(leading) == [False] * 5 + [True]

    def test_connections_that_were_cut_are_made_anew_and_leave_nothing_open(
        self, shared_url: str, open_store: OpenStore
    ) -> None:
        store = open_store(shared_url)
        handles = []
        for seq in range(1, 5):
            store.commit(changes(tasks=[task(seq)]))
            store.keep_leading()
            handles.append(sum(1 for _ in Path("/proc/self/fd").iterdir()))
            store.break_off("no answer")
            with pytest.raises(LiveStateUnavailableError, match="no answer"):
                store.commit(changes(tasks=[task(100)]))
            store.open()
        assert len(set(handles)) == 1
        assert [document["seq"] for document, _ in contents(store)["tasks"]] == [1, 2, 3, 4]

    def test_a_database_that_is_not_there_is_waited_for(self, tmp_path: Path) -> None:
        store = LiveStore(f"postgresql+psycopg://nobody@/nothing?host={tmp_path}")
        with pytest.raises(LiveStateUnavailableError):
            store.open()
        store.close()
