"""Copies of an SQLite database that is in use."""

from __future__ import annotations

import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path

import pytest

from luigiviz.store.backup import back_up
from luigiviz.store.database import open_engine
from luigiviz.store.errors import BackupError
from luigiviz.store.live.opening import upgrade_schema

PAIR = (
    "INSERT INTO luigiviz_worker (seq, worker_id, document) VALUES (?, 'w', ?)",
    "INSERT INTO luigiviz_batcher (seq, worker_id, document) VALUES (?, 'w', ?)",
)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A database with a write-ahead log, as servers have it."""
    file = tmp_path / "state.db"
    engine = open_engine(f"sqlite:///{file}")
    upgrade_schema(engine)
    engine.dispose()
    return file


def url(file: Path) -> str:
    return f"sqlite:///{file}"


def refusal(source: str, target: Path, *, overwrite: bool = False) -> str:
    before = sorted(path.name for path in target.parent.iterdir())
    with pytest.raises(BackupError) as caught:
        back_up(source, target, overwrite=overwrite)
    assert sorted(path.name for path in target.parent.iterdir()) == before
    return str(caught.value)


def test_a_copy_is_of_one_moment_while_others_write(state: Path, tmp_path: Path) -> None:
    begun, stop = threading.Event(), threading.Event()

    def write() -> None:
        with closing(sqlite3.connect(state)) as connection:
            number = 0
            while not stop.is_set():
                number += 1
                for statement in PAIR:
                    connection.execute(statement, (number, "x" * 2000))
                connection.commit()
                if number == 100:
                    begun.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert begun.wait(30)
        copies = [tmp_path / f"copy-{number}.db" for number in range(5)]
        sizes = [back_up(url(state), copy) for copy in copies]
    finally:
        stop.set()
        writer.join()
    assert sizes == [copy.stat().st_size for copy in copies]
    last = 0
    for copy in copies:
        with closing(sqlite3.connect(copy)) as connection:
            counts = [
                connection.execute(f"SELECT count(*), max(seq) FROM {table}").fetchone()
                for table in ("luigiviz_worker", "luigiviz_batcher")
            ]
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert counts[0] == counts[1] == (counts[0][0],) * 2
        assert counts[0][0] >= max(100, last)
        last = counts[0][0]
    assert not [path for path in tmp_path.iterdir() if "copy" in path.name and path not in copies]


def test_a_copy_can_take_the_place_of_the_original(state: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    back_up(url(state), copy)
    engine = open_engine(url(copy))
    upgrade_schema(engine)
    engine.dispose()


def test_a_copy_may_be_read_by_those_who_may_read_the_original(state: Path, tmp_path: Path) -> None:
    state.chmod(0o600)
    back_up(url(state), tmp_path / "copy.db")
    assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600


def test_a_file_is_overwritten_only_if_that_is_wanted(state: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    target.write_text("precious")
    assert "is there already; --force" in refusal(url(state), target)
    assert target.read_text() == "precious"
    back_up(url(state), target, overwrite=True)
    assert target.read_bytes().startswith(b"SQLite format 3")


@pytest.mark.parametrize("overwrite", [False, True])
def test_the_original_is_never_overwritten(state: Path, tmp_path: Path, overwrite: bool) -> None:
    content = state.read_bytes()
    (tmp_path / "link.db").symlink_to(state)
    for target in (state, tmp_path / "link.db"):
        assert "is the database itself" in refusal(url(state), target, overwrite=overwrite)
    assert state.read_bytes() == content


def test_a_damaged_database_gives_no_copy(state: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(state)) as connection:
        connection.executemany(PAIR[0], [(number, "x" * 2000) for number in range(500)])
        connection.commit()
    content = bytearray(state.read_bytes())
    for page in range(20, len(content) // 4096, 10):
        content[page * 4096 : page * 4096 + 100] = b"\xaa" * 100
    state.write_bytes(content)
    (tmp_path / "copies").mkdir()
    assert "damaged" in refusal(url(state), tmp_path / "copies" / "copy.db")


def test_what_cannot_be_copied_is_refused(state: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    assert "there is no database" in refusal(url(tmp_path / "missing.db"), target)
    assert "is a folder" in refusal(url(state), tmp_path)
    with pytest.raises(BackupError, match="No such file"):
        back_up(url(state), tmp_path / "missing" / "copy.db")
    text = tmp_path / "text.db"
    text.write_text("hello " * 100)
    assert "not a database" in refusal(url(text), target)
    assert "in memory" in refusal("sqlite://", target)


@pytest.mark.parametrize(
    ("other", "program"),
    [
        ("postgresql://user:secret@host/db", "pg_dump"),
        ("postgresql+psycopg://user:secret@host/db", "pg_dump"),
        ("mysql+pymysql://user:secret@host/db", "mysqldump"),
        ("mariadb://user:secret@host/db", "mariadb-dump"),
    ],
)
def test_other_databases_have_programs_of_their_own(other: str, program: str, tmp_path: Path) -> None:
    message = refusal(other, tmp_path / "copy.db")
    assert program in message
    assert "secret" not in message
