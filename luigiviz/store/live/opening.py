"""Makes the tables of the live state ready when a program starts, or says why it must not start on them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, Engine, inspect, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from luigiviz.store.database import is_memory
from luigiviz.store.errors import LiveStateRefusedError, LiveStateUnavailableError
from luigiviz.store.live import schema
from luigiviz.store.live.diagnosis import RESTORE, diagnose
from luigiviz.store.mysql import DIALECTS

if TYPE_CHECKING:
    from alembic.config import Config

logger = logging.getLogger(__name__)

#: The newest of ``store/migrations/versions``. Written down here, so that a start without upgrade needs no alembic.
HEAD = "0001"
MIGRATIONS = Path(__file__).parent.parent / "migrations"

#: Seconds that an instance waits while another one upgrades.
_PATIENCE = 60
#: Names our advisory lock on a PostgreSQL server; any number that nobody else uses.
_LOCK_NUMBER = 7_306_080_582
_LOCK_NAME = "luigiviz_schema"
#: SQLite files up to this size are read through at every start, which takes no noticeable time. Larger ones are read
#: when the state is loaded, where damage is noticed as well, and by ``luigiviz check``.
_QUICK_CHECK_BYTES = 16 * 1024 * 1024
#: With so many bytes an SQLite file begins.
_HEADER_BYTES = 100


def upgrade_schema(engine: Engine) -> None:
    """Make the tables in an empty database, bring older ones up to date, and look whether the file is sound.

    Instances that start at the same time wait for each other. Tables of others in the same database are left alone.

    Raises:
        LiveStateRefusedError: The database is damaged, comes from a newer program, or may not be used by us.
        LiveStateUnavailableError: It does not answer.
    """
    file = sqlite_file(engine.url)
    try:
        is_new = file is not None and _is_new(file)
    except OSError as error:
        raise LiveStateRefusedError(f"{file} cannot be used: {error.strerror}") from error
    try:
        with engine.connect() as connection:
            if file is not None and not is_new:
                _check_soundness(connection, file)
            version = _read_version(connection)
        if version != HEAD:
            _upgrade(engine)
    except (DBAPIError, PoolTimeoutError) as error:
        if file is not None and is_new:
            _take_back(file)
        raise diagnose(engine, error) from error


def sqlite_file(url: URL) -> Path | None:
    """Return the file of an SQLite database; None for other databases, and for one in memory."""
    if url.get_backend_name() != "sqlite" or is_memory(url) or not url.database or url.database.startswith("file:"):
        return None
    return Path(url.database)


# Files


def _is_new(file: Path) -> bool:
    """Tell whether there is no file yet. A file that has lost its content, or was lost itself, is refused."""
    try:
        size = file.stat().st_size
    except FileNotFoundError:
        log = file.with_name(file.name + "-wal")
        if log.exists() and log.stat().st_size:
            # SQLite would throw the log away, and begin anew.
            raise LiveStateRefusedError(
                f"{file} is missing, but the log that belongs to it is there ({log.name}). {RESTORE}"
            ) from None
        return True
    if size < _HEADER_BYTES:
        # To SQLite this is a new database; to us it is one that was lost.
        raise LiveStateRefusedError(
            f"{file} is empty ({size} bytes), which a database never is: a copy was interrupted, perhaps. {RESTORE}"
        )
    return False


def _check_soundness(connection: Connection, file: Path) -> None:
    if file.stat().st_size > _QUICK_CHECK_BYTES:
        return
    found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
    if found != "ok":
        message = " ".join(str(found).split())
        raise LiveStateRefusedError(f"{file} is damaged: {message}. {RESTORE}")


def _take_back(file: Path) -> None:
    """Remove a file that we made, and that got no content, so that the next start does not take it for a lost one."""
    try:
        if file.stat().st_size == 0:
            file.unlink()
    except OSError as error:
        logger.info("%s, which holds nothing, could not be removed: %s", file, error.strerror)


# Versions


def _read_version(connection: Connection) -> str | None:
    if not inspect(connection).has_table(schema.VERSION_TABLE):
        return None
    version: str | None = connection.scalar(text(f"SELECT version_num FROM {schema.VERSION_TABLE}"))
    return version


def _upgrade(engine: Engine) -> None:
    logging.getLogger("alembic").setLevel(logging.WARNING)  # what it does is said by us, in one line
    # Imported late: a start that has nothing to upgrade is quicker without.
    from alembic import command
    from alembic.script import ScriptDirectory

    where = engine.url.render_as_string(hide_password=True)
    config = migrations_config()
    known = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    with _alone(engine) as connection:
        version = _read_version(connection)
        if version == HEAD:
            return  # another instance was quicker
        if version is None:
            _refuse_unversioned(connection, where)
            logger.info("Making the tables of the live state (schema %s) in %s", HEAD, where)
        elif version not in known:
            raise LiveStateRefusedError(
                f"{where} comes from a newer luigiviz: its tables have version {version}, this program knows them up "
                f"to {HEAD}. Start that version or a later one, or restore a backup from before the upgrade"
            )
        else:
            logger.warning("Upgrading %s from schema %s to %s; older programs cannot use it then", where, version, HEAD)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def migrations_config() -> Config:
    """Make alembic's configuration; who uses it puts the connection into ``attributes["connection"]``."""
    from alembic.config import Config

    config = Config()
    # Per cent signs are special to the parser of configuration files that alembic uses.
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _refuse_unversioned(connection: Connection, where: str) -> None:
    """Refuse tables of ours that hold something and have no version; empty ones are left by an interrupted start."""
    present = set(inspect(connection).get_table_names())
    for table in schema.metadata.sorted_tables:
        if table.name in present and connection.execute(select(1).select_from(table).limit(1)).first():
            raise LiveStateRefusedError(
                f"{where} has a table {table.name} with content, but does not say of which version it is "
                f"(in {schema.VERSION_TABLE}). Restore a backup, or use another database"
            )


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """Lend a connection in a transaction during which no other instance upgrades the database."""
    kind = engine.dialect.name
    if kind in DIALECTS:
        with _named_lock(engine) as connection:
            yield connection
        return
    with engine.begin() as connection:
        if kind == "sqlite":
            # The driver would begin transactions at the first change of data only, not of tables.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        elif kind == "postgresql":
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_PATIENCE}s'")
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK_NUMBER})")
        yield connection


@contextmanager
def _named_lock(engine: Engine) -> Iterator[Connection]:
    """Lend a connection that holds MySQL's lock of our name, since its changes of tables know no transaction."""
    arguments: dict[str, Any] = {"name": _LOCK_NAME, "seconds": _PATIENCE}
    with engine.connect() as connection:
        if connection.scalar(text("SELECT GET_LOCK(:name, :seconds)"), arguments) != 1:
            raise LiveStateUnavailableError(f"another instance has been upgrading the database for {_PATIENCE} s")
        try:
            yield connection
            # Before the next one gets the lock, and asks for the version.
            connection.commit()
        finally:
            connection.rollback()
            connection.execute(text("SELECT RELEASE_LOCK(:name)"), arguments)
