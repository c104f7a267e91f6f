"""``python -m bench.over_http``: calls per second over HTTP, luigiviz beside luigid in the same run.

Both run as real processes as they come: luigid keeps its state in memory, luigiviz commits it to an SQLite file before
it answers; neither records history. The clients are processes of their own with Luigi's own client; all share
this machine's cores with the servers. "get_work + add_task" takes tasks and reports them DONE, and counts both calls.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from bench.over_http.clients import Clients, Job, processes
from bench.over_http.servers import NAMES, running

_STEADY = ("add_task, known", "ping", "task_list")
_RUN = "get_work + add_task"
#: Both programs are measured in turn so often, and the medians count: a shared machine has better moments and worse.
_TURNS = 3


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m bench.over_http", description=__doc__)
    parser.add_argument("--tasks", type=int, nargs="+", default=[1000, 10_000], help="how many the scheduler holds")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4], help="how many call at once")
    parser.add_argument("--seconds", type=float, default=1.0, help="how long a turn lasts")
    options = parser.parse_args(arguments)
    print(f"Calls per second over HTTP, {os.cpu_count()} cores for servers and clients")
    print(f"{'tasks':>9} {'clients':>8}  {'call':<20} {'luigiviz':>10} {'luigid':>10} {'ratio':>8}")
    with tempfile.TemporaryDirectory(prefix="luigiviz-bench-") as folder, processes(max(options.clients)) as clients:
        for tasks in options.tasks:
            _measure(clients, Path(folder) / str(tasks), tasks, options.clients, options.seconds)


def _measure(clients: Clients, folder: Path, tasks: int, numbers: Sequence[int], seconds: float) -> None:
    folder.mkdir()
    with ExitStack() as cleanup:
        urls = [cleanup.enter_context(running(name, folder / name)) for name in NAMES]

        def row(
            name: str, number: int, seconds: float = seconds, rounds: int | None = None, turns: int = _TURNS
        ) -> None:
            job = Job(name, "", tasks, seconds, rounds)
            turn_by_turn = [[clients.rate(replace(job, url=url), number) for url in urls] for _ in range(turns)]
            rates = [statistics.median(rates) for rates in zip(*turn_by_turn, strict=True)]
            ratio = rates[0] / rates[1]
            print(
                f"{tasks:>9,} {number:>8}  {name:<20} {rates[0]:>10,.0f} {rates[1]:>10,.1f} {ratio:>7.1f}x", flush=True
            )

        row("add_task, new", 1, float("inf"), tasks, turns=1)
        for number in numbers:
            for name in _STEADY:
                row(name, number)
        # Last, since it uses tasks up.
        for number in numbers:
            row(_RUN, number, seconds, max(1, tasks // len(numbers) // number * 4 // 5), turns=1)


if __name__ == "__main__":
    main()
