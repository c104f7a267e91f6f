"""Copies an SQLite database while it is in use: what was committed at one moment, in one file."""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

from sqlalchemy import make_url

from luigiviz.store.database import connect_to_read, is_memory
from luigiviz.store.errors import BackupError

#: Programs that copy the databases of servers.
_OTHERS = {"postgresql": "pg_dump", "postgres": "pg_dump", "mysql": "mysqldump", "mariadb": "mariadb-dump"}


def back_up(url: str, target: Path, *, overwrite: bool = False) -> int:
    """Copy the SQLite database at ``url`` into the file ``target``; the program that uses it may go on meanwhile.

    The copy is checked before it gets its name, and may be read by those who may read the original.
    Returns its size in bytes.

    Raises:
        BackupError: There is nothing to copy, it is damaged, there is no room, or ``target`` is there already.
    """
    source = _source(url)
    if target.is_dir():
        raise BackupError(f"{target} is a folder; name a file in it")
    if target.exists():
        if target.samefile(source):
            raise BackupError(f"{target} is the database itself")
        if not overwrite:
            raise BackupError(f"{target} is there already; --force overwrites it")
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        _copy(source, partial)
        size = partial.stat().st_size
        partial.replace(target)
        _write_through(target.parent)
    except sqlite3.Error as error:
        raise BackupError(f"{source} cannot be copied: {error}") from error
    except OSError as error:
        raise BackupError(f"{target} cannot be written: {error.strerror}") from error
    finally:
        for rest in (partial, Path(f"{partial}-journal")):
            rest.unlink(missing_ok=True)
    return size


def _source(url: str) -> Path:
    parsed = make_url(url)
    kind = parsed.get_backend_name()
    if kind != "sqlite":
        program = _OTHERS.get(parsed.drivername.partition("+")[0], "its own tools")
        where = parsed.render_as_string(hide_password=True)
        raise BackupError(f"{where} is no SQLite file: copy it with {program}, which works while the server runs")
    if is_memory(parsed) or not parsed.database:
        raise BackupError("the state is kept in memory only, so there is nothing to copy")
    file = Path(parsed.database)
    if not file.is_file():
        raise BackupError(f"there is no database {file}")
    return file


def _copy(source: Path, partial: Path) -> None:
    mode = stat.S_IMODE(source.stat().st_mode)
    # The state may hold what is not for everybody's eyes.
    os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))
    with (
        closing(connect_to_read(source)) as original,
        closing(sqlite3.connect(partial)) as copy,
    ):
        # All pages in one step: the copy is of one moment, and with a write-ahead log nobody waits for it.
        original.backup(copy)
        # One file, with no log beside it.
        copy.execute("PRAGMA journal_mode=DELETE")
        found = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise BackupError(f"{source} is damaged: {' '.join(found.split())}")
    _write_through(partial)


def _write_through(path: Path) -> None:
    """Have the system put a file, or the names in a folder, on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
