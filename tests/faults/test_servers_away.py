"""PostgreSQL and MariaDB go away or fall asleep, and come back."""

from __future__ import annotations

import pytest
from sqlalchemy import make_url

from tests.conftest import ServerFactory
from tests.faults.load import Client, Load, finish
from tests.faults.looking import CONFIG, check_log, load, wait_until_ready
from tests.support.database import DatabaseServer
from tests.support.server import ServerProcess


@pytest.fixture(
    params=[
        pytest.param("own_postgres", marks=pytest.mark.postgres, id="postgres"),
        pytest.param("own_mariadb", marks=pytest.mark.mariadb, id="mariadb"),
    ]
)
def own_server(request: pytest.FixtureRequest) -> DatabaseServer:
    """A database server of the test's own, of each kind."""
    server: DatabaseServer = request.getfixturevalue(request.param)
    return server


def check_that_nothing_is_lost(server: ServerProcess, url: str, clients: list[Client]) -> None:
    """Check, once a server is back from one fault, that all that was acknowledged is there and goes on."""
    wait_until_ready(server)
    found = load(url)
    for client in clients:
        client.verify(found)
    check_log(server, troubles=1)
    finish(clients, server.port)
    server.stop()


@pytest.mark.parametrize("how", ["fast", "immediate"])
def test_calls_are_refused_while_the_database_is_away_and_all_that_was_acknowledged_is_there_later(
    own_server: DatabaseServer, how: str, server_factory: ServerFactory, clients: list[Client]
) -> None:
    with own_server.database() as url:
        server = server_factory(CONFIG, args=["--database-url", url])
        running = Load(clients, server.port)
        running.wait_for_answers(200)
        own_server.halt(how)
        running.join()
        assert server.get("/healthz").status == 200
        assert server.get("/readyz").status == 503
        own_server.start()
        assert any(client.refused for client in clients)
        check_that_nothing_is_lost(server, url, clients)


def test_calls_are_refused_while_the_database_is_asleep_and_all_that_was_acknowledged_is_there_later(
    own_server: DatabaseServer, server_factory: ServerFactory, clients: list[Client]
) -> None:
    with own_server.database() as url:
        # Connecting to a sleeper takes as long as it may.
        impatient = make_url(url).update_query_dict({"connect_timeout": "1"}).render_as_string(hide_password=False)
        server = server_factory(CONFIG, args=["--database-url", impatient], env={"LUIGIVIZ_LEASE_SECONDS": "1"})
        running = Load(clients, server.port)
        running.wait_for_answers(200)
        with own_server.asleep():
            running.join()
            assert server.get("/healthz").status == 200
            assert server.get("/readyz").status == 503
            assert "no answer for 6 s" in server.get("/tasks").text
        assert all(client.refused for client in clients)
        check_that_nothing_is_lost(server, url, clients)
