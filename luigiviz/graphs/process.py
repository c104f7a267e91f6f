"""Running ``dot``: with a time limit, and never too many at once."""

from __future__ import annotations

import subprocess
import threading

from graphviz.backend import dot_command

from luigiviz.graphs.errors import (
    GraphBusyError,
    GraphTimeoutError,
    GraphvizFailedError,
    GraphvizMissingError,
)

_SMALLER = "Show fewer tasks, hide those that are done, or start from another task."


class DotRunner:
    """Runs ``dot`` for as long as it may take, in as many processes as there may be."""

    def __init__(self, *, timeout: float = 10.0, max_processes: int = 2, executable: str | None = None) -> None:
        """Set the limits: seconds for a run (and for the wait for a place), and runs at the same time."""
        self.timeout = timeout
        self._executable = executable
        self._places = threading.BoundedSemaphore(max_processes)

    def run(self, source: str, output_format: str) -> bytes:
        """Return what ``dot -T<output_format>`` makes of the source.

        Raises GraphvizMissingError, GraphTimeoutError, GraphBusyError or GraphvizFailedError.
        """
        if not self._places.acquire(timeout=self.timeout):
            raise GraphBusyError("Too many graphs are being drawn at the moment.", "Reload the page in a few seconds.")
        try:
            return self._run(source, output_format)
        finally:
            self._places.release()

    def _run(self, source: str, output_format: str) -> bytes:
        # graphviz.pipe() takes no time-out, so only the name of the program comes from that package.
        command = [self._executable or str(dot_command.DOT_BINARY), f"-T{output_format}"]
        try:
            done = subprocess.run(
                command, input=source.encode(), capture_output=True, timeout=self.timeout, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise GraphTimeoutError(
                f"Graphviz did not finish this graph within {self.timeout:g} seconds.", _SMALLER
            ) from error
        except (FileNotFoundError, PermissionError) as error:
            raise GraphvizMissingError(
                f"The program {command[0]!r} of Graphviz cannot be run on the server.",
                "Install Graphviz there (on Debian: apt-get install graphviz). Nothing has to be restarted.",
            ) from error
        except OSError as error:
            raise GraphvizFailedError(f"Graphviz could not be started: {error.strerror or error}.", _SMALLER) from error
        # dot 2.43 ends with 1 for mere warnings of some layouts; what counts is whether a drawing came.
        if done.returncode < 0 or not done.stdout:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            reason = said[0][:200] if said else f"it ended with code {done.returncode} and no drawing"
            raise GraphvizFailedError(f"Graphviz could not draw this graph: {reason}.", _SMALLER)
        return done.stdout
