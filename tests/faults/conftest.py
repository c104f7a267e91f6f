"""Every test of faults has the marker ``faults``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.load import Client
from tests.support.mariadb import MariaDBServer
from tests.support.postgres import PostgresServer

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder."""
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.faults)


@pytest.fixture
def own_mariadb(require_mariadb: Path) -> Iterator[MariaDBServer]:
    """A MariaDB server of the test's own, as ``own_postgres``."""
    server = MariaDBServer(require_mariadb, durable=True)
    yield server
    server.stop()


@pytest.fixture
def own_postgres(require_postgres: Path) -> Iterator[PostgresServer]:
    """A PostgreSQL server of the test's own, to be stopped and started; it keeps what it has acknowledged."""
    server = PostgresServer(require_postgres, durable=True)
    yield server
    server.stop()


@pytest.fixture
def clients() -> list[Client]:
    """Workers with work."""
    return [Client(f"w{n}", f"work {n}") for n in range(4)]
