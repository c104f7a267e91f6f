"""Databases that Luigi wrote open as they are, and Luigi can read what we write."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from luigi.db_task_history import Base
from luigi.db_task_history import TaskEvent as LuigiEvent
from luigi.db_task_history import TaskRecord as LuigiRecord
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.orm import Session, sessionmaker

from tests.store.conftest import NOON, OpenHistory, event, write

DUMP = Path(__file__).with_name("luigi_history.sql")

#: The tables of Luigi before version 2.6, in words that every database takes.
OLD_TABLES = (
    "CREATE TABLE tasks (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(128), host VARCHAR(128))",
    "CREATE TABLE task_parameters (task_id INTEGER NOT NULL REFERENCES tasks (id), name VARCHAR(128) NOT NULL,"
    " value VARCHAR(256), PRIMARY KEY (task_id, name))",
    "CREATE TABLE task_events (id INTEGER NOT NULL PRIMARY KEY, task_id INTEGER REFERENCES tasks (id),"
    " event_name VARCHAR(20), ts TIMESTAMP NOT NULL)",
)


@pytest.fixture
def luigi_file(tmp_path: Path) -> Path:
    """The database that Luigi's own scheduler wrote."""
    path = tmp_path / "luigi-task-hist.db"
    connection = sqlite3.connect(path)
    connection.executescript(DUMP.read_text())
    connection.close()
    return path


