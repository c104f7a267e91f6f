"""PostgreSQL is away at the start, or loses connections in the middle of commits."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import psycopg
import pytest

from tests.conftest import ServerFactory
from tests.faults.load import Client, Load, finish
from tests.faults.looking import CONFIG, check_log, load, wait_until_ready
from tests.faults.switch import Line
from tests.support.postgres import PostgresServer

pytestmark = pytest.mark.postgres


@pytest.fixture
def url(own_postgres: PostgresServer) -> Iterator[str]:
    """The test's database."""
    with own_postgres.database() as url:
        yield url


def test_a_server_waits_for_a_database_that_is_away_when_it_starts(
    own_postgres: PostgresServer, url: str, server_factory: ServerFactory
) -> None:
    own_postgres.halt()
    server = server_factory(CONFIG, args=["--database-url", url])
    refusal = server.request("/api/ping", data=b'data={"worker": "w"}')
    assert refusal.status == 503
    assert refusal.json()["error"]["code"] == "unavailable"
    own_postgres.start()
    wait_until_ready(server)
    check_log(server, troubles=1)


def test_connections_that_the_database_ends_again_and_again_lose_nothing(
    own_postgres: PostgresServer, url: str, server_factory: ServerFactory, clients: list[Client]
) -> None:
    server = server_factory(CONFIG, args=["--database-url", url])
    ends = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname NOT IN ('postgres')"
    with psycopg.connect(host=str(own_postgres.folder), user="luigiviz", dbname="postgres", autocommit=True) as other:
        for _ in range(3):
            running = Load(clients, server.port)
            for _ in range(15):
                if running.has_stopped:
                    break
                other.execute(ends)
                running.wait_for_some_answers(5)
            running.stop()
            wait_until_ready(server)
            found = load(url)
            for client in clients:
                client.verify(found)
    assert "Traceback" not in server.output
    finish(clients, server.port)


def test_a_line_that_is_cut_in_the_middle_of_commits_loses_nothing(
    own_postgres: PostgresServer, url: str, server_factory: ServerFactory, clients: list[Client]
) -> None:
    def connect() -> socket.socket:
        database = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        database.connect(str(own_postgres.folder / ".s.PGSQL.5432"))
        return database

    line = Line(connect)
    name = url.partition("@/")[2].partition("?")[0]
    through_line = f"postgresql+psycopg://luigiviz@127.0.0.1:{line.port}/{name}"
    server = server_factory(CONFIG, args=["--database-url", through_line])
    for _ in range(3):
        running = Load(clients, server.port)
        for _ in range(15):
            if running.has_stopped:
                break
            line.cut()
            running.wait_for_some_answers(5)
        running.stop()
        wait_until_ready(server)
        found = load(url)
        for client in clients:
            client.verify(found)
    assert "Traceback" not in server.output
    finish(clients, server.port)
    assert server.stop() == 0
    line.close()
