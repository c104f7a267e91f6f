"""Times of single calls, and how much of them went into Python's garbage collection.

All times are CPU times of the calling thread: on a machine with other work going on, wall-clock times tell more about
that work. What it costs to read the clock is measured and taken off.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Figures:
    """What is reported of a call. Seconds."""

    calls: int
    median: float
    p99: float
    longest: float
    #: The longest call, not counting garbage collection.
    longest_without_gc: float


class Collections:
    """Adds up the seconds that garbage collection takes, by generation."""

    def __init__(self) -> None:
        """Begin to watch."""
        self.total = 0.0
        self.longest = [0.0, 0.0, 0.0]
        self._started = 0.0
        gc.callbacks.append(self._note)

    def _note(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._started = time.thread_time()
            return
        seconds = time.thread_time() - self._started
        self.total += seconds
        self.longest[info["generation"]] = max(self.longest[info["generation"]], seconds)


@dataclass(slots=True)
class _Series:
    times: list[float] = field(default_factory=list)
    without_gc: list[float] = field(default_factory=list)

    def figures(self) -> Figures:
        ordered = sorted(self.times)
        p99 = ordered[int(len(ordered) * 0.99)]
        return Figures(len(ordered), statistics.median(ordered), p99, ordered[-1], max(self.without_gc))


class Stopwatch:
    """Times calls by name."""

    def __init__(self, collections: Collections | None = None) -> None:
        """Make a stopwatch without times."""
        self.collections = collections or Collections()
        self._series: dict[str, _Series] = {}
        self._overhead = 0.0
        self._overhead = statistics.median(self._once(lambda: None)[0] for _ in range(1001))

    def time(self, name: str, work: Callable[[], Any]) -> Any:
        """Call ``work``, note how long it took, and return what it returned."""
        series = self._series.setdefault(name, _Series())
        collected = self.collections.total
        seconds, result = self._once(work)
        series.times.append(seconds)
        series.without_gc.append(seconds - (self.collections.total - collected))
        return result

    def _once(self, work: Callable[[], Any]) -> tuple[float, Any]:
        start = time.thread_time_ns()
        result = work()
        end = time.thread_time_ns()
        return max(0.0, (end - start) / 1e9 - self._overhead), result

    def figures(self) -> dict[str, Figures]:
        """The figures of all calls."""
        return {name: series.figures() for name, series in self._series.items()}
