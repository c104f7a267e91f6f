"""Real database servers, thrown away after the tests; they listen on a Unix socket only."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, TypedDict

from tests.support.polling import wait_for


class DatabaseServer(ABC):
    """A throwaway server; ``database()`` lends databases on it."""

    #: What people call it.
    name: ClassVar[str]
    #: The account that its package makes; it must not run as root.
    account: ClassVar[str]
    #: How to stop it: both end connections in the middle of what they do; the second lets it not even finish writing.
    signals: ClassVar[dict[str, signal.Signals]]

    def __init__(self, programs: Path, *, durable: bool = False) -> None:
        # Not pytest's own folder: that is closed to the unprivileged user who runs the server when we are root.
        self.folder = Path(tempfile.mkdtemp(prefix="luigiviz-database-"))
        self.process: subprocess.Popen[bytes] | None = None
        self._programs = programs
        self._durable = durable
        self._names = (f"test_{number}" for number in itertools.count(1))
        self._account = unprivileged_account(self.account)
        if self._account is not None:
            os.chown(self.folder, self._account.pw_uid, self._account.pw_gid)
        try:
            made = subprocess.run(
                [str(part) for part in self._preparation()], cwd="/", capture_output=True, **become(self._account)
            )
            assert made.returncode == 0, f"{self.name} could not be set up:\n{made.stdout!r}\n{made.stderr!r}"
            self.start()
        except BaseException:
            self.stop()
            raise

    @abstractmethod
    def _preparation(self) -> Sequence[object]:
        """The command that makes the server's files in ``folder``."""

    @abstractmethod
    def _command(self) -> Sequence[object]:
        """The command that runs the server."""

    @abstractmethod
    def url(self, database: str = ...) -> str:
        """The SQLAlchemy URL of one of its databases."""

    @abstractmethod
    def execute(self, statement: str) -> None:
        """Run a statement, as the owner of everything."""

    @abstractmethod
    def _drop(self, name: str) -> None:
        """Remove a database, whoever uses it."""

    @abstractmethod
    def _answers(self) -> bool:
        """Whether the server takes connections."""

    def start(self) -> None:
        """Start it, again if it was halted, and wait until it takes connections."""
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(part) for part in self._command()],
                cwd=self.folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                **become(self._account),
            )
        wait_for(self._is_ready, f"{self.name} to take connections", timeout=60)

    def halt(self, how: str = "fast") -> None:
        """Stop it ("fast" or "immediate"), and keep its files."""
        process = self.process
        if process is None or process.poll() is not None:
            return
        process.send_signal(self.signals[how])
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

    @contextmanager
    def database(self, options: str = "") -> Iterator[str]:
        """Make an empty database, lend its URL, and drop it; ``options`` are those of CREATE DATABASE."""
        name = next(self._names)
        self.execute(f"CREATE DATABASE {name} {options}")
        try:
            yield self.url(name)
        finally:
            self._drop(name)

    def _is_ready(self) -> bool:
        if self.process is None or self.process.poll() is not None:
            raise AssertionError(f"{self.name} ended:\n{(self.folder / 'server.log').read_text()}")
        return self._answers()


def unprivileged_account(preferred: str) -> pwd.struct_passwd | None:
    """Who runs what must not run as root when we are root; None: we do."""
    if os.geteuid() != 0:
        return None
    accounts = {account.pw_name: account for account in pwd.getpwall()}
    return accounts.get(preferred) or accounts["nobody"]


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
