"""The tables of the live state: made, upgraded, or refused in words that help."""

from __future__ import annotations

import io
import logging
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, event, inspect, text
from sqlalchemy.dialects import mysql
from sqlalchemy.dialects.mysql import LONGTEXT
from sqlalchemy.exc import OperationalError

from luigiviz.store.database import open_engine
from luigiviz.store.errors import LiveStateRefusedError, LiveStateUnavailableError
from luigiviz.store.history import History
from luigiviz.store.live import opening, schema
from luigiviz.store.live.opening import upgrade_schema
from luigiviz.store.migrations import naming
from tests.store.conftest import KINDS, SERVERS, url_of
from tests.support.mariadb import MariaDBServer


@contextmanager
def engine_for(url: str) -> Iterator[Engine]:
    engine = open_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind that we promise to work on."""
    return url_of(request.param, request, tmp_path / "state.db")


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    with engine_for(url) as engine:
        yield engine


@pytest.fixture
def next_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make the program one with another migration, which renames nothing and adds a column."""
    folder = tmp_path / "migrations"
    shutil.copytree(opening.MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "9999_more.py").write_text(
        "import sqlalchemy as sa\n"
        "from alembic import op\n"
        f"revision = '9999'\ndown_revision = '{opening.HEAD}'\n"
        "def upgrade():\n    op.add_column('luigiviz_worker', sa.Column('more', sa.Integer()))\n"
    )
    monkeypatch.setattr(opening, "MIGRATIONS", folder)
    monkeypatch.setattr(opening, "HEAD", "9999")
    return "9999"


def version_of(engine: Engine) -> object:
    with engine.connect() as connection:
        return connection.scalar(text(f"SELECT version_num FROM {schema.VERSION_TABLE}"))


def our_lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.INFO]


def differs(_context: object, _there: object, _wanted: object, found: Any, wanted: Any) -> bool | None:
    """Tell alembic that MySQL has made of a very long TEXT what it should; None: it is to look for itself."""
    is_as_wanted = isinstance(found, LONGTEXT) and wanted.dialect_impl(mysql.dialect()).length == 2**32 - 1
    return False if is_as_wanted else None


def test_migrations_make_the_tables_that_the_code_uses(engine: Engine) -> None:
    upgrade_schema(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={"include_object": naming.is_ours, "compare_type": differs, "version_table": schema.VERSION_TABLE},
        )
        assert compare_metadata(context, schema.metadata) == []


@pytest.mark.mariadb
@pytest.mark.parametrize("driver", ["mysql", "mariadb"])
def test_however_a_mariadb_is_set_up_the_tables_take_any_text_and_tell_case_from_case(
    mariadb_server: MariaDBServer, driver: str
) -> None:
    def definitions(engine: Engine) -> list[str]:
        with engine.connect() as connection:
            return [connection.execute(text(f"SHOW CREATE TABLE {table}")).one()[1] for table in schema.metadata.tables]

    for options in ("", "CHARACTER SET latin1", "CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"):
        with mariadb_server.database(options) as url, engine_for(url.replace("mysql", driver, 1)) as engine:
            upgrade_schema(engine)
            made = definitions(engine)
            assert all("ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin" in table for table in made), made
            with engine.begin() as connection:
                schema.metadata.drop_all(connection)
                schema.metadata.create_all(connection)
            assert definitions(engine) == made


