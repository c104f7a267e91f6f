"""Fixtures that all tests share: real servers, databases and browsers, each made only when asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from tests.support.mariadb import MariaDBServer
from tests.support.postgres import PostgresServer
from tests.support.requirements import (
    find_chromium,
    find_dot,
    find_haproxy,
    find_mariadb,
    find_nginx,
    find_postgres,
    require,
)
from tests.support.server import ServerProcess

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


class ServerFactory(Protocol):
    """What ``server_factory`` is."""

    def __call__(
        self,
        config: str = "",
        *,
        args: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        folder: Path | None = None,
        port: int = 0,
    ) -> ServerProcess:
        """Start a server on ``config`` (the text of a luigi.cfg), in a new folder or in that of an earlier server."""
        ...


@pytest.fixture(scope="session")
def require_dot() -> Path:
    """Graphviz's ``dot``, for tests that draw."""
    return require(find_dot(), "Graphviz's dot", "graphviz")


@pytest.fixture(scope="session")
def require_chromium() -> Path:
    """A Chromium, for tests that look at pages."""
    return require(find_chromium(), "Chromium", "chromium")


@pytest.fixture(scope="session")
def require_haproxy() -> Path:
    """HAProxy, for tests of `make proxies`: as a package it may start a service, so it is left to people."""
    return require(find_haproxy(), "HAProxy", "haproxy", "install it for `make proxies`")


@pytest.fixture(scope="session")
def require_nginx() -> Path:
    """nginx, as ``require_haproxy``."""
    return require(find_nginx(), "nginx", "nginx-light", "install it for `make proxies`")


@pytest.fixture(scope="session")
def require_postgres() -> Path:
    """The folder of PostgreSQL's server programs."""
    return require(find_postgres(), "PostgreSQL's server", "postgresql")


@pytest.fixture(scope="session")
def require_mariadb() -> Path:
    """The folder of MariaDB's server program."""
    return require(find_mariadb(), "MariaDB's server", "mariadb-server-core mariadb-client-core")


@pytest.fixture
def server_factory(tmp_path: Path) -> Iterator[ServerFactory]:
    """Start real ``luigiviz serve`` processes on free ports; they are stopped after the test."""
    servers: list[ServerProcess] = []

    def start(
        config: str = "",
        *,
        args: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        folder: Path | None = None,
        port: int = 0,
    ) -> ServerProcess:
        place = folder or tmp_path / f"server-{len(servers) + 1}"
        server = ServerProcess(place, config, args=args, env=env, port=port)
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(scope="session")
def postgres_server(require_postgres: Path) -> Iterator[PostgresServer]:
    """One PostgreSQL server for the whole test session."""
    server = PostgresServer(require_postgres)
    yield server
    server.stop()


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The SQLAlchemy URL of an empty PostgreSQL database of the test's own."""
    with postgres_server.database() as url:
        yield url


@pytest.fixture(scope="session")
def mariadb_server(require_mariadb: Path) -> Iterator[MariaDBServer]:
    """One MariaDB server for the whole test session."""
    server = MariaDBServer(require_mariadb)
    yield server
    server.stop()


@pytest.fixture
def mariadb_url(mariadb_server: MariaDBServer) -> Iterator[str]:
    """The SQLAlchemy URL of an empty MariaDB database of the test's own."""
    with mariadb_server.database() as url:
        yield url


@pytest.fixture(scope="session")
def browser(require_chromium: Path) -> Iterator[Browser]:
    """One Chromium for the whole test session."""
    from tests.support.browser import launch

    with launch(require_chromium) as chromium:
        yield chromium


@pytest.fixture
def browser_page(browser: Browser) -> Iterator[Page]:
    """A fresh page; a script error on it, or a violation of the content security policy, fails the test at its end."""
    from tests.support.browser import watch

    context = browser.new_context()
    page = context.new_page()
    problems = watch(page)
    yield page
    context.close()
    assert not problems, f"the page had errors: {problems}"
