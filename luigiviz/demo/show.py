"""The demo from its start to its end: server up, workers started, pipeline watched, everything stopped and removed."""

from __future__ import annotations

import datetime
import importlib.util
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from luigiviz.demo import client
from luigiviz.demo.children import Child, end_all
from luigiviz.demo.configuration import server_config, worker_config

#: Addresses that mean "every interface"; the demo's own workers go to the local one.
_WILDCARDS = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}
#: How long the server may take to answer, in seconds.
_START_LIMIT = 60.0

_WHAT_TO_SEE = """
While it runs:
  {url}/tasks      the counts change by themselves; click one to filter
  {url}/graph      pick shop.Nightly and watch its graph fill
  {url}/workers    three workers and an assistant; give one more processes
  {url}/resources  database, gpu and shop_api: try a larger total

Worth a look:
  ingest.ExchangeRates     the newest fails twice, is retried, and succeeds
  warehouse.LoadTable      several tables of a day run as one batch
  reports.DailyReport      finds its CategoryReports when it runs
  ml.TrainRecommender      send it the message 'status' or 'stop'
  marketing.SendNewsletter fails for good and ends disabled; re-enable it: the assistant tries again
  reports.Margins          waits for suppliers.SupplierPrices, which never come
"""


def run(
    address: str = "127.0.0.1",
    port: int = 8082,
    speed: float = 1.0,
    workers: int = 2,
    *,
    days: int = 5,
    exit_when_done: bool = False,
) -> int:
    """Run the demo in the foreground until Ctrl-C or SIGTERM; return the exit status, 0 when all went well.

    ``speed`` is how many times faster than normal the tasks are (at 1 they take two to three minutes in all),
    ``workers`` how many processes each Luigi worker has, ``days`` how many days the pipeline covers; port 0 means any
    free one. With ``exit_when_done`` it ends with the pipeline, instead of leaving the server up for a look around.
    """
    if importlib.util.find_spec("luigi") is None:
        return _complain("The demo runs real Luigi workers, and Luigi is not installed: pip install 'luigiviz[demo]'")
    try:
        port = _free_port(address, port)
    except OSError as error:
        return _complain(
            f"Cannot listen on {address or '*'}:{port} ({error.strerror}). Choose another port: --port 8083"
        )
    host = _WILDCARDS.get(address, address)
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    with _stop_signals() as stop, tempfile.TemporaryDirectory(prefix="luigiviz-demo-") as folder:
        show = _Show(Path(folder), url, speed, stop)
        try:
            return show.run(address, port, workers, days, exit_when_done)
        finally:
            show.end()


