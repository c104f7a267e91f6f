"""``python -m bench.restart``: how long a start takes until ``/readyz`` answers 200, by the number of tasks.

The database is filled through the store, without a server. Most tasks are DONE, as in a long-lived scheduler; nine of
ten wait for another one. ``--profile`` says where a load spends its time, in this process.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import http.client
import os
import pstats
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from luigiviz.engine import Scheduler
from luigiviz.engine.documents import Changes
from luigiviz.engine.restoring import Image, restore
from luigiviz.store.live.livestore import LiveStore

_ROOT = Path(__file__).parents[1]
_CHUNK = 20_000
_WORKERS = 50
_PATIENCE = 600.0
#: Seconds since the epoch at which all that is filled in has happened.
_LONG_AGO = 1_790_000_000.0
_STATUSES = ("DONE",) * 7 + ("PENDING",) * 2 + ("FAILED",)
#: What the issue of durability promises, in seconds, by the number of tasks.
GOALS = {100_000: 2.0, 1_000_000: 15.0}


def fill(store: LiveStore, tasks: int) -> None:
    """Write so many tasks, and the workers that know them, into a database."""
    store.open()
    if not store.try_to_lead():
        raise RuntimeError(f"another instance leads on {store.describe()}")
    changes = Changes()
    changes.workers = [
        {
            "seq": seq,
            "id": f"Worker(salt={seq:09})",
            "started": _LONG_AGO,
            "last_active": _LONG_AGO,
            "info": {"workers": 4},
        }
        for seq in range(1, _WORKERS + 1)
    ]
    for seq, (task, deps) in enumerate(_tasks(tasks), start=1):
        changes.tasks.append(task)
        if deps:
            changes.edges.append((task["seq"], 0, deps, 0))
        if seq % _CHUNK == 0:
            store.commit(changes)
            changes = Changes()
    store.commit(changes)


def _tasks(number: int) -> Iterator[tuple[dict[str, Any], tuple[str, ...]]]:
    """Describe tasks in dozens: the first eleven of each wait for those before them, the first ones for nothing."""
    for seq in range(1, number + 1):
        status = _STATUSES[seq // 10 % 10]
        worker = seq // 100 % _WORKERS + 1
        task: dict[str, Any] = {
            "seq": seq,
            "id": _task_id(seq),
            "status": status,
            "order": seq,
            "time": _LONG_AGO,
            "updated": _LONG_AGO,
            "family": f"Family{seq // 10 % 40}",
            "module": f"warehouse.family{seq // 10 % 40}",
            "params": {"date": f"2026-{seq % 12 + 1:02}-{seq % 28 + 1:02}", "number": str(seq), "force": "False"},
            "runnable": True,
            "workers": [worker],
            "stakeholders": [worker],
        }
        if status == "DONE":
            task |= {"time_running": _LONG_AGO, "worker_running": f"Worker(salt={worker:09})"}
        elif status == "FAILED":
            task |= {"failures": [_LONG_AGO], "first_failure_time": _LONG_AGO, "retry": 2 * _LONG_AGO, "expl": "Error"}
        place = seq % 10
        yield task, tuple(_task_id(seq - back) for back in range(1, min(place, 2) + 1))


def _task_id(seq: int) -> str:
    return f"Family{seq // 10 % 40}_2026_{seq}_False_{seq * 2654435761 % 2**40:010x}"


def load(store: LiveStore) -> Scheduler:
    """Make a scheduler of what a store holds, as a start does."""
    scheduler = Scheduler()
    gc.disable()
    try:
        with store.loading() as view:
            restore(scheduler, Image(view.tasks(), view.workers(), view.batchers(), view.values()), seen_at=time.time())
    finally:
        gc.enable()
    return scheduler


def start_server(url: str, folder: Path) -> tuple[float, float, float]:
    """Start a server on a database; return the seconds until it is ready, those of them at work, and the most MiB."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("LUIGI_", "LUIGIVIZ_"))}
    command = ["-m", "luigiviz", "serve", "--address", "127.0.0.1", "--port", "0", "--database-url", url]
    log = folder / "log"
    began = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=folder,
            env={**kept, "PYTHONPATH": str(_ROOT), "PYTHONUNBUFFERED": "1", "LUIGIVIZ_STATE_DIR": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        while not _is_ready(log):
            if process.poll() is not None or time.monotonic() - began > _PATIENCE:
                raise RuntimeError(log.read_text(errors="replace"))
            # Each question takes the server time, too.
            time.sleep(max(0.02, (time.monotonic() - began) / 100))
        return time.monotonic() - began, _cpu_seconds(process.pid), _peak_memory(process.pid)
    finally:
        process.terminate()
        process.wait()


def _is_ready(log: Path) -> bool:
    port = log.read_text(errors="replace").partition("serving on http://127.0.0.1:")[2].split("\n")[0]
    if not port:
        return False
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=_PATIENCE)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    finally:
        connection.close()


def _cpu_seconds(pid: int) -> float:
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _peak_memory(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print a line for each size."""
    parser = argparse.ArgumentParser(prog="python -m bench.restart", description=__doc__)
    parser.add_argument("--tasks", type=int, nargs="+", default=[100_000, 1_000_000], help="sizes")
    parser.add_argument("--rounds", type=int, default=3, help="starts of each size; the median counts")
    parser.add_argument("--database-url", help="an empty database for one size; without it SQLite files are used")
    parser.add_argument("--profile", action="store_true", help="say where a load spends its time")
    options = parser.parse_args(arguments)
    print(f"{'tasks':>10} {'filled in':>10} {'ready in':>10} {'of it CPU':>10} {'goal':>8} {'peak memory':>12}")
    for tasks in options.tasks:
        with tempfile.TemporaryDirectory(prefix="luigiviz-restart-") as name:
            folder = Path(name)
            url = options.database_url or f"sqlite:///{folder}/live.db"
            store = LiveStore(url)
            began = time.monotonic()
            fill(store, tasks)
            store.close()
            filled = time.monotonic() - began
            starts = [start_server(url, folder) for _ in range(options.rounds)]
            ready, cpu, _ = (statistics.median(column) for column in zip(*starts, strict=True))
            goal = f"{GOALS[tasks]:.0f} s" if tasks in GOALS else "-"
            memory = max(megabytes for *_, megabytes in starts)
            print(
                f"{tasks:>10,} {filled:>8.1f} s {ready:>8.2f} s {cpu:>8.2f} s {goal:>8} {memory:>8.0f} MiB", flush=True
            )
            if options.profile:
                _profile(url)


def _profile(url: str) -> None:
    store = LiveStore(url)
    began = time.perf_counter()
    load(store)
    print(f"loading alone, without a server: {time.perf_counter() - began:.2f} s")
    profile = cProfile.Profile()
    profile.runcall(load, store)
    store.close()
    pstats.Stats(profile).sort_stats("tottime").print_stats(18)


if __name__ == "__main__":
    main()
