"""The demo's child processes: each leads a group of its own, writes to a log, and is ended with all that it started."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

#: How long a process may take to end by itself, in seconds, before it is killed.
PATIENCE = 10.0


class Child:
    """A process in a session of its own, so that Ctrl-C in the terminal reaches only the demo, which ends the rest."""

    def __init__(self, name: str, command: Sequence[str], folder: Path, environ: Mapping[str, str]) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def exit_status(self) -> int | None:
        """The exit status; None while the process runs."""
        return self.process.poll()

    def last_lines(self, count: int = 20) -> str:
        """Return the end of what the process printed."""
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:])

    def signal_group(self, number: int) -> None:
        """Send a signal to the process and to those it started."""
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            return  # all of the group have ended


def end_all(children: Iterable[Child]) -> None:
    """Ask the processes to end, wait until they have, and kill what is left of their groups."""
    children = list(children)
    for child in children:
        child.signal_group(signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE
    for child in children:
        try:
            child.process.wait(timeout=max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.signal_group(signal.SIGKILL)
            child.process.wait()
        # The leader is gone; a task that it started may have ignored the first signal.
        child.signal_group(signal.SIGKILL)
