"""``python -m bench``: the engine beside Luigi's own scheduler, call by call, then both programs over HTTP.

Each row of the first table holds so many PENDING tasks, and then times the calls that workers and pages make: the
median of a few. A call of flat cost takes as long in the last row as in the first.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

from bench.over_http.__main__ import main as over_http
from luigiviz.engine import Scheduler

#: A scheduler as a caller sees it: the name of a method and its arguments.
Call = Callable[..., Any]
_ROUNDS = 5


def ours() -> Call:
    """The engine of luigiviz."""
    scheduler = Scheduler()
    return lambda method, **arguments: scheduler.call(method, arguments)


def theirs() -> Call:
    """Luigi's scheduler, without its HTTP server."""
    from luigi.scheduler import Scheduler as LuigiScheduler

    scheduler = LuigiScheduler()
    return lambda method, **arguments: getattr(scheduler, method)(**arguments)


def fill(call: Call, tasks: int) -> None:
    """Add ``tasks`` PENDING tasks: nine of ten wait for the tenth."""
    for number in range(tasks):
        deps = [] if number % 10 == 0 else [f"task_{number - number % 10}"]
        call(
            "add_task",
            worker="filler",
            task_id=f"task_{number}",
            family=f"Family{number % 20}",
            params={"number": str(number)},
            deps=deps,
            priority=number % 7,
        )


def measurements(call: Call) -> dict[str, float]:
    """Seconds that calls take: the median of a few rounds of each."""

    def a_run(number: int) -> None:
        answer = call("get_work", worker="filler", host="here")
        call("add_task", worker="filler", task_id=answer["task_id"], status="DONE", runnable=True)

    return {
        "add_task": _timed(lambda n: call("add_task", worker="filler", task_id=f"new_{n}", family="New", params={})),
        "run a task": _timed(a_run),
        "ping": _timed(lambda _: call("ping", worker="filler")),
        "dep_graph": _timed(lambda n: call("dep_graph", task_id=f"task_{10 * n + 1}")),
        "count_pending": _timed(lambda _: call("count_pending", worker="filler")),
    }


def _timed(work: Callable[[int], object]) -> float:
    times = []
    for number in range(_ROUNDS):
        start = time.perf_counter()
        work(number)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print a table of milliseconds per call, and one of calls per second."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--tasks", type=int, nargs="+", default=[1000, 10_000, 50_000], help="how many are PENDING")
    parser.add_argument("--only", choices=["engine", "http"], help="one of the two tables")
    options = parser.parse_args(arguments)
    if options.only != "http":
        _engine_table(options.tasks)
    if options.only != "engine":
        over_http([])


def _engine_table(sizes: Sequence[int]) -> None:
    logging.disable(logging.WARNING)
    print(f"{'tasks':>9}  {'call':<14} {'luigiviz ms':>12} {'luigid ms':>12} {'times faster':>13}")
    for tasks in sizes:
        results = []
        for make in (ours, theirs):
            call = make()
            fill(call, tasks)
            results.append(measurements(call))
        for name, mine in results[0].items():
            other = results[1][name]
            print(f"{tasks:>9}  {name:<14} {mine * 1e3:>12.3f} {other * 1e3:>12.3f} {other / mine:>12.1f}x")


if __name__ == "__main__":
    main()
