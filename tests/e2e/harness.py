"""One test's pipeline: its server, its ``luigi`` processes, and the journal that its tasks write."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support.polling import wait_for
from tests.support.server import ServerProcess, server_environ

#: Luigi's own words, at the end of a run in which everything went well.
SMILE = "This progress looks :)"

_LUIGI_CFG = """
[core]
default-scheduler-url = {url}
no_lock = true
rpc-retry-wait = 1

[worker]
wait_interval = 0.1
wait_jitter = 0
ping_interval = 0.2
send_failure_email = false
"""


class Worker:
    """A running ``luigi`` command."""

    def __init__(self, arguments: Sequence[str], folder: Path, log: Path, env: Mapping[str, str]) -> None:
        environ = server_environ(folder, {"E2E_FOLDER": str(folder), "no_proxy": "*", **env})
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [str(Path(sys.executable).with_name("luigi")), *arguments],
                cwd=folder,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.pid = self.process.pid

    @property
    def output(self) -> str:
        """All that the worker has printed."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait(self) -> str:
        """Wait until the worker has ended by itself; give back what it printed."""
        try:
            self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the worker did not end:\n{self.output}") from None
        assert self.process.returncode == 0, self.output
        return self.output

    def kill(self) -> None:
        """End the worker, and the tasks that it runs, at once (SIGKILL)."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            return  # it has ended before
        finally:
            self.process.wait()


class Pipeline:
    """A server, the workers that a test starts, and what their tasks noted."""

    def __init__(self, server: ServerProcess, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.workers: list[Worker] = []
        #: More environment variables for the workers.
        self.environ: dict[str, str] = {}
        folder.mkdir()
        url = server.url.replace("%", "%%")  # Luigi interpolates what it reads from a luigi.cfg
        (folder / "luigi.cfg").write_text(_LUIGI_CFG.format(url=url), encoding="utf-8")

    def start(self, task: str, *options: str) -> Worker:
        """Start ``luigi`` on the task named ``task``, with more command line options."""
        arguments = ["--module", "tests.e2e.pipelines", task, *options]
        worker = Worker(arguments, self.folder, self.folder / f"worker-{len(self.workers) + 1}.log", self.environ)
        self.workers.append(worker)
        return worker

    def end(self) -> None:
        """Kill all workers that are left."""
        for worker in self.workers:
            worker.kill()

    def events(self, event: str = "") -> list[dict[str, Any]]:
        """What the tasks noted so far, in order: all, or only ``start`` or ``end``."""
        path = self.folder / "journal"
        lines = path.read_text().splitlines() if path.exists() else []
        entries = [json.loads(line) for line in lines]
        return [entry for entry in entries if event in ("", entry["event"])]

    def started(self) -> list[str]:
        """The families of the tasks that were started, in order, one entry per run."""
        return [entry["family"] for entry in self.events("start")]

    def tasks(self) -> dict[str, dict[str, Any]]:
        """The server's tasks by display name."""
        listed = self.server.rpc("task_list", status="", upstream_status="")
        return {task["display_name"]: task | {"task_id": task_id} for task_id, task in listed.items()}

    def statuses(self) -> dict[str, str]:
        """The status of each task by display name."""
        return {name: task["status"] for name, task in self.tasks().items()}

    def wait_for_status(self, name: str, status: str) -> dict[str, Any]:
        """Wait until the task with that display name has the status; give back what the server says of it."""

        def found() -> dict[str, Any] | None:
            task = self.tasks().get(name)
            return task if task and task["status"] == status else None

        return wait_for(found, f"{name} to be {status}")

    def wait_for_starts(self, count: int) -> None:
        """Wait until so many runs have begun."""
        wait_for(lambda: len(self.events("start")) >= count, f"{count} runs to begin")

    def worker_id(self, worker: Worker) -> str:
        """The id by which the server knows a worker, once it does."""

        def found() -> str | None:
            return next((w["name"] for w in self.server.rpc("worker_list") if w.get("pid") == worker.pid), None)

        return wait_for(found, f"the server to list the worker with pid {worker.pid}")

    def go(self) -> None:
        """Let the tasks end that wait for the test."""
        (self.folder / "go").touch()
