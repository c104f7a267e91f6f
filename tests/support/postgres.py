"""A real PostgreSQL server, thrown away after the test session; it listens on a Unix socket only."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict
from urllib.parse import quote

from tests.support.polling import wait_for

_USER = "luigiviz"
#: Durability is for real databases; this one only has to be quick.
_QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "listen_addresses=", "max_connections=60")


class PostgresServer:
    """A throwaway server; ``database()`` lends databases on it."""

    def __init__(self, programs: Path) -> None:
        # Not pytest's own folder: that is closed to the unprivileged user who runs the server when we are root.
        self.folder = Path(tempfile.mkdtemp(prefix="luigiviz-postgres-"))
        self._names = (f"test_{number}" for number in itertools.count(1))
        account = _unprivileged_account()
        if account is not None:
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        data = self.folder / "data"
        initdb = (programs / "initdb", "-D", data, "-U", _USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        options = [part for option in _QUICK for part in ("-c", option)]
        try:
            _run(account, *initdb).check_returncode()
            with (self.folder / "server.log").open("wb") as log:
                self.process = subprocess.Popen(
                    [str(programs / "postgres"), "-D", str(data), "-k", str(self.folder), *options],
                    cwd=self.folder,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    **_become(account),
                )
            wait_for(self._is_ready, "PostgreSQL to take connections", timeout=60)
        except BaseException:
            self.stop()
            raise

    def url(self, database: str = "postgres") -> str:
        """The SQLAlchemy URL of one of its databases."""
        return f"postgresql+psycopg://{_USER}@/{database}?host={quote(str(self.folder), safe='')}"

    @contextmanager
    def database(self) -> Iterator[str]:
        """Make an empty database, lend its URL, and drop it."""
        name = next(self._names)
        self._execute(f"CREATE DATABASE {name}")
        try:
            yield self.url(name)
        finally:
            self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def stop(self) -> None:
        """End the server and remove its files."""
        process: subprocess.Popen[bytes] | None = getattr(self, "process", None)
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGINT)  # PostgreSQL's "fast" shutdown: it waits for no client
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _execute(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(host=str(self.folder), user=_USER, dbname="postgres", autocommit=True) as connection:
            connection.execute(statement.encode())

    def _is_ready(self) -> bool:
        import psycopg

        if self.process.poll() is not None:
            raise AssertionError(f"PostgreSQL ended:\n{(self.folder / 'server.log').read_text()}")
        try:
            self._execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True


def _unprivileged_account() -> pwd.struct_passwd | None:
    """Who runs the server when we are root, which PostgreSQL refuses to run as; None: we do."""
    if os.geteuid() != 0:
        return None
    accounts = {account.pw_name: account for account in pwd.getpwall()}
    return accounts.get("postgres") or accounts["nobody"]


class _Identity(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[int]


def _become(account: pwd.struct_passwd | None) -> _Identity:
    if account is None:
        return {}
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _run(account: pwd.struct_passwd | None, *command: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([str(part) for part in command], cwd="/", capture_output=True, **_become(account))
