"""Resources: totals, and how much RUNNING tasks hold of each."""

from __future__ import annotations

from collections.abc import Mapping

from luigiviz.engine.model import Task

#: What there is of a resource that nobody has configured.
DEFAULT_TOTAL = 1


class ResourcePool:
    """Totals and used amounts.

    Invariant: ``used[name]`` is the sum of what RUNNING tasks hold, where any of them holds some.
    """

    def __init__(self, totals: Mapping[str, float]) -> None:
        """Make a pool of which nothing is used."""
        self.totals: dict[str, float] = dict(totals)
        self.used: dict[str, float] = {}
        self._holders: dict[str, int] = {}

    def acquire(self, task: Task) -> None:
        """Count what a task holds that is RUNNING from now on."""
        for name, amount in held(task).items():
            self.used[name] = self.used.get(name, 0) + amount
            self._holders[name] = self._holders.get(name, 0) + 1

    def release(self, task: Task) -> None:
        """Undo ``acquire``; what the task holds must not have changed in between."""
        for name, amount in held(task).items():
            self._holders[name] -= 1
            if self._holders[name]:
                self.used[name] -= amount
            else:
                # Not a subtraction, which may leave a rest when amounts are fractions.
                del self.used[name], self._holders[name]

    def fit(self, needed: Mapping[str, float], used: Mapping[str, float]) -> bool:
        """Whether an amount of each resource is left if so much is used."""
        totals = self.totals
        return all(amount + used.get(name, 0) <= totals.get(name, DEFAULT_TOTAL) for name, amount in needed.items())


def held(task: Task) -> Mapping[str, float]:
    """Return what a RUNNING task holds."""
    resources = task.held_resources
    return task.resources if resources is None else resources
