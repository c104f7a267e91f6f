"""SQLite cannot write for a while: the disk is full, or another process holds the database."""

from __future__ import annotations

import resource
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import pytest

from tests.conftest import ServerFactory
from tests.faults.load import Client, Load, finish
from tests.faults.looking import CONFIG, load, wait_until_ready
from tests.support.polling import wait_for
from tests.support.server import ServerProcess

#: Room for the server's log; the database has grown beyond it when the limit comes.
_LOG_ROOM = 64 * 1024


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the server works."""
    return tmp_path / "server"


@pytest.fixture
def url(folder: Path) -> str:
    """The server's database."""
    return f"sqlite:///{folder}/live.db"


@pytest.fixture
def server(server_factory: ServerFactory, folder: Path, url: str) -> ServerProcess:
    """A server on an SQLite file."""
    return server_factory(CONFIG, args=["--database-url", url], folder=folder)


@pytest.fixture
def clients() -> list[Client]:
    """Workers with work."""
    return [Client(f"w{n}", f"sqlite {n}") for n in range(4)]


@contextmanager
def full_disk(server: ServerProcess) -> Iterator[None]:
    """Let no file of the server grow beyond what its log needs."""
    before = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (_LOG_ROOM, before[1]))
    try:
        yield
    finally:
        if server.process.poll() is None:
            resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, before)


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Hold SQLite's lock for writing, as a backup tool or a shell may."""
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


def break_and_mend(
    server: ServerProcess, url: str, clients: list[Client], trouble: AbstractContextManager[None]
) -> list[str]:
    """Have clients at work run into trouble, which then ends; give back what the log says of it."""
    running = Load(clients, server.port)
    running.wait_for_answers(300)
    said_before = len(server.output.splitlines())
    with trouble:
        running.join()
        assert server.get("/healthz").status == 200
        readiness = server.get("/readyz")
        assert readiness.status == 503
        assert int(readiness.headers["Retry-After"]) > 0
        page = server.get("/")
        assert page.status in (302, 503)
    wait_until_ready(server)
    assert all(client.refused for client in clients)
    found = load(url)
    for client in clients:
        # What SQLite has refused is not there: the refusal was no doubt.
        client.verify(found, may_have_happened=False)
    return server.output.splitlines()[said_before:]


@pytest.mark.parametrize("trouble", ["full disk", "lock"])
def test_calls_are_refused_while_nothing_can_be_written_and_nothing_of_them_is_left(
    server: ServerProcess, folder: Path, url: str, clients: list[Client], trouble: str
) -> None:
    for _ in range(2):
        hindrance = full_disk(server) if trouble == "full disk" else locked(folder / "live.db")
        said = break_and_mend(server, url, clients, hindrance)
        said = [line for line in said if "Refused" not in line]
        assert not any("Traceback" in line for line in said)
        assert sum("ERROR" in line for line in said) <= 2, said
        for client in clients:
            client.refused = 0
    finish(clients, server.port)


def test_a_server_that_is_stopped_while_the_disk_is_full_ends_in_order_and_loses_nothing_acknowledged(
    server: ServerProcess, url: str, clients: list[Client]
) -> None:
    running = Load(clients, server.port)
    running.wait_for_answers(300)
    with full_disk(server):
        running.join()
        assert server.stop() == 0
    found = load(url)
    for client in clients:
        client.verify(found, may_have_happened=False)
    assert "Traceback" not in server.output


def test_a_lock_that_does_not_last_is_waited_out(
    server: ServerProcess, folder: Path, url: str, clients: list[Client]
) -> None:
    running = Load(clients, server.port)
    running.wait_for_answers(100)
    for _ in range(5):
        with locked(folder / "live.db"):
            pass
        running.wait_for_answers(20)
    running.stop()
    assert not any(client.refused for client in clients)
    wait_for(lambda: "ERROR" not in server.output, "no trouble in the log")
    found = load(url)
    for client in clients:
        client.verify(found)
