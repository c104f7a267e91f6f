"""Compares the engine with Luigi's scheduler for as long as one likes: ``make fuzz`` (see docs/architecture.md).

Every plan has a seed of its own, so that a finding can be seen again; it is printed as the smallest plan that shows it.
"""

from __future__ import annotations

import time
from collections import Counter
from functools import partial
from multiprocessing import get_context
from os import cpu_count

import click

from tests.conformance.generator import make_plan
from tests.conformance.shrinking import find_difference, shrink
from tests.conformance.sides import EngineSide

#: Plans that a process takes on at a time.
CHUNK = 50


def _run_chunk(name: str, first: int) -> tuple[int, Counter[str], list[str]]:
    """Run some plans; return the number of calls, what was left out, and what was found."""
    calls, left_out, findings = 0, Counter[str](), []
    for number in range(first, first + CHUNK):
        seed = f"{name} {number}"
        # Long plans go deep, short ones start afresh more often.
        plan = make_plan(seed, length=400 if number % 10 == 0 else 120)
        found, run = find_difference(plan, EngineSide)
        calls += run.calls
        left_out += run.left_out
        if found is not None:
            findings.append(f"seed {seed!r}: {shrink(plan, EngineSide) or found}")
    return calls, left_out, findings


@click.command()
@click.option("--calls", default=10_000_000, show_default=True, help="Stop after so many calls.")
@click.option("--jobs", default=cpu_count() or 1, show_default=True, help="Number of processes.")
@click.option("--name", default=lambda: time.strftime("%Y-%m-%d %H:%M:%S"), help="Seeds all plans. Default: the time.")
@click.option("--most", default=10, show_default=True, help="Stop after so many findings.")
def main(calls: int, jobs: int, name: str, most: int) -> None:
    """Compare until enough calls were made; exit with 1 if anything was found."""
    done, findings, left_out, said = 0, 0, Counter[str](), time.monotonic()
    click.echo(f"Plans are seeded {name!r} and a number.")
    with get_context("fork").Pool(jobs) as pool:
        for more, left, found in pool.imap_unordered(partial(_run_chunk, name), range(0, calls, CHUNK)):
            done += more
            left_out += left
            findings += len(found)
            for finding in found:
                click.echo(f"\n{finding}\n")
            if time.monotonic() - said > 30 or done >= calls or findings >= most:
                said = time.monotonic()
                click.echo(f"{done:,} calls, {findings} findings")
            if done >= calls or findings >= most:
                pool.terminate()
                break
    for reason, number in left_out.most_common():
        click.echo(f"left out, since Luigi raises: {number:,} x {reason}")
    raise SystemExit(1 if findings else 0)


if __name__ == "__main__":
    main()
