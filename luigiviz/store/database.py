"""Opening a database by its URL."""

from __future__ import annotations

import importlib.util
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import QueuePool

from luigiviz.store.errors import DatabaseUrlError

#: Seconds that SQLite waits for another process's lock, and others for a connection.
_PATIENCE = 5

#: URLs without a driver: the module of SQLAlchemy's own choice, and ours where that is not installed.
_DRIVERS = {
    "postgresql": ("psycopg2", "postgresql+psycopg"),
    "mysql": ("MySQLdb", "mysql+pymysql"),
    "mariadb": ("MySQLdb", "mariadb+pymysql"),
}

#: What drivers make connections with, unless the URL says otherwise. Without it a server whose machine or network is
#: gone would be waited for until the system gives the connection up, which takes a quarter of an hour or more.
_LIBPQ: dict[str, int] = {
    "connect_timeout": _PATIENCE,
    "tcp_user_timeout": 10_000,  # milliseconds; Linux only, elsewhere it has no effect
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
}
#: Longer than the locks last that one statement may wait for.
_MYSQL: dict[str, int] = {"connect_timeout": _PATIENCE, "read_timeout": 90, "write_timeout": 90}
_ARGUMENTS = {"psycopg": _LIBPQ, "psycopg2": _LIBPQ, "pymysql": _MYSQL, "mysqldb": _MYSQL}


def open_engine(url: str) -> Engine:
    """Make the SQLAlchemy engine for ``url``; nothing is connected yet.

    URLs that Luigi users have (``postgresql://…``, ``postgres://…``, ``mysql://…``) work with the drivers that
    luigiviz's extras install, too. The folder of an SQLite file is made if it is missing.

    Raises:
        DatabaseUrlError: The URL does not parse, its driver is not installed, or an SQLite file cannot have its folder.
    """
    try:
        parsed = _with_driver(make_url(url))
        engine = create_engine(parsed, **_options(parsed))
    except (ArgumentError, NoSuchModuleError) as error:
        raise DatabaseUrlError(f"not a database URL that can be used: {error}") from error
    except ImportError as error:
        raise DatabaseUrlError(f"the driver for {parsed.drivername} is not installed: {error}") from error
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine, parsed)
    elif engine.driver == "pymysql":
        event.listen(engine, "do_connect", _connect_by_pymysql)
    return engine


def connect_to_read(file: Path) -> sqlite3.Connection:
    """Connect to an SQLite file that is there, by way of its driver, for reading only.

    Not as SQLite's read-only connections do: they leave a log and an index of it behind, as files of whoever read.
    """
    connection = sqlite3.connect(f"file:{quote(str(file))}?mode=rw", uri=True, timeout=_PATIENCE)
    connection.execute("PRAGMA query_only=ON")
    return connection


def is_memory(url: URL) -> bool:
    """Tell whether this is an SQLite database without a file, which all threads share through one connection."""
    return url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:")


def _with_driver(url: URL) -> URL:
    if url.drivername == "postgres":  # what SQLAlchemy 1.3 took, so what old configurations have
        url = url.set(drivername="postgresql")
    usual, ours = _DRIVERS.get(url.drivername, ("", ""))
    if usual and importlib.util.find_spec(usual) is None:
        url = url.set(drivername=ours)
    return url


def _options(url: URL) -> dict[str, Any]:
    backend = url.get_backend_name()
    if is_memory(url):
        # One connection, lent to one thread at a time.
        return {
            "poolclass": QueuePool,
            "pool_size": 1,
            "max_overflow": 0,
            "connect_args": {"check_same_thread": False},
        }
    if backend == "sqlite":
        return {"connect_args": {"timeout": _PATIENCE}}
    options: dict[str, Any] = {"pool_pre_ping": True, "pool_timeout": _PATIENCE}
    arguments = _ARGUMENTS.get(url.get_driver_name(), {})
    options["connect_args"] = {name: value for name, value in arguments.items() if name not in url.query}
    return options


def _connect_by_pymysql(dialect: Any, _record: object, args: Any, arguments: dict[str, Any]) -> Any:
    """Connect; a server that takes the connection and then says nothing is not waited for as a statement's end is."""
    connection = dialect.loaded_dbapi.connect(*args, **arguments | {"read_timeout": arguments["connect_timeout"]})
    connection._read_timeout = arguments["read_timeout"]
    return connection


def _prepare_sqlite(engine: Engine, url: URL) -> None:
    if url.database and not is_memory(url) and not url.database.startswith("file:"):
        try:
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DatabaseUrlError(f"the folder for {url.database} cannot be made: {error}") from error

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: object) -> None:
        # WAL: pages read while the writer writes. A file system that cannot do it answers with the mode it keeps.
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()
