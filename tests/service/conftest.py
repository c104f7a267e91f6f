"""Services on real SQLite files, and a store in which a test can make commits wait or fail."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from luigiviz.engine import SchedulerConfig
from luigiviz.engine.documents import Changes
from luigiviz.engine.invariants import check
from luigiviz.engine.restoring import Image, restore
from luigiviz.service import Keeper, Service
from luigiviz.service.commits import Commits
from luigiviz.store.live.livestore import LiveStore

#: Bounds how long a broken test hangs.
PATIENCE = 30.0


class WatchedStore(LiveStore):
    """A real store whose commits are counted, and wait or fail when a test wants them to."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        #: What the commits that were made held.
        self.commits: list[Changes] = []
        #: What the next commits raise instead of being made; None: this one is made.
        self.failures: list[Exception | None] = []
        #: Raised by all commits, if it is set.
        self.failure: Exception | None = None
        #: While this is not set, commits wait.
        self.gate = threading.Event()
        self.gate.set()
        #: How many commits wait or have waited.
        self.arrived = 0

    def commit(self, changes: Changes, epoch: int | None = None) -> None:  # type: ignore[override]
        """Commit, unless the test says otherwise."""
        self.arrived += 1
        assert self.gate.wait(PATIENCE)
        failure = self.failures.pop(0) if self.failures else self.failure
        if failure is not None:
            raise failure
        super().commit(changes, epoch)
        self.commits.append(changes)


class Bench:
    """A service on a store, without a keeper's thread: nothing is written but what calls wait for."""

    def __init__(
        self,
        store: WatchedStore,
        config: SchedulerConfig | None = None,
        resources: dict[str, float] | None = None,
        **options: Any,
    ) -> None:
        self.store = store
        self.service = Service(
            config or SchedulerConfig(pause_enabled=True), resources or {}, store=store, patience=0.0, **options
        )
        self.commits = self.reload()
        store.commits.clear()

    def reload(self) -> Commits:
        """Serve from what the database holds, as a keeper does after a start or a fault."""
        self.store.open()
        assert self.store.try_to_lead()
        scheduler = self.service.new_scheduler()
        with self.store.loading() as view:
            restore(scheduler, Image(view.tasks(), view.workers(), view.batchers(), view.values()))
        check(scheduler)
        self.commits = self.service.prepare(scheduler, self.store)
        self.service.begin(scheduler, self.commits)
        return self.commits

    def call(self, method: str, **arguments: Any) -> Any:
        """Call an RPC method."""
        return self.service.call(method, arguments)

    def add(self, task_id: str, **arguments: Any) -> None:
        """Add a task."""
        self.call("add_task", **{"worker": "w", "task_id": task_id, "family": "F", **arguments})

    def statuses(self) -> dict[str, str]:
        """The status of each task."""
        listed = self.call("task_list", status="", upstream_status="", limit=False)
        return {task_id: task["status"] for task_id, task in listed.items()}


@pytest.fixture
def database(tmp_path: Path) -> str:
    """The URL of an SQLite file that is not there yet."""
    return f"sqlite:///{tmp_path}/live.db"


@pytest.fixture
def store(database: str) -> Iterator[WatchedStore]:
    """A store on that file."""
    store = WatchedStore(database)
    yield store
    store.gate.set()
    store.close()


@pytest.fixture
def bench(store: WatchedStore) -> Bench:
    """A service that serves."""
    return Bench(store)


@pytest.fixture
def keep(store: WatchedStore) -> Iterator[Callable[..., Service]]:
    """Start services that a real keeper keeps in the store."""
    keepers: list[Keeper] = []

    def start(config: SchedulerConfig | None = None, **options: Any) -> Service:
        resources = options.pop("resources", {})
        service = Service(config or SchedulerConfig(), resources, store=store, patience=0.0, **options)
        keeper = Keeper(service, store)
        keepers.append(keeper)
        keeper.open()
        keeper.start()
        assert service.wait_until_serving(PATIENCE)
        return service

    yield start
    for keeper in keepers:
        keeper.close()
