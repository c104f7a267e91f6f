"""MariaDB goes away or falls asleep, and comes back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import ServerFactory
from tests.faults.load import Client, Load, finish
from tests.faults.looking import CONFIG, check_log, load, wait_until_ready
from tests.support.mariadb import MariaDBServer

pytestmark = pytest.mark.mariadb


@pytest.fixture
def url(own_mariadb: MariaDBServer) -> Iterator[str]:
    """The test's database."""
    with own_mariadb.database() as url:
        yield url


@pytest.fixture
def clients() -> list[Client]:
    """Workers with work."""
    return [Client(f"w{n}", f"mariadb {n}") for n in range(4)]


def test_calls_are_refused_while_the_database_is_away_and_all_that_was_acknowledged_is_there_later(
    own_mariadb: MariaDBServer, url: str, server_factory: ServerFactory, clients: list[Client]
) -> None:
    server = server_factory(CONFIG, args=["--database-url", url])
    running = Load(clients, server.port)
    running.wait_for_answers(200)
    own_mariadb.halt("immediate")
    running.join()
    assert server.get("/healthz").status == 200
    assert server.get("/readyz").status == 503
    own_mariadb.start()
    wait_until_ready(server)
    found = load(url)
    for client in clients:
        client.verify(found)
    check_log(server, troubles=1)
    assert any(client.refused for client in clients)
    finish(clients, server.port)


def test_calls_are_refused_while_the_database_is_asleep_and_all_that_was_acknowledged_is_there_later(
    own_mariadb: MariaDBServer, url: str, server_factory: ServerFactory, clients: list[Client]
) -> None:
    # Connecting to a sleeper takes as long as it may.
    args = ["--database-url", f"{url}&connect_timeout=1"]
    server = server_factory(CONFIG, args=args, env={"LUIGIVIZ_LEASE_SECONDS": "1"})
    running = Load(clients, server.port)
    running.wait_for_answers(200)
    with own_mariadb.asleep():
        running.join()
        assert server.get("/healthz").status == 200
        assert server.get("/readyz").status == 503
        assert "no answer for 6 s" in server.get("/tasks").text
    wait_until_ready(server)
    found = load(url)
    for client in clients:
        client.verify(found)
    check_log(server, troubles=1)
    assert all(client.refused for client in clients)
    finish(clients, server.port)
