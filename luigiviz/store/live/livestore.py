"""The live state's database: opened, led, read once, and written with every change."""

from __future__ import annotations

import logging
import math
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection, event, make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import PoolProxiedConnection

from luigiviz.store.database import is_memory, open_engine
from luigiviz.store.errors import LiveStateRefusedError, LiveStateUnavailableError, LostLeadershipError
from luigiviz.store.live import loading, schema
from luigiviz.store.live.diagnosis import diagnose, in_one_line
from luigiviz.store.live.filelock import FileLock
from luigiviz.store.live.lease import Fence, Lease, give_sign_of_life, read_lease, take_lease
from luigiviz.store.live.lines import Lines
from luigiviz.store.live.opening import upgrade_schema
from luigiviz.store.live.writing import Changes, Writer
from luigiviz.store.mysql import DIALECTS

logger = logging.getLogger(__name__)

Durability = Literal["full", "normal", "relaxed"]

#: SQLite's ``synchronous``: whether the system is asked to put a commit on the disk before it is answered.
_SQLITE = {"full": "FULL", "normal": "NORMAL", "relaxed": "NORMAL"}
#: Pages of SQLite's log from which on a commit takes it over itself: ``tidy`` comes long before.
_LOG_PAGES = 20_000
#: PostgreSQL's ``synchronous_commit``; without an entry the server's own setting holds.
_POSTGRESQL = {"full": "on", "relaxed": "off"}

#: Writing more tasks and dependencies than this may take longer than a lease lasts.
_LONG = 5_000


@dataclass(frozen=True, slots=True)
class Leader:
    """Who leads: a name for logs, and the address that it gave."""

    name: str
    address: str


