"""Keeps Python's garbage collector from walking through all tasks, again and again, while everybody waits.

Tasks need no collector: the engine makes no circles of objects that outlive their use (``docs/performance.md``). What
web requests leave behind dies young. So the young generations are collected as ever, and the oldest only where that is
quick: what the scheduler holds is taken out of the collector's sight as it grows.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

#: New objects between two collections of the youngest generation, and of those until one of the middle generation.
#: The oldest is left to ``Collector.look``.
_THRESHOLDS = (5_000, 5, 1_000_000)
#: So many new tasks, or this part of all, are taken out of sight at a time.
_STEP = 10_000
_PART = 0.02
#: Seconds between two collections of what is in sight.
_EVERY = 600.0


class Collector:
    """The process's collector, looked after."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Make a caretaker that has seen no task yet."""
        self._clock = clock
        self._frozen = 0
        self._collected_at = clock()

    def set_up(self) -> None:
        """Collect young objects in small portions, and the oldest never by themselves."""
        gc.set_threshold(*_THRESHOLDS)

    def look(self, num_tasks: int) -> None:
        """Do what is due, now that there are so many tasks."""
        if num_tasks - self._frozen >= max(_STEP, self._frozen * _PART):
            gc.collect(1)
            gc.freeze()
            self._frozen = num_tasks
        elif self._clock() - self._collected_at >= _EVERY:
            self._collected_at = self._clock()
            gc.collect()
        # Room that tasks have left is filled by new ones, which are in sight.
        self._frozen = min(self._frozen, num_tasks)
