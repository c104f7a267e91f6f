"""``python -m bench.engine``: what each call of the engine costs, from a thousand to a million tasks."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from bench.engine import calls, collector, memory, storms, table
from bench.engine.apart import apart
from bench.engine.goals import Goals
from bench.engine.shapes import SHAPES

_STORM_TASKS = 100_000


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print tables and verdicts."""
    parser = argparse.ArgumentParser(prog="python -m bench.engine", description=__doc__)
    parser.add_argument("--tasks", type=int, nargs="+", default=[1000, 10_000, 100_000, 1_000_000], help="sizes")
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES), help="kinds of pipelines")
    parser.add_argument(
        "--parts", nargs="+", choices=("calls", "storms", "memory"), default=["calls", "storms", "memory"]
    )
    parser.add_argument("--storms", nargs="+", choices=storms.STORMS, default=list(storms.STORMS))
    parser.add_argument("--gc", choices=collector.MODES, default="server", help="how Python's collector is set up")
    parser.add_argument("--seconds", type=float, default=900, help="most time for one shape and size")
    parser.add_argument("--luigid-seconds", type=float, default=60, help="the same for luigid; 0 leaves it out")
    options = parser.parse_args(arguments)
    goals = Goals()
    if "calls" in options.parts:
        for name in options.shapes:
            for tasks in options.tasks:
                if tasks > SHAPES[name].largest:
                    continue
                mine = apart(calls.measure, "luigiviz", name, tasks, options.gc, options.seconds)
                theirs = None
                if options.luigid_seconds:
                    theirs = apart(calls.measure, "luigid", name, tasks, "default", options.luigid_seconds)
                table.print_calls(mine, theirs)
                goals.judge_calls(mine)
    if "storms" in options.parts:
        for name in options.storms:
            storm = apart(storms.measure, name, min(_STORM_TASKS, max(options.tasks)), options.gc)
            table.print_storm(storm)
            goals.judge_storm(storm)
    if "memory" in options.parts:
        most = max(options.tasks)
        for which, tasks in (("luigiviz", most), ("luigid", min(most, 100_000))):
            held = apart(memory.measure, which, "layered", tasks, options.gc)
            table.print_memory(held)
            goals.judge_memory(held)
    goals.print()


if __name__ == "__main__":
    main()
