"""Start ``luigiviz serve`` and ``luigid`` as they come, on free ports and without any configuration."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_COMMANDS = {
    "luigiviz": ["-m", "luigiviz", "serve"],
    "luigid": ["-c", "from luigi.cmdline import luigid; luigid()", "--state-path", "luigid.state"],
}
#: Both programs, the one to be judged first.
NAMES = tuple(_COMMANDS)
_ROOT = Path(__file__).parents[2]
_PATIENCE = 30.0


@contextmanager
def running(name: str, folder: Path) -> Iterator[str]:
    """Run one of ``NAMES`` in a folder of its own; gives its URL."""
    folder.mkdir()
    port = _free_port()
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("LUIGI_", "LUIGIVIZ_"))}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, *_COMMANDS[name], "--address", "127.0.0.1", "--port", str(port)],
            cwd=folder,
            env={**kept, "PYTHONPATH": str(_ROOT), "LUIGIVIZ_STATE_DIR": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for(url, process, folder / "log")
        yield url
    finally:
        process.terminate()
        process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            with urllib.request.urlopen(f"{url}/api/is_paused", timeout=_PATIENCE):
                return
        except (urllib.error.URLError, ConnectionError):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{url} does not answer:\n{log.read_text(errors='replace')}") from None
            time.sleep(0.05)
