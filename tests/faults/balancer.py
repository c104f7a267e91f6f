"""HAProxy, with the configuration that docs/operations.md gives."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.support.requirements import find_haproxy

_DOCUMENT = Path(__file__).parents[2] / "docs" / "operations.md"


def documented_balancer(servers: Sequence[str], bind: str) -> str:
    """The documented configuration, with other addresses."""
    found = re.search(r"^```haproxy\n(.*?)^```$", _DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert found
    text = found[1].replace("bind :8082", f"bind {bind}")
    for number, server in enumerate(servers, start=1):
        text = text.replace(f"scheduler-{number}.example:8082", server)
    assert bind in text
    assert ".example" not in text
    return text


class Balancer:
    """A running HAProxy before the servers on some ports."""

    def __init__(self, ports: Sequence[int]) -> None:
        haproxy = find_haproxy()
        assert haproxy
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port: int = listener.getsockname()[1]
            self.url = f"http://127.0.0.1:{self.port}"
            config = documented_balancer([f"127.0.0.1:{port}" for port in ports], bind=f"fd@{listener.fileno()}")
            self._process = subprocess.Popen(
                [haproxy, "-db", "-f", "/dev/stdin"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[listener.fileno()],
            )
        assert self._process.stdin
        self._process.stdin.write(config.encode())
        self._process.stdin.close()

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()
