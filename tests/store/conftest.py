"""Databases of each kind, and histories in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from luigiviz.store.events import HistoryEvent
from luigiviz.store.history import History

#: Bounds how long a broken test hangs.
PATIENCE = 30.0
#: 2026-11-01 12:00:00 UTC.
NOON = 1_793_534_400.0


#: Servers of databases, for ``params`` of a fixture or ``parametrize``; and all kinds of databases.
SERVERS = (
    pytest.param("postgres", marks=pytest.mark.postgres),
    pytest.param("mariadb", marks=pytest.mark.mariadb),
)
KINDS = ("sqlite", *SERVERS)


def url_of(kind: str, request: pytest.FixtureRequest, file: Path) -> str:
    """The URL of the test's own empty database of one of ``KINDS``; an SQLite file is named ``file``."""
    url: str = f"sqlite:///{file}" if kind == "sqlite" else request.getfixturevalue(f"{kind}_url")
    return url


#: What ``open_history`` and ``open_history_at`` are.
OpenHistory = Callable[..., History]


@pytest.fixture(params=KINDS)
def history_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind that we promise to work on."""
    return url_of(request.param, request, tmp_path / "history.db")


@pytest.fixture
def open_history_at() -> Iterator[OpenHistory]:
    """Open histories by their URLs; they are closed after the test."""
    opened: list[History] = []

    def open_one(url: str, **options: Any) -> History:
        history = History(url, **options)
        opened.append(history)
        return history

    yield open_one
    for history in opened:
        history.close()


@pytest.fixture
def open_history(open_history_at: OpenHistory, history_url: str) -> Callable[..., History]:
    """Open histories in the test's own database, of each kind."""

    def open_one(**options: Any) -> History:
        return open_history_at(history_url, **options)

    return open_one


def event(
    status: str,
    at: float = NOON,
    task_id: str = "Fetch_1",
    family: str = "Fetch",
    params: dict[str, object] | None = None,
    host: str | None = None,
    started: float | None = None,
) -> HistoryEvent:
    """Make an event; most tests care about few of its fields."""
    return HistoryEvent(task_id, family, params or {}, status, host, at, started)


def write(history: History, *events: HistoryEvent) -> None:
    """Record events and wait until they are written."""
    history.record(events)
    assert history.flush(PATIENCE)
