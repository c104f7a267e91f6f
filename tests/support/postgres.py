"""Real PostgreSQL servers, thrown away after the tests; they listen on a Unix socket only."""

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
_OPTIONS = ("listen_addresses=", "max_connections=60")
#: Durability is for real databases; most tests only need a quick one.
_QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
#: How to stop it: both end connections in the middle of what they do; the second lets it not even finish writing.
_SIGNALS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}


class PostgresServer:
    """A throwaway server; ``database()`` lends databases on it."""

    def __init__(self, programs: Path, *, durable: bool = False) -> None:
        # Not pytest's own folder: that is closed to the unprivileged user who runs the server when we are root.
        self.folder = Path(tempfile.mkdtemp(prefix="luigiviz-postgres-"))
        self.process: subprocess.Popen[bytes] | None = None
        self._programs = programs
        self._options = _OPTIONS if durable else (*_OPTIONS, *_QUICK)
        self._names = (f"test_{number}" for number in itertools.count(1))
        self._account = unprivileged_account()
        if self._account is not None:
            os.chown(self.folder, self._account.pw_uid, self._account.pw_gid)
        data = self.folder / "data"
        initdb = (programs / "initdb", "-D", data, "-U", _USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        try:
            _run(self._account, *initdb).check_returncode()
            self.start()
        except BaseException:
            self.stop()
            raise

    def start(self) -> None:
        """Start it, again if it was halted, and wait until it takes connections."""
        options = [part for option in self._options for part in ("-c", option)]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(self._programs / "postgres"), "-D", str(self.folder / "data"), "-k", str(self.folder), *options],
                cwd=self.folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                **become(self._account),
            )
        wait_for(self._is_ready, "PostgreSQL to take connections", timeout=60)

    def halt(self, how: str = "fast") -> None:
        """Stop it ("fast" or "immediate"), and keep its files."""
        process = self.process
        if process is None or process.poll() is not None:
            return
        process.send_signal(_SIGNALS[how])
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    @contextmanager
    def asleep(self) -> Iterator[None]:
        """Keep all its processes from doing anything; connections to it stay, and new ones are taken by the system."""
        assert self.process is not None
        parent = self.process.pid
        os.kill(parent, signal.SIGSTOP)  # it makes no more processes
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        asleep = [*map(int, children), parent]
        for pid in asleep:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in asleep:
                os.kill(pid, signal.SIGCONT)

    def stop(self) -> None:
        """End the server and remove its files."""
        self.halt()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database: str = "postgres") -> str:
        """The SQLAlchemy URL of one of its databases."""
        return f"postgresql+psycopg://{_USER}@/{database}?host={quote(str(self.folder), safe='')}"

    @contextmanager
    def database(self) -> Iterator[str]:
        """Make an empty database, lend its URL, and drop it."""
        name = next(self._names)
        self.execute(f"CREATE DATABASE {name}")
        try:
            yield self.url(name)
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def execute(self, statement: str) -> None:
        """Run a statement, as the owner of everything."""
        import psycopg

        with psycopg.connect(host=str(self.folder), user=_USER, dbname="postgres", autocommit=True) as connection:
            connection.execute(statement.encode())

    def _is_ready(self) -> bool:
        import psycopg

        if self.process is None or self.process.poll() is not None:
            raise AssertionError(f"PostgreSQL ended:\n{(self.folder / 'server.log').read_text()}")
        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True


def unprivileged_account() -> pwd.struct_passwd | None:
    """Who runs what must not run as root when we are root; None: we do."""
    if os.geteuid() != 0:
        return None
    accounts = {account.pw_name: account for account in pwd.getpwall()}
    return accounts.get("postgres") or accounts["nobody"]


class Identity(TypedDict, total=False):
    """What ``subprocess`` is told to run something as somebody else."""

    user: int
    group: int
    extra_groups: list[int]


def become(account: pwd.struct_passwd | None) -> Identity:
    """Tell ``subprocess`` to run something as an account; None: as we are."""
    if account is None:
        return {}
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _run(account: pwd.struct_passwd | None, *command: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([str(part) for part in command], cwd="/", capture_output=True, **become(account))
