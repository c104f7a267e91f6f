"""A history database in trouble costs neither a call nor, while there is room, an event."""

from __future__ import annotations

import logging
import math
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from luigiviz.store.errors import DatabaseUrlError, HistoryUnavailableError
from luigiviz.store.history import History
from tests.store.conftest import NOON, PATIENCE, OpenHistory, event, write
from tests.support.polling import wait_for
from tests.support.postgres import PostgresServer

QUICK = (0.01, 0.05)


def _blocked(tmp_path: Path) -> tuple[str, Path]:
    """A database that cannot be opened before a folder in its place is removed."""
    folder = tmp_path / "history.db"
    folder.mkdir()
    return f"sqlite:///{folder}", folder


@pytest.mark.postgres
def test_events_that_come_while_the_database_is_away_are_written_when_it_is_back(
    open_history_at: OpenHistory, postgres_server: PostgresServer, postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    history = open_history_at(postgres_url, back_off=QUICK)
    write(history, event("PENDING", NOON))
    name = postgres_url.split("@/")[1].split("?")[0]
    admin = create_engine(postgres_server.url(), isolation_level="AUTOCOMMIT")
    caplog.clear()
    with admin.connect() as connection:
        connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
        connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"), {"name": name}
        )
        history.record([event("RUNNING", NOON + 1, host="h")])
        wait_for(lambda: history.stats().failures >= 3, "some attempts to fail")
        assert history.stats().in_trouble
        assert not history.flush(0)
        with pytest.raises(HistoryUnavailableError):
            history.recent()
        history.record([event("DONE", NOON + 4)])
        connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true"))
    admin.dispose()
    assert history.flush(PATIENCE)
    (run,) = history.recent().runs
    assert [told.name for told in run.events] == ["PENDING", "RUNNING", "DONE"]
    assert (run.host, run.run_seconds) == ("h", 3.0)
    assert history.stats().dropped == 0
    assert not history.stats().in_trouble
    told = [record for record in caplog.records if record.name.startswith("luigiviz.store")]
    assert len(told) == 2, "one line when the trouble begins, one when it ends"
    assert all(record.exc_info is None and "\n" not in record.getMessage() for record in told)


def test_a_database_that_is_away_at_the_start_gets_its_tables_when_it_comes(
    open_history_at: OpenHistory, tmp_path: Path
) -> None:
    url, folder = _blocked(tmp_path)
    history = open_history_at(url, back_off=QUICK)
    history.record([event("PENDING")])
    wait_for(lambda: history.stats().in_trouble, "an attempt to fail")
    folder.rmdir()
    assert history.flush(PATIENCE)
    assert history.recent().total == 1


def test_tables_that_vanish_are_made_again(open_history: OpenHistory) -> None:
    history = open_history(back_off=QUICK)
    write(history, event("PENDING"))
    with history._engine.begin() as connection:
        for table in ("task_events", "task_parameters", "tasks"):
            connection.execute(text(f"DROP TABLE {table}"))
    write(history, event("RUNNING"))
    assert history.recent().total == 1


def test_records_that_somebody_deletes_are_begun_anew(open_history: OpenHistory) -> None:
    history = open_history()
    write(history, event("PENDING"))
    with history._engine.begin() as connection:
        for table in ("task_events", "task_parameters", "tasks"):
            connection.execute(text(f"DELETE FROM {table}"))
    write(history, event("RUNNING"), event("DONE", NOON + 1))
    (run,) = history.recent().runs
    assert [told.name for told in run.events] == ["RUNNING", "DONE"]


def test_a_full_queue_drops_and_counts_and_says_so_once(
    open_history_at: OpenHistory, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url, folder = _blocked(tmp_path)
    history = open_history_at(url, max_queued=10, back_off=QUICK)
    for number in range(25):
        history.record([event("PENDING", task_id=f"T{number}")])
    assert history.stats().queued == 10
    assert history.stats().dropped == 15
    folder.rmdir()
    assert history.flush(PATIENCE)
    assert history.recent().total == 10
    wait_for(lambda: history.stats().queued == 0, "the queue to be empty")
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 2
    assert "10 events waiting" in errors[0]
    assert "15 events were lost" in errors[1]


@pytest.mark.parametrize("at", [math.inf, math.nan, 1e30, -1e30])
def test_an_event_that_cannot_be_stored_costs_no_other_event(open_history: OpenHistory, at: float) -> None:
    history = open_history()
    write(history, event("PENDING", NOON, "A"), event("PENDING", at, "B"), event("PENDING", NOON, "C"))
    assert {run.task_id for run in history.recent().runs} == {"A", "C"}
    assert (history.stats().written, history.stats().dropped) == (2, 1)


def test_closing_writes_what_is_queued(open_history: OpenHistory) -> None:
    history = open_history()
    history.record(event("PENDING", task_id=f"T{number}") for number in range(500))
    history.close()
    assert open_history().recent().total == 500


def test_closing_while_the_database_is_away_gives_up_in_time_and_counts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    history = History(_blocked(tmp_path)[0], back_off=QUICK)
    history.record([event("PENDING"), event("RUNNING")])
    history.close(timeout=0.1)
    assert history.stats().dropped == 2
    assert "2 events are lost" in caplog.text
    history.record([event("DONE")])
    assert history.stats().dropped == 3


def test_closing_writes_to_a_database_that_comes_back_at_that_moment(
    open_history_at: OpenHistory, tmp_path: Path
) -> None:
    url, folder = _blocked(tmp_path)
    history = open_history_at(url, back_off=(3600.0, 3600.0))
    history.record([event("PENDING"), event("RUNNING")])
    wait_for(lambda: history.stats().in_trouble, "an attempt to fail")
    folder.rmdir()
    history.close()
    assert history.stats().dropped == 0
    assert open_history_at(url).recent().total == 1


@pytest.mark.parametrize("url", ["", "nonsense", "nosuchdb://x", "sqlite:////proc/nowhere/history.db"])
def test_a_url_that_cannot_be_used_is_refused_with_a_reason(url: str) -> None:
    with pytest.raises(DatabaseUrlError):
        History(url)


def test_a_password_is_not_told(open_history_at: OpenHistory, caplog: pytest.LogCaptureFixture) -> None:
    history = open_history_at("postgresql+psycopg://u:s3cret@127.0.0.1:1/x", back_off=QUICK)
    history.record([event("PENDING")])
    wait_for(lambda: history.stats().in_trouble, "an attempt to fail")
    assert "s3cret" not in caplog.text
    assert "s3cret" not in history.safe_url
