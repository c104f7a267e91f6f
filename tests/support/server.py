"""A real ``luigiviz serve`` in a process of its own, with a folder of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any

from tests.support.polling import wait_for

ROOT = Path(__file__).resolve().parents[2]
_SERVING = re.compile(r"serving on (http(?:\+unix)?://\S+)")


@dataclass(frozen=True)
class Response:
    """An HTTP answer, whatever its status."""

    status: int
    headers: Message
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class ServerProcess:
    """A running ``luigiviz serve``; ``url`` has no slash at its end.

    It works in ``folder``: its ``luigi.cfg``, its state directory ``state`` and its output ``server.log`` are there.
    A second one on the same folder finds what the first one left.
    """

    def __init__(
        self,
        folder: Path,
        config: str = "",
        args: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        port: int = 0,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "luigi.cfg").write_text(config, encoding="utf-8")
        self.folder = folder
        self.log = folder / "server.log"
        command = [sys.executable, "-m", "luigiviz", "serve", "--address", "127.0.0.1", "--port", str(port), *args]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                env=server_environ(folder, env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            self.url = wait_for(self._announced_url, "the server to say where it listens")
        except BaseException:
            self.kill()
            raise
        self.port = urllib.parse.urlsplit(self.url).port or 0

    @property
    def output(self) -> str:
        """All that the server has printed."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def request(
        self,
        path: str,
        *,
        method: str | None = None,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Make one HTTP request, following no redirect; every status is an answer."""
        request = urllib.request.Request(self.url + path, data=data, headers=dict(headers or {}), method=method)
        opener = urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=60) as answer:
                return Response(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Response(error.code, error.headers, error.read())

    def get(self, path: str, **headers: str) -> Response:
        """GET ``path``."""
        return self.request(path, headers=headers)

    def rpc(self, method: str, **arguments: Any) -> Any:
        """Call an RPC method as a worker does; the ``response`` member of the answer."""
        data = urllib.parse.urlencode({"data": json.dumps(arguments)}).encode()
        answer = self.request(f"/api/{method}", data=data)
        assert answer.status == 200, f"{method}: {answer.status} {answer.text}"
        return answer.json()["response"]

    def stop(self) -> int:
        """Ask the server to end (SIGTERM), wait until it has, and give back its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(f"the server did not end within 30 s of SIGTERM:\n{self.output}") from None
        return self.process.wait()

    def kill(self) -> None:
        """End the server at once (SIGKILL), as a crash would."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def _announced_url(self) -> str | None:
        found = _SERVING.search(self.output)
        if found is None and self.process.poll() is not None:
            raise AssertionError(f"the server ended with {self.process.returncode}:\n{self.output}")
        return found.group(1) if found else None


def server_environ(folder: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a process under test: nothing of the user's configuration, state in ``folder``."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("LUIGI_", "LUIGIVIZ_"))}
    path = [str(ROOT), environ["PYTHONPATH"]] if environ.get("PYTHONPATH") else [str(ROOT)]
    environ.update(
        PYTHONPATH=os.pathsep.join(path),
        PYTHONUNBUFFERED="1",
        LUIGIVIZ_STATE_DIR=str(folder / "state"),
    )
    environ.update(extra or {})
    return environ


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: object, **_kwargs: object) -> None:
        return None