@pytest.mark.mariadb
def test_who_gets_the_lock_for_upgrades_next_sees_what_was_upgraded(mariadb_url: str) -> None:
    seen: list[object] = []
    with engine_for(mariadb_url) as engine, engine_for(mariadb_url) as other:

        def look(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
            if "RELEASE_LOCK" in statement:
                seen.append(version_of(other))

        event.listen(engine, "before_cursor_execute", look)
        upgrade_schema(engine)
    assert seen == [opening.HEAD]


def test_the_version_that_the_code_expects_is_the_newest_migration() -> None:
    assert ScriptDirectory.from_config(opening.migrations_config()).get_current_head() == opening.HEAD


@pytest.mark.parametrize("dialect", ["mysql", "mariadb", "postgresql", "sqlite"])
def test_migrations_have_words_for_every_database(dialect: str) -> None:
    written = io.StringIO()
    context = MigrationContext.configure(
        dialect_name=dialect, opts={"as_sql": True, "output_buffer": written, "literal_binds": True}
    )
    with Operations.context(context):
        for script in reversed(list(ScriptDirectory.from_config(opening.migrations_config()).walk_revisions())):
            script.module.upgrade()
    for table in schema.metadata.sorted_tables:
        assert f"CREATE TABLE IF NOT EXISTS {table.name} (" in written.getvalue()


def test_an_empty_database_gets_its_tables_and_a_second_start_changes_nothing(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    upgrade_schema(engine)
    assert version_of(engine) == opening.HEAD
    assert len(our_lines(caplog)) == 1
    assert "Making the tables" in our_lines(caplog)[0]
    caplog.clear()
    upgrade_schema(engine)
    assert our_lines(caplog) == []


def test_an_older_database_is_upgraded_after_a_line_that_says_so(
    engine: Engine, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    upgrade_schema(engine)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO luigiviz_worker (seq, worker_id, document) VALUES (1, 'w', '{}')"))
    old = opening.HEAD
    newest = request.getfixturevalue("next_version")
    caplog.set_level(logging.INFO)
    upgrade_schema(engine)
    assert version_of(engine) == newest
    assert len(our_lines(caplog)) == 1
    assert f"from schema {old} to {newest}" in our_lines(caplog)[0]
    with engine.connect() as connection:
        assert connection.execute(text("SELECT seq, more FROM luigiviz_worker")).all() == [(1, None)]


def test_a_failing_upgrade_leaves_the_database_as_it_was(
    engine: Engine, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade_schema(engine)
    old = opening.HEAD
    request.getfixturevalue("next_version")
    migration = opening.MIGRATIONS / "versions" / "9999_more.py"
    migration.write_text(migration.read_text() + "    raise ZeroDivisionError\n")
    with pytest.raises(ZeroDivisionError):
        upgrade_schema(engine)
    assert version_of(engine) == old
    if engine.dialect.name != "mysql":  # whose changes of tables know no transaction
        assert "more" not in {column["name"] for column in inspect(engine).get_columns("luigiviz_worker")}


def test_a_database_of_a_newer_program_is_refused(url: str, request: pytest.FixtureRequest) -> None:
    with pytest.MonkeyPatch.context() as newer_program:
        newer_program.setattr(opening, "HEAD", opening.HEAD)
        with engine_for(url) as engine:
            upgrade_schema(engine)
            with engine.begin() as connection:
                connection.execute(text(f"UPDATE {schema.VERSION_TABLE} SET version_num = '9998'"))
    with engine_for(url) as engine:
        with pytest.raises(LiveStateRefusedError, match=r"comes from a newer luigiviz.*9998.*restore a backup"):
            upgrade_schema(engine)
        assert version_of(engine) == "9998"


def test_tables_without_a_version_are_refused_unless_they_hold_nothing(engine: Engine) -> None:
    upgrade_schema(engine)
    with engine.begin() as connection:
        connection.execute(text(f"DROP TABLE {schema.VERSION_TABLE}"))
        connection.execute(text("DROP TABLE luigiviz_lease"))
    upgrade_schema(engine)  # as after an upgrade that was interrupted where tables know no transaction
    assert inspect(engine).has_table("luigiviz_lease")
    with engine.begin() as connection:
        connection.execute(text(f"DELETE FROM {schema.VERSION_TABLE}"))
        connection.execute(text("INSERT INTO luigiviz_value (name, document) VALUES ('paused', '{}')"))
    with pytest.raises(LiveStateRefusedError, match="luigiviz_value with content"):
        upgrade_schema(engine)


@pytest.mark.parametrize("kind", SERVERS)
def test_instances_that_start_together_make_the_tables_once(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    # On an SQLite file there is one instance only: see LiveStore.open.
    url = url_of(kind, request, tmp_path)
    barrier = threading.Barrier(4)
    problems: list[BaseException] = []

    def start() -> None:
        with engine_for(url) as engine:
            barrier.wait()
            try:
                upgrade_schema(engine)
            except BaseException as error:
                problems.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    with engine_for(url) as engine, engine.connect() as connection:
        assert connection.execute(text(f"SELECT version_num FROM {schema.VERSION_TABLE}")).all() == [(opening.HEAD,)]


def test_the_history_may_live_beside_and_is_left_alone(url: str, engine: Engine) -> None:
    History(url).close()
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO tasks (task_id, name) VALUES ('T', 'T')"))
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32))"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('somebody else')"))
    upgrade_schema(engine)
    History(url).close()
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT name FROM tasks")) == "T"
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "somebody else"


def test_a_server_that_is_away_is_told_from_a_database_that_is_refused(tmp_path: Path) -> None:
    url = f"postgresql+psycopg://nobody@/none?host={tmp_path}"
    with engine_for(url) as engine, pytest.raises(LiveStateUnavailableError, match="connection"):
        upgrade_schema(engine)


@pytest.mark.parametrize("kind", SERVERS)
def test_a_database_in_which_no_tables_may_be_made_is_refused(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with engine_for(url_of(kind, request, tmp_path)) as engine:
        come, go = {
            "postgres": ("CREATE ROLE guest LOGIN", "DROP ROLE guest"),
            "mariadb": (f"GRANT SELECT ON {engine.url.database}.* TO guest IDENTIFIED BY ''", "DROP USER guest"),
        }[kind]
        with engine.begin() as connection:
            connection.execute(text(come))
        try:
            guest = engine.url.set(username="guest").render_as_string(hide_password=False)
            with engine_for(guest) as theirs, pytest.raises(LiveStateRefusedError, match="allowed to make"):
                upgrade_schema(theirs)
        finally:
            with engine.begin() as connection:
                connection.execute(text(go))


# Files


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """An SQLite file with a state in it."""
    file = tmp_path / "state.db"
    with engine_for(f"sqlite:///{file}") as engine:
        upgrade_schema(engine)
        with engine.begin() as connection:
            rows = [{"seq": number, "text": "x" * 500} for number in range(1000)]
            connection.execute(text("INSERT INTO luigiviz_worker VALUES (:seq, :text, :text)"), rows)
    assert not file.with_name("state.db-wal").exists()
    return file


def refusal(file: Path) -> str:
    before = file.read_bytes() if file.is_file() else None
    with engine_for(f"sqlite:///{file}") as engine, pytest.raises(LiveStateRefusedError) as caught:
        upgrade_schema(engine)
    assert (file.read_bytes() if file.is_file() else None) == before
    return str(caught.value)


def test_a_torn_file_is_refused(state: Path) -> None:
    content = state.read_bytes()
    for length in (100, 1024, 5000, len(content) // 2, len(content) - 4096):
        state.write_bytes(content[:length])
        message = refusal(state)
        assert "damaged" in message
        assert "luigiviz backup" in message


def test_a_file_with_a_page_of_rubbish_is_refused(state: Path) -> None:
    content = bytearray(state.read_bytes())
    for page in range(2, len(content) // 4096, 29):
        broken = content.copy()
        broken[page * 4096 : page * 4096 + 200] = b"\xaa" * 200
        state.write_bytes(broken)
        assert "is damaged" in refusal(state)


def test_a_file_of_another_kind_is_refused(state: Path) -> None:
    state.write_bytes(b"[luigiviz]\nport = 8082\n" * 100)
    assert "is damaged: file is not a database" in refusal(state)


def test_an_empty_file_is_not_taken_for_a_new_database(state: Path) -> None:
    for length in (99, 1, 0):
        state.write_bytes(state.read_bytes()[:length])
        assert f"is empty ({length} bytes)" in refusal(state)


def test_a_log_without_its_database_is_refused(state: Path) -> None:
    state.rename(state.with_name("state.db-wal"))
    assert "is missing, but the log that belongs to it is there" in refusal(state)


def test_a_folder_in_the_place_of_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state.db").mkdir()
    assert "cannot be used" in refusal(tmp_path / "state.db")


def test_a_start_on_a_full_disk_leaves_nothing_that_the_next_one_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "state.db"

    def fail(_connection: object) -> None:
        file.write_bytes(b"")
        raise OperationalError("PRAGMA", {}, sqlite3.OperationalError("database or disk is full"))

    with engine_for(f"sqlite:///{file}") as engine, monkeypatch.context() as full_disk:
        full_disk.setattr(opening, "_read_version", fail)
        with pytest.raises(LiveStateUnavailableError, match="full"):
            upgrade_schema(engine)
    with engine_for(f"sqlite:///{file}") as engine:
        upgrade_schema(engine)
        assert version_of(engine) == opening.HEAD


def test_alembic_is_not_needed_for_a_start_without_upgrade(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "upgrade", None)
    monkeypatch.setattr(opening, "migrations_config", None)
    with engine_for(f"sqlite:///{state}") as engine:
        upgrade_schema(engine)