def _schema(path: Path) -> dict[str, object]:
    connection = sqlite3.connect(path)
    tables = ("tasks", "task_parameters", "task_events")
    columns = {table: connection.execute(f"PRAGMA table_info({table})").fetchall() for table in tables}
    keys = {f"{table} refers": connection.execute(f"PRAGMA foreign_key_list({table})").fetchall() for table in tables}
    indexes = {"indexes": sorted(connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index'"))}
    connection.close()
    return {**columns, **keys, **indexes}


def test_our_tables_are_luigis_tables(open_history_at: OpenHistory, luigi_file: Path, tmp_path: Path) -> None:
    open_history_at(f"sqlite:///{tmp_path}/ours.db").close()
    assert _schema(tmp_path / "ours.db") == _schema(luigi_file)


def test_a_history_that_luigi_wrote_opens_as_it_is(open_history_at: OpenHistory, luigi_file: Path) -> None:
    before = _schema(luigi_file)
    history = open_history_at(f"sqlite:///{luigi_file}")
    scheduled, load, fetch = history.recent().runs
    assert (scheduled.task_id, scheduled.status) == ("Load_2_aa", "PENDING")
    assert (load.family, load.host, load.params, load.status) == ("etl.Load", "build-7", {"n": "1"}, "DONE")
    assert (fetch.params, fetch.status) == ({"date": "2026-11-01", "site": "a&b"}, "DONE")
    assert _schema(luigi_file) == before


def test_of_a_record_with_several_attempts_the_last_one_gives_the_running_time(
    open_history_at: OpenHistory, luigi_file: Path
) -> None:
    (fetch,) = open_history_at(f"sqlite:///{luigi_file}").by_name("Fetch").runs
    assert [told.name for told in fetch.events] == ["PENDING", "RUNNING", "FAILED", "PENDING", "RUNNING", "DONE"]
    assert fetch.run_seconds == pytest.approx(0.131899)
    assert fetch.started == fetch.events[4].at


def test_we_go_on_where_luigi_stopped(open_history_at: OpenHistory, luigi_file: Path) -> None:
    history = open_history_at(f"sqlite:///{luigi_file}")
    write(history, event("RUNNING", NOON, "Load_2_aa", "etl.Load", {"n": "2"}, host="h"))
    assert history.recent().total == 3
    run = history.by_id(3)
    assert run is not None
    assert [told.name for told in run.events] == ["PENDING", "RUNNING"]


def test_times_are_stored_as_local_times_like_luigis(open_history_at: OpenHistory, tmp_path: Path) -> None:
    write(open_history_at(f"sqlite:///{tmp_path}/ours.db"), event("PENDING", NOON + 0.25))
    stored = sqlite3.connect(tmp_path / "ours.db").execute("SELECT ts FROM task_events").fetchone()[0]
    assert stored == datetime.fromtimestamp(NOON + 0.25).isoformat(sep=" ", timespec="microseconds")


def test_an_old_history_gets_the_columns_that_it_lacks(open_history: OpenHistory, history_url: str) -> None:
    engine = create_engine(history_url)
    with engine.begin() as connection:
        for statement in OLD_TABLES:
            if number := {"postgresql": "SERIAL", "mysql": "INTEGER AUTO_INCREMENT"}.get(engine.dialect.name):
                statement = statement.replace("id INTEGER NOT NULL PRIMARY KEY", f"id {number} PRIMARY KEY")
            connection.execute(text(statement))
        connection.execute(text("INSERT INTO tasks (name, host) VALUES ('Old', 'h')"))
        connection.execute(text("INSERT INTO task_parameters (task_id, name, value) VALUES (1, 'p', 'v')"))
        connection.execute(
            text("INSERT INTO task_events (task_id, event_name, ts) VALUES (1, 'DONE', '2015-01-01 00:00:00')")
        )
    history = open_history()
    (old,) = history.by_name("Old").runs
    assert (old.task_id, old.params, old.outcome) == ("", {"p": "v"}, "DONE")
    write(history, event("PENDING", params={"v": "x" * 1000}))
    assert history.by_params("Fetch", {"v": "x" * 1000}).total == 1
    assert any(index["column_names"] == ["task_id"] for index in inspect(engine).get_indexes("tasks"))
    engine.dispose()


@pytest.fixture
def luigi_tables(mariadb_url: str) -> Iterator[sessionmaker[Session]]:
    """The tables that Luigi 3.8 makes on a MariaDB of which nobody has said how it is to be set up."""
    engine = create_engine(mariadb_url)
    Base.metadata.create_all(engine)
    yield sessionmaker(engine)
    engine.dispose()


@pytest.mark.mariadb
def test_tables_that_luigi_made_on_mariadb_are_used_as_they_are(
    luigi_tables: sessionmaker[Session], open_history_at: OpenHistory, mariadb_url: str
) -> None:
    with luigi_tables.begin() as session:
        session.add(
            LuigiRecord(
                task_id="Load_1",
                name="Load",
                host="build-7",
                events=[LuigiEvent(event_name="PENDING", ts=datetime.fromtimestamp(NOON))],
            )
        )
    history = open_history_at(mariadb_url)
    write(history, event("RUNNING", NOON + 5, "Load_1", "Load", host="h"), event("DONE", NOON + 65, "Load_1", "Load"))
    # Luigi's tables take capitals for small letters.
    write(history, event("RUNNING", NOON, "LOAD_1", "LOAD", {"p": "v"}, host="h"))
    (run,) = history.by_task_id("Load_1").runs
    assert (run.host, run.run_seconds, run.superseded) == ("h", 60.0, False)
    (other,) = history.by_params("LOAD", {"p": "v"}).runs
    assert (other.task_id, other.outcome) == ("LOAD_1", "RUNNING")
    assert history.by_params("LOAD", {"p": "V"}).total == 0
    assert [(family.family, family.runs) for family in history.families()] == [("LOAD", 1), ("Load", 1)]
    with luigi_tables() as session:
        told = [[(event.event_name, event.ts) for event in record.events] for record in session.query(LuigiRecord)]
    assert told[0][0] == ("DONE", datetime.fromtimestamp(NOON + 65))


@pytest.mark.mariadb
def test_what_a_table_that_luigi_made_on_mariadb_cannot_hold_costs_no_other_event(
    luigi_tables: sessionmaker[Session], open_history_at: OpenHistory, mariadb_url: str
) -> None:
    history = open_history_at(mariadb_url)
    year_2040 = NOON + 14 * 366 * 86_400
    write(history, event("PENDING", NOON, "A"), event("PENDING", year_2040, "B"), event("PENDING", NOON, "C"))
    write(history, event("PENDING", NOON, "D"), event("PENDING", NOON, "E \U0001f600"))
    assert {run.task_id for run in history.recent().runs} == {"A", "C", "D"}
    assert (history.stats().written, history.stats().dropped) == (3, 2)


@pytest.mark.mariadb
def test_luigi_reads_from_mariadb_what_we_write(open_history_at: OpenHistory, mariadb_url: str) -> None:
    history = open_history_at(mariadb_url)
    write(history, event("RUNNING", NOON + 0.25, "T \U0001f600", params={"n": "é"}, host="h"), event("DONE", NOON + 1))
    engine = create_engine(mariadb_url)
    with Session(engine) as session:
        record = session.query(LuigiRecord).filter(LuigiRecord.task_id == "T \U0001f600").one()
        assert (record.name, record.host, record.parameters["n"].value) == ("Fetch", "h", "é")
        assert [(told.event_name, told.ts) for told in record.events] == [
            ("RUNNING", datetime.fromtimestamp(NOON + 0.25))
        ]
    engine.dispose()
