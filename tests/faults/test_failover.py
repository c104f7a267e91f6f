"""Two servers on one database: one leads, the other stands by, and takes over."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol, cast

import luigi.scheduler
import pytest

from tests.conftest import ServerFactory
from tests.e2e.harness import SMILE, Pipeline, Worker
from tests.faults.balancer import Balancer
from tests.faults.rpc import Connection, RefusedError
from tests.faults.switch import Switch
from tests.faults.test_kill import KILLS
from tests.store.conftest import SERVERS, url_of
from tests.support.polling import wait_for
from tests.support.server import ServerProcess

pytestmark = pytest.mark.e2e

LEASE_SECONDS = 2
#: `make torture` tries all of it on MariaDB, too.
_SERVERS = SERVERS if KILLS > 50 else SERVERS[:1]


class Front(Protocol):
    """What stands before the servers and finds the one that leads."""

    url: str

    def close(self) -> None:
        """End it."""


class Pair:
    """Two servers on one database, a switch before them, and a pipeline of Luigi that talks to the switch."""

    def __init__(
        self, start: ServerFactory, url: str, folder: Path, lease_seconds: float, switch: Callable[[list[int]], Front]
    ) -> None:
        self._start = start
        self._url = url
        self._lease_seconds = lease_seconds
        self.servers = [self.start(number) for number in (1, 2)]
        self.switch = switch([server.port for server in self.servers])
        # All that a pipeline needs of a server to begin with is its URL.
        self.pipeline = Pipeline(cast(ServerProcess, self.switch), folder)
        config = folder / "luigi.cfg"
        config.write_text(config.read_text().replace("[core]", "[core]\nrpc-retry-attempts = 100"))

    def start(self, number: int, port: int = 0) -> ServerProcess:
        """Start a server, which leads if nobody does."""
        env = {
            "LUIGIVIZ_LEASE_SECONDS": str(self._lease_seconds),
            "LUIGIVIZ_PUBLIC_URL": f"http://luigi-{number}.example",
        }
        server = self._start(
            "[scheduler]\npause_enabled = true\n", args=["--database-url", self._url], env=env, port=port
        )
        wait_for(
            lambda: "leads" in server.get("/readyz").text or server.get("/readyz").status == 200, "a settled start"
        )
        return server

    def work(self, *options: str) -> Worker:
        """Start a worker of Luigi on the pipeline."""
        arguments = ["--module", "tests.faults.pipeline", "Report", *options]
        folder = self.pipeline.folder
        log = folder / f"worker-{len(self.pipeline.workers) + 1}.log"
        worker = Worker(arguments, folder, log, {})
        self.pipeline.workers.append(worker)
        return worker

    def end(self) -> None:
        """End everything but the servers."""
        self.pipeline.end()
        self.switch.close()


@contextlib.contextmanager
def a_pair(
    start: ServerFactory,
    url: str,
    folder: Path,
    lease_seconds: float = LEASE_SECONDS,
    switch: Callable[[list[int]], Front] = Switch,
) -> Iterator[Pair]:
    """Lend a pair."""
    pair = Pair(start, url, folder, lease_seconds, switch)
    try:
        yield pair
    finally:
        pair.end()


@pytest.fixture(params=_SERVERS)
def shared_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database that several servers can share."""
    return url_of(request.param, request, tmp_path)


@pytest.fixture
def pair(server_factory: ServerFactory, shared_url: str, tmp_path: Path) -> Iterator[Pair]:
    """A pair that replaces its leader soon; the first server leads."""
    with a_pair(server_factory, shared_url, tmp_path / "work") as pair:
        yield pair


def check_runs(pair: Pair, server: ServerProcess) -> None:
    """Check that every task of the pipeline has run once, and is DONE."""
    runs = Counter(entry["task"] for entry in pair.pipeline.events("start"))
    ends = Counter(entry["task"] for entry in pair.pipeline.events("end"))
    assert set(runs.values()) == {1}, runs
    assert ends == runs
    tasks: dict[str, Any] = server.rpc("task_list", status="", upstream_status="")
    assert {task_id: task["status"] for task_id, task in tasks.items()} == dict.fromkeys(
        [*runs, *_wrappers(tasks)], "DONE"
    )


def _wrappers(tasks: dict[str, Any]) -> list[str]:
    return [task_id for task_id, task in tasks.items() if task["name"] == "Report"]


def check_stands_by(server: ServerProcess, leader: str) -> None:
    """Check that a server refuses workers and people, and says who leads."""
    for path in ("/readyz", "/api/ping?data=%7B%22worker%22%3A%22w%22%7D", "/tasks"):
        answer = server.get(path)
        assert answer.status == 503, (path, answer.text)
        assert int(answer.headers["Retry-After"]) > 0
        assert leader in answer.text, (path, answer.text)
    assert server.get("/healthz").status == 200
    with pytest.raises(RefusedError, match="standby"):
        Connection(server.port).call("get_work", {"worker": "w"})


def test_when_the_leader_is_killed_the_other_takes_over_and_no_task_is_lost_or_run_twice(pair: Pair) -> None:
    first, second = pair.servers
    check_stands_by(second, "http://luigi-1.example")
    # Each stays until all is done, whoever does it.
    workers = [pair.work("--workers", "2", "--worker-keep-alive") for _ in range(2)]
    pair.pipeline.wait_for_starts(6)
    first.kill()
    pair.pipeline.wait_for_starts(14)
    third = pair.start(3)
    check_stands_by(third, "http://luigi-2.example")
    for worker in workers:
        worker.wait()
    check_runs(pair, second)
    assert "Traceback" not in second.output