class _Show:
    """The processes of one demo, and what is said about them."""

    def __init__(self, folder: Path, url: str, speed: float, stop: threading.Event) -> None:
        self.folder = folder
        self.url = url
        self.speed = speed
        self.stop = stop
        self.server: Child | None = None
        self.workers: list[Child] = []
        self.helpers: list[Child] = []

    def run(self, address: str, port: int, processes: int, days: int, exit_when_done: bool) -> int:
        """Play all acts; return the exit status."""
        if not self.start_server(address, port):
            return 0 if self.stop.is_set() else 1
        print(f"luigiviz is at {self.url}/")
        self.start_workers(processes, days)
        print(_WHAT_TO_SEE.format(url=self.url))
        print(f"Logs are in {self.folder} until the demo ends. Ctrl-C ends it.\n", flush=True)
        status = self.watch()
        if status == 0 and not exit_when_done and not self.stop.is_set():
            print("The pipeline has ended. The server and the assistant stay until Ctrl-C.", flush=True)
            status = self.linger()
        return status

    def start_server(self, address: str, port: int) -> bool:
        """Start the server; return whether it answers."""
        (self.folder / "server.cfg").write_text(server_config(self.speed), encoding="utf-8")
        environ = self.environ("server.cfg") | {"LUIGIVIZ_STATE_DIR": str(self.folder / "state")}
        command = [sys.executable, "-m", "luigiviz", "serve", "--address", address, "--port", str(port)]
        self.server = Child("server", command, self.folder, environ)
        deadline = time.monotonic() + _START_LIMIT
        while not client.is_up(self.url):
            if self.server.exit_status is not None or time.monotonic() > deadline:
                _complain(f"The server did not start:\n{self.server.last_lines()}")
                return False
            if self.stop.wait(0.1):
                return False
        return True

    def start_workers(self, processes: int, days: int) -> None:
        """Start a worker for each root task, and an assistant that helps them."""
        today = datetime.date.today()
        config = worker_config(self.folder / "data", self.url, self.speed, unlucky_day=today)
        (self.folder / "worker.cfg").write_text(config, encoding="utf-8")
        common = ("--date", today.isoformat(), "--workers", str(processes))
        stay = "--worker-keep-alive"  # until nothing is pending or failed; without it a worker waits for no retry
        self.workers = [
            self.start_worker("nightly", "shop.Nightly", "--days", str(days), *common, stay),
            self.start_worker("campaign", "marketing.Campaign", *common, stay),
            self.start_worker("margins", "reports.Margins", *common),
        ]
        self.helpers = [
            self.start_worker("assistant", "ops.Standby", "--assistant", "--workers", str(processes), stay),
        ]

    def start_worker(self, name: str, *arguments: str) -> Child:
        """Start one ``luigi`` process."""
        command = [sys.executable, "-m", "luigi", "--module", "luigiviz.demo.pipeline", *arguments]
        return Child(name, command, self.folder, self.environ("worker.cfg"))

    def watch(self) -> int:
        """Wait until the workers have ended, saying how far the pipeline is; return the exit status."""
        told = ""
        next_time = 0.0
        while not self.stop.is_set():
            running = [worker for worker in self.workers if worker.exit_status is None]
            if time.monotonic() >= next_time or not running:
                next_time = time.monotonic() + 5.0
                counts = self.describe_tasks()
                if counts not in ("", told):
                    print(counts, flush=True)
                    told = counts
            if self.server is None or self.server.exit_status is not None:
                return _complain(f"The server ended:\n{self.server.last_lines() if self.server else ''}")
            broken = next((worker for worker in self.workers if worker.exit_status not in (None, 0)), None)
            if broken is not None:
                return _complain(f"The worker '{broken.name}' broke down:\n{broken.last_lines()}")
            if not running:
                break
            self.stop.wait(0.2)
        return 0

    def linger(self) -> int:
        """Wait for the signal to stop; return the exit status."""
        while not self.stop.wait(0.5):
            if self.server is not None and self.server.exit_status is not None:
                return _complain(f"The server ended:\n{self.server.last_lines()}")
        return 0

    def describe_tasks(self) -> str:
        """Return the counts of tasks by status, as one line."""
        try:
            counts = client.task_counts(self.url)
        except OSError as error:
            return f"The server does not answer: {error}"
        return ", ".join(f"{count} {status.lower()}" for status, count in counts.most_common())

    def environ(self, config: str) -> dict[str, str]:
        """Return the environment of a child: our configuration in place of the user's, and this very luigiviz."""
        environ = {key: value for key, value in os.environ.items() if not key.startswith(("LUIGI_", "LUIGIVIZ_"))}
        package_root = str(Path(__file__).resolve().parents[2])
        environ["PYTHONPATH"] = os.pathsep.join(filter(None, [package_root, environ.get("PYTHONPATH")]))
        environ["LUIGI_CONFIG_PATH"] = str(self.folder / config)
        environ["no_proxy"] = environ["NO_PROXY"] = "*"
        environ["PYTHONUNBUFFERED"] = "1"
        return environ

    def end(self) -> None:
        """End the workers, then the server that they talk to."""
        if self.stop.is_set():
            print("\nStopping", flush=True)
        end_all([*self.workers, *self.helpers])
        if self.server is not None:
            end_all([self.server])


@contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    """Lend an event that SIGINT and SIGTERM set while it is lent."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop  # only the main thread may handle signals
        return
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _free_port(address: str, port: int) -> int:
    """Return ``port``, or a free one for 0.

    Raises:
        OSError: Somebody listens there already, or the address is not one of this machine.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((address, port))
        return int(probe.getsockname()[1])


def _complain(message: str) -> int:
    """Print ``message`` where errors go; return the exit status that goes with it."""
    print(message, file=sys.stderr, flush=True)
    return 1
