"""What the engine is held to, and whether it was reached."""

from __future__ import annotations

from bench.engine import calls, memory, storms
from bench.engine.table import milliseconds

#: A call may take so many times as long with many tasks as with a thousand (median).
GROWTH = 1.5
#: No single call may take longer, unless it returns or touches that many tasks.
LONGEST = 0.020
FLEET_GET_WORK = 0.001
IDLE_PRUNE = 0.0001
BYTES_PER_TASK = 1500
#: Seconds that may pass when 100,000 tasks are touched.
STORM_SECONDS = {
    "root fails": 0.25,
    "root succeeds": 0.25,
    "root fails again, others are ready": 0.25,
    "root succeeds at once": 0.25,
    "a worker vanishes": 0.4,
    "a worker with a partner vanishes": 0.4,
    "page of upstream-failed": LONGEST,
    "page of PENDING, all upstream-failed": LONGEST,
    "page of all, all upstream-failed": LONGEST,
    "one of many is retried": LONGEST,
    "the near one is retried": LONGEST,
}
#: These announce a task together with as many dependencies.
_TOUCHES_MANY = ("filling, many deps",)


class Goals:
    """Collects verdicts."""

    def __init__(self) -> None:
        """Begin without verdicts."""
        self._verdicts: list[tuple[bool, str]] = []

    def judge_calls(self, report: calls.Report) -> None:
        """Judge growth and the longest call."""
        where = f"{report.shape}, {report.tasks:,} tasks"
        for name, row in report.calls.items():
            if name in _TOUCHES_MANY:
                continue
            self._judge(row.longest <= LONGEST, f"{where}: longest {name}", row.longest, LONGEST)
            small = report.reference.get(name)
            if report.tasks > report.reference_tasks and small is not None and not name.startswith("filling"):
                growth = row.median / small.median
                self._verdicts.append((growth <= GROWTH, f"{where}: {name} grows {growth:.2f} times (goal {GROWTH})"))
            if name == "prune, nothing due":
                self._judge(row.median <= IDLE_PRUNE, f"{where}: {name}", row.median, IDLE_PRUNE)
            if name == "get_work" and report.shape == "fleet" and report.tasks == 100_000:
                self._judge(row.median <= FLEET_GET_WORK, f"{where}: {name}", row.median, FLEET_GET_WORK)

    def judge_storm(self, report: storms.Report) -> None:
        """Judge times, and whether all was right afterwards."""
        where = f"{report.storm}, {report.tasks:,} tasks"
        for name, row in report.calls.items():
            goal = STORM_SECONDS.get(name)
            if goal is not None:
                self._judge(row.median <= goal, f"{where}: {name}", row.median, goal)
        self._verdicts.append((not report.wrong, f"{where}: counts are right"))

    def judge_memory(self, report: memory.Report) -> None:
        """Judge what a task takes."""
        if report.which == "luigiviz":
            held = report.bytes_per_task
            self._verdicts.append((held <= BYTES_PER_TASK, f"memory: {held:,.0f} bytes (goal {BYTES_PER_TASK:,})"))

    def _judge(self, met: bool, what: str, seconds: float, goal: float) -> None:
        self._verdicts.append((met, f"{what}: {milliseconds(seconds)} ms (goal {milliseconds(goal)})"))

    def print(self) -> None:
        """Print what was missed, and how much was reached."""
        missed = [text for met, text in self._verdicts if not met]
        print(f"\n{len(self._verdicts) - len(missed)} goals met, {len(missed)} missed")
        for text in missed:
            print(f"  missed: {text}")