def test_a_leader_that_was_asleep_cannot_write_and_stands_by(pair: Pair) -> None:
    first, second = pair.servers
    worker = pair.work("--workers", "2")
    pair.pipeline.wait_for_starts(4)
    refusals: list[RefusedError] = []

    def pause() -> None:
        try:
            Connection(first.port).call("pause", {})
        except RefusedError as refusal:
            refusals.append(refusal)

    health: list[int] = []

    def check_health() -> None:
        health.append(first.get("/readyz").status)

    os.kill(first.process.pid, signal.SIGSTOP)
    try:
        # The system takes the connection; the server sees it when it wakes up, and believes that it leads.
        sleeping_call = threading.Thread(target=pause)
        sleeping_call.start()
        # As a load balancer that asked meanwhile: it must not be sent anything.
        checks = [threading.Thread(target=check_health) for _ in range(20)]
        for check in checks:
            check.start()
        pair.pipeline.wait_for_starts(10)
        assert second.get("/readyz").status == 200
    finally:
        os.kill(first.process.pid, signal.SIGCONT)
    sleeping_call.join(timeout=30)
    assert [refusal.code for refusal in refusals] == ["standby"]
    for check in checks:
        check.join(timeout=30)
    assert health == [503] * 20
    assert second.rpc("is_paused") == {"paused": False}
    wait_for(lambda: "http://luigi-2.example" in first.get("/readyz").text, "the first server to stand by")
    check_stands_by(first, "http://luigi-2.example")
    assert SMILE in worker.wait()
    check_runs(pair, second)
    assert "Traceback" not in first.output + second.output


def test_a_leader_that_stops_in_order_hands_over_at_once(
    server_factory: ServerFactory, shared_url: str, tmp_path: Path
) -> None:
    with a_pair(server_factory, shared_url, tmp_path / "work", lease_seconds=600) as pair:
        first, second = pair.servers
        first.rpc("add_task", worker="w", task_id="a", family="A")
        assert first.stop() == 0
        # Far sooner than the lease would have ended.
        wait_for(lambda: second.get("/readyz").status == 200, "the other to lead", timeout=60)
        assert list(second.rpc("task_list", status="", upstream_status="")) == ["a"]


def test_luigids_state_is_imported_once_however_long_that_takes(
    server_factory: ServerFactory, shared_url: str, tmp_path: Path
) -> None:
    state = tmp_path / "luigid.pickle"
    number = 25_000
    write_luigids_state(state, number)
    # Reading the file and writing it to the database take several times as long as a lease lasts.
    env = {"LUIGIVIZ_LEASE_SECONDS": "1", "LUIGIVIZ_DATABASE_URL": shared_url}
    config = f"[scheduler]\nstate_path = {state}\n"
    with ThreadPoolExecutor() as both:
        starts = [both.submit(server_factory, config, env=env, folder=tmp_path / name) for name in ("one", "other")]
        servers = [start.result() for start in starts]

    def leaders() -> list[ServerProcess]:
        return [server for server in servers if server.get("/readyz").status == 200]

    wait_for(leaders, "one to lead", timeout=120)
    [leader] = leaders()
    output = "".join(server.output for server in servers)
    assert output.count("Imported luigid's state") == 1
    assert "Stepping down" not in output
    assert leader.rpc("count_pending", worker="w0")["n_pending_tasks"] == number // 20
    leader.kill()
    servers.remove(leader)
    wait_for(leaders, "the other to lead", timeout=60)
    [second] = servers
    assert "Imported" not in second.output
    assert second.rpc("count_pending", worker="w0")["n_pending_tasks"] == number // 20


def write_luigids_state(file: Path, number: int) -> None:
    """Have Luigi's scheduler write a state file with pending tasks of 20 workers."""
    scheduler = luigi.scheduler.Scheduler(state_path=str(file))
    for n in range(number):
        scheduler.add_task(worker=f"w{n % 20}", task_id=f"Task_{n}", family="Task", params={"n": str(n)})
    scheduler.dump()


@pytest.mark.proxies
@pytest.mark.usefixtures("require_haproxy")
def test_behind_the_documented_haproxy_no_task_is_lost_or_run_twice(
    server_factory: ServerFactory, postgres_url: str, tmp_path: Path
) -> None:
    with a_pair(server_factory, postgres_url, tmp_path / "work", switch=Balancer) as pair:
        first, second = pair.servers
        workers = [pair.work("--workers", "2", "--worker-keep-alive") for _ in range(2)]
        pair.pipeline.wait_for_starts(4)
        assert first.stop() == 0
        pair.pipeline.wait_for_starts(10)
        third = pair.start(3, port=first.port)
        check_stands_by(third, "http://luigi-2.example")
        second.kill()
        for worker in workers:
            worker.wait()
        check_runs(pair, third)


def test_leaders_that_are_killed_one_after_the_other_lose_nothing(pair: Pair) -> None:
    for number in range(4):
        leader, other = pair.servers
        wait_for(lambda now=leader: now.get("/readyz").status == 200, "the leader to lead")  # type: ignore[misc]
        leader.rpc("add_task", worker="w", task_id=f"task-{number}", family="A")
        leader.kill()
        pair.servers = [other, pair.start(number + 3)]
    [leader, _] = pair.servers
    wait_for(lambda: leader.get("/readyz").status == 200, "the leader to lead")
    assert list(leader.rpc("task_list", status="", upstream_status="")) == [f"task-{n}" for n in range(4)]
