"""One process at a time on an SQLite file: a lock that the system takes back when its holder dies."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from luigiviz.store.errors import LiveStateRefusedError


class FileLock:
    """A lock on the file ``<database>.lock``, which stays behind empty."""

    def __init__(self, database: Path) -> None:
        """Name the database that is to be locked."""
        self._database = database
        self._path = database.with_name(database.name + ".lock")
        self._file: int | None = None

    def acquire(self) -> None:
        """Take the lock, unless this object holds it.

        Raises:
            LiveStateRefusedError: Another process holds it, or the file cannot be made.
        """
        if self._file is not None:
            return
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise LiveStateRefusedError(f"cannot write beside {self._database}: {error.strerror}") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(file, 20, 0).decode("ascii", "replace").strip()
            os.close(file)
            who = f"process {holder}" if holder else "another process"
            raise LiveStateRefusedError(
                f"{who} uses {self._database}: only one luigiviz can work on an SQLite file. "
                "Stop it, or give this one another database_url"
            ) from error
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        self._file = file

    def release(self) -> None:
        """Give the lock back, if it is held."""
        if self._file is not None:
            os.ftruncate(self._file, 0)
            os.close(self._file)
            self._file = None