class LiveStore:
    """The durable copy of one scheduler's state. Calls may come from several threads, commits from one at a time."""

    def __init__(
        self, url: str, *, durability: Durability = "normal", lease_seconds: float = 10.0, address: str = ""
    ) -> None:
        """Name the database; nothing is opened yet.

        ``address`` tells others where this instance is found while it leads.

        Raises:
            DatabaseUrlError: The URL cannot be used.
        """
        self.url = make_url(url)
        self.lease_seconds = lease_seconds
        self._durability: Durability = durability
        self._address = address
        self._holder = f"{socket.gethostname()} {uuid.uuid4()}"[-200:]
        self._engine = open_engine(url)
        self._is_sqlite = self._engine.dialect.name == "sqlite"
        self._lock = FileLock(Path(self.url.database or "")) if self._is_sqlite and not is_memory(self.url) else None
        self._writer = Writer(self._engine.dialect)
        self._connection: PoolProxiedConnection | None = None
        self._lines = Lines(self._engine) if self.is_shared else None
        #: Whether the commit that is under way may take long.
        self._is_long = False
        #: Why the lines were cut, until the database is opened anew; "" where they were not.
        self._cut_because = ""
        self._fence = Fence(self._engine.dialect) if self.is_shared else None
        #: Counts how often this instance has become the leader; in a shared database, the number of the lease.
        self._epoch: int | None = None
        self._last_epoch = 0
        #: The lease as it was last seen, and since when it has not changed (by our own clock).
        self._seen: Lease | None = None
        self._seen_since = 0.0
        self._guard = threading.Lock()
        driver: Any = self._engine.dialect.loaded_dbapi
        self._driver_error: type[Exception] = driver.Error
        event.listen(self._engine, "connect", self._configure)

    @property
    def is_shared(self) -> bool:
        """Whether several instances may share the database."""
        return not self._is_sqlite

    def describe(self) -> str:
        """Where the state is kept, without passwords."""
        return self.url.render_as_string(hide_password=True)

    def open(self) -> None:
        """Make the database ready: lock it if it is a file, and bring its tables up to date.

        Raises:
            LiveStateRefusedError: Another process holds the file, the database is damaged or too new.
            LiveStateUnavailableError: It does not answer.
        """
        self._cut_because = ""
        if self._lock is not None:
            self._lock.acquire()
            file = Path(self.url.database or "")
            if file.exists() and not os.access(file, os.R_OK | os.W_OK):
                raise LiveStateRefusedError(f"{file} has to be readable and writable for the user who runs luigiviz")
        upgrade_schema(self._engine)
        if self._durability == "full" and self._engine.dialect.name in DIALECTS:
            self._warn_of_the_servers_durability()

    def close(self) -> None:
        """Give up the lead, so that another instance need not wait, and close all connections."""
        if self._epoch is not None and self.is_shared:
            try:
                with self._about_the_lead() as connection:
                    give_sign_of_life(connection, self._epoch, holder="")
            except (SQLAlchemyError, LostLeadershipError) as error:
                logger.info("The lead could not be given up, others will take it in a while: %s", in_one_line(error))
        self._drop_connection()
        self._epoch = None
        self._engine.dispose()
        if self._lock is not None:
            self._lock.release()

    # Leading

    def try_to_lead(self) -> bool:
        """Become the leader if nobody else leads, or gives no sign of life for ``lease_seconds``; tell whether we lead.

        Raises:
            LiveStateUnavailableError: The database does not answer.
        """
        if not self.is_shared:
            self._begin_epoch(self._last_epoch + 1)
            return True
        with self._translated():
            with self._engine.connect() as connection:
                lease = read_lease(connection)
            now = time.monotonic()
            if lease != self._seen:
                self._seen, self._seen_since = lease, now
            # Its own lease an instance need not wait for: what it may have left in a commit has another epoch.
            is_led = lease is not None and lease.holder not in ("", self._holder)
            if is_led and now - self._seen_since < self.lease_seconds:
                return False
            # Another transaction: what one has read at its beginning must not count for what it changes.
            with self._about_the_lead() as connection:
                taken = take_lease(connection, lease, self._holder, self._address)
        if taken is None:
            return False
        self._begin_epoch(taken.epoch)
        return True

    def _begin_epoch(self, epoch: int) -> None:
        # A commit of the epoch before is over first, so what is loaded from now on has it.
        with self._guard:
            self._epoch = self._last_epoch = epoch

    @property
    def epoch(self) -> int | None:
        """A number for the time since we became the leader; None while we are not. It is never used twice."""
        return self._epoch

    def keep_leading(self) -> None:
        """Give a sign of life; to be called several times in ``lease_seconds``.

        Raises:
            LostLeadershipError: Another instance leads.
            LiveStateUnavailableError: The database does not answer.
        """
        if not self.is_shared or self._epoch is None:
            return
        with self._translated(), self._about_the_lead() as connection:
            give_sign_of_life(connection, self._epoch)

    def step_down(self) -> None:
        """Note that this instance leads no more; what it saw of the lease is forgotten."""
        self._drop_connection()
        self._epoch = None
        self._seen = None

    def leader(self) -> Leader | None:
        """Return who led when we last looked; None if nobody did."""
        lease = self._seen
        return Leader(lease.holder, lease.address) if lease is not None and lease.holder else None

    # Reading and writing

    @contextmanager
    def loading(self) -> Iterator[LoadingState]:
        """Lend a view of the whole state at one moment.

        Raises:
            LiveStateUnavailableError: The database does not answer.
            LiveStateRefusedError: It holds something that cannot be read.
        """
        with self._translated(), self._engine.connect() as connection:
            # Who reads keeps nobody from anything, however long it takes.
            for statement in self._limit_silence(0):
                connection.exec_driver_sql(statement)
            yield LoadingState(connection)

    def commit(self, changes: Changes, epoch: int | None = None) -> None:
        """Write changes, all or none. Writing the same ones again does no harm, whatever became of the first try.

        ``epoch`` says to which time of our lead they belong: what was changed in a state that has been given up and
        loaded again meanwhile must not be written into the new one.

        Raises:
            LostLeadershipError: Another instance leads, or that time is over; nothing was written.
            LiveStateUnavailableError: The database did not take them, or did not say whether it did.
        """
        with self._guard, self._translated():
            if self._epoch is None:
                raise LostLeadershipError("this instance does not lead")
            if epoch is not None and epoch != self._epoch:
                raise LostLeadershipError("the state has been loaded again meanwhile")
            connection, first = self._connection, []
            if connection is None:
                connection = self._connection = self._engine.raw_connection()
                first = self._limit_silence(self.lease_seconds)
            self._is_long = len(changes.tasks) + sum(len(deps) for _, _, deps, _ in changes.edges) > _LONG
            try:
                cursor = connection.cursor()
                for statement in first:
                    cursor.execute(statement)
                if self._fence is not None:
                    self._fence.hold(cursor, self._epoch, renew=self._is_long)
                self._writer.write(cursor, changes)
                cursor.close()
                connection.commit()
            except BaseException:
                self._drop_connection()
                raise

    def break_off(self, reason: str) -> None:
        """Have a commit fail that waits for a database server's answer, unless it has very much to write.

        To be called by another thread. All connections are cut: whoever waits for one gets a LiveStateUnavailableError.
        """
        if self._lines is not None and not self._is_long:
            self._cut_because = reason
            self._lines.cut()

    def tidy(self) -> None:
        """Take over the log of an SQLite file into the file itself, while others read and write.

        Raises:
            LiveStateUnavailableError: The file does not take it; the log keeps it.
        """
        if self._is_sqlite:
            with self._translated(), self._engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")

    # Inside

    def _warn_of_the_servers_durability(self) -> None:
        """Say that MySQL does not wait for the disk, if so: one connection cannot ask it to."""
        name = "innodb_flush_log_at_trx_commit"
        with self._translated(), self._engine.connect() as connection:
            flushes = connection.exec_driver_sql(f"SELECT @@{name}").scalar()
        if flushes != 1:
            logger.warning("durability is full, but %s runs with %s=%s: it has to be 1", self.describe(), name, flushes)

    def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            # Whatever is wrong with it: the pool must not lend it again.
            connection.invalidate()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, PoolTimeoutError, self._driver_error) as error:
            if self._cut_because:
                raise LiveStateUnavailableError(f"{self.describe()}: {self._cut_because}") from error
            raise diagnose(self._engine, error) from error

    @contextmanager
    def _about_the_lead(self) -> Iterator[Connection]:
        """Lend a connection in a transaction that changes the lease."""
        with self._engine.begin() as connection:
            for statement in self._limit_silence(self.lease_seconds):
                connection.exec_driver_sql(statement)
            yield connection

    def _limit_silence(self, seconds: float) -> list[str]:
        """Return what has the server end a transaction in which it hears nothing for so long; 0: it waits.

        Else a leader that falls asleep in the middle of a commit, or whose machine dies, keeps others from leading.
        """
        if self._engine.dialect.name == "postgresql":
            return [f"SET idle_in_transaction_session_timeout = {math.ceil(seconds * 1000)}"]
        if getattr(self._engine.dialect, "is_mariadb", False):
            return [f"SET idle_transaction_timeout = {math.ceil(seconds)}"]
        return []  # MySQL has no such thing

    def _configure(self, connection: Any, _record: object) -> None:
        if self._is_sqlite:
            # No commit is to wait for the log to be taken over: ``tidy`` does it, on another thread.
            statement = f"PRAGMA synchronous={_SQLITE[self._durability]}; PRAGMA wal_autocheckpoint={_LOG_PAGES}"
        elif self._engine.dialect.name == "postgresql" and self._durability in _POSTGRESQL:
            statement = f"SET synchronous_commit = {_POSTGRESQL[self._durability]}"
        else:
            return
        cursor = connection.cursor()
        for part in statement.split(";"):
            cursor.execute(part)
        cursor.close()
        if not self._is_sqlite:
            connection.commit()


class LoadingState:
    """The whole state, as documents, while its transaction lasts."""

    def __init__(self, connection: Connection) -> None:
        """Read through a connection."""
        self._connection = connection

    def count_tasks(self) -> int:
        """Return the number of tasks."""
        return loading.count_tasks(self._connection)

    def numbers(self) -> tuple[int, int]:
        """Return the lowest and the highest number of a task, without counting what is between."""
        return loading.task_numbers(self._connection)

    def tasks(self) -> Iterator[tuple[dict[str, Any], tuple[str, ...]]]:
        """Iterate over tasks with the ids of their dependencies, in the order of ``seq``."""
        return loading.load_tasks(self._connection)

    def workers(self) -> list[dict[str, Any]]:
        """Return all workers."""
        return loading.load_documents(self._connection, schema.workers)

    def batchers(self) -> list[dict[str, Any]]:
        """Return all batchers."""
        return loading.load_documents(self._connection, schema.batchers)

    def values(self) -> dict[str, dict[str, Any]]:
        """Return the single values by name."""
        return loading.load_values(self._connection)
