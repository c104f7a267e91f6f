"""luigid itself, in the place of luigiviz: with it the end-to-end tests are checked."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

from tests.support.polling import wait_for
from tests.support.server import ServerProcess, server_environ


class LuigidProcess(ServerProcess):
    """A running luigid that is asked and stopped as a `ServerProcess` is."""

    def __init__(self, folder: Path, config: str = "", unix_socket: Path | None = None) -> None:
        folder.mkdir(parents=True)
        # luigid looks for what is due once a minute only; luigiviz does it at once, without this.
        config = config.replace("[scheduler]\n", "[scheduler]\nprune_on_get_work = true\n")
        (folder / "luigi.cfg").write_text(config, encoding="utf-8")
        self.folder = folder
        self.log = folder / "server.log"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        luigid = str(Path(sys.executable).with_name("luigid"))
        state = str(folder / "state.pickle")
        command = [luigid, "--address", "127.0.0.1", "--port", str(self.port), "--state-path", state]
        if unix_socket:
            self.url = f"http+unix://{quote(str(unix_socket), safe='')}"
            command += ["--unix-socket", str(unix_socket)]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=folder, env=server_environ(folder), stdout=log, stderr=subprocess.STDOUT
            )
        try:
            wait_for(unix_socket.is_socket if unix_socket else self._answers, "luigid to answer")
        except BaseException:
            self.kill()
            raise

    def _answers(self) -> bool:
        try:
            return self.request("/", method="HEAD").status == 204
        except OSError:  # not yet: the connection is refused
            return False
