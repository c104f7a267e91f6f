"""Prints what was measured."""

from __future__ import annotations

from bench.engine import calls, memory, storms


def milliseconds(seconds: float) -> str:
    """Return seconds as milliseconds with three significant digits or so."""
    value = seconds * 1e3
    return f"{value:.4f}" if value < 0.1 else f"{value:.3f}" if value < 10 else f"{value:.0f}"


def print_calls(mine: calls.Report, theirs: calls.Report | None) -> None:
    """Print a line for each call."""
    grows = mine.tasks > mine.reference_tasks
    words = f"{mine.shape}, {mine.tasks:,} tasks (ms of CPU time"
    print(
        f"\n{words}; growth: median against {mine.reference_tasks:,} tasks; longest collection "
        f"{milliseconds(max(mine.collections))})"
    )
    print(
        f"  {'call':<22} {'calls':>8} {'median':>9} {'growth':>7} {'p99':>9} {'longest':>9} {'luigid':>9} {'faster':>8}"
    )
    for name, row in sorted(mine.calls.items()):
        small = mine.reference.get(name)
        growth = (
            f"{row.median / small.median:.2f}" if grows and small and small.median and "filling" not in name else ""
        )
        other = theirs.calls.get(name) if theirs is not None else None
        luigid = milliseconds(other.median) if other else "-"
        faster = f"{other.median / row.median:.1f}x" if other and row.median else ""
        print(
            f"  {name:<22} {row.calls:>8} {milliseconds(row.median):>9} {growth:>7} {milliseconds(row.p99):>9} "
            f"{milliseconds(row.longest):>9} {luigid:>9} {faster:>8}",
            flush=True,
        )


def print_storm(report: storms.Report) -> None:
    """Print a line for each call of a storm."""
    print(f"\n{report.storm}, {report.tasks:,} tasks (ms of CPU time)")
    for name, row in report.calls.items():
        print(
            f"  {name:<45} {row.calls:>4} median {milliseconds(row.median):>9} longest {milliseconds(row.longest):>9}",
            flush=True,
        )
    for wrong in report.wrong:
        print(f"  WRONG: {wrong}")


def print_memory(report: memory.Report) -> None:
    """Print what a task takes."""
    print(
        f"\n{report.which}, {report.tasks:,} tasks: {report.bytes_per_task:,.0f} bytes of resident memory per task, "
        f"{report.tracked_objects:.1f} objects for the collector",
        flush=True,
    )
