"""Running in the background: a pid file that only one process holds, and a start that reports back."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

_READY = b"ready"


class PidFileError(Exception):
    """The pid file cannot be written, or a running process holds it."""


@contextmanager
def pid_file(path: Path | None) -> Iterator[None]:
    """Write this process's id to ``path`` and hold the file until the end; None: do nothing.

    A lock tells whether a process still runs, so a file that was left behind is never in the way.

    Raises:
        PidFileError: In one line, what is in the way.
    """
    if path is None:
        yield
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="ascii")
    except OSError as error:
        raise PidFileError(f"cannot write the pid file {path}: {error.strerror}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise PidFileError(f"already running: process {file.read().strip()} holds {path}") from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def detach(log: Path) -> Callable[[], None]:
    """Go on in a process of its own, with output to ``log``; the caller's terminal gets its prompt back.

    The process that was called waits until the function that this gives back has been called, and exits with 0, or
    until the new process ended without, and exits with 1 after it has shown what that one printed.
    Must be called before any thread is started.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    # Opened here, so that a folder that cannot be written to is still reported to the terminal.
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    shown_from = os.fstat(output).st_size
    reader, writer = os.pipe()
    if os.fork():
        os.close(writer)
        _wait_until_ready(reader, log, shown_from)
    os.close(reader)
    os.setsid()
    if os.fork():  # so that no terminal can become the session's again
        os._exit(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)

    def ready() -> None:
        os.write(writer, _READY)
        os.close(writer)

    return ready


def _wait_until_ready(reader: int, log: Path, shown_from: int) -> NoReturn:
    message = os.read(reader, len(_READY))
    if message == _READY:
        os._exit(0)
    with log.open("rb") as file:
        file.seek(shown_from)
        sys.stderr.write(file.read().decode(errors="replace"))
        sys.stderr.flush()
    os._exit(1)
