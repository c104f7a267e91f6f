"""Equal values stored once, so that a million tasks share what they have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from weakref import WeakValueDictionary

from luigiviz.engine.config import RetryPolicy
from luigiviz.engine.model import NO_RESOURCES, Resources

#: An interner that knows so many values starts anew, so that it cannot grow for ever.
_MOST = 10_000
NO_VISIBILITIES: Mapping[str, int] = {}


class ResourceInterner:
    """Makes equal resources the same object."""

    def __init__(self) -> None:
        """Make an interner that knows nothing."""
        self._known: WeakValueDictionary[frozenset[tuple[str, float]], Resources] = WeakValueDictionary()

    def __call__(self, resources: Mapping[str, float] | None) -> Resources:
        """Return the one object for these amounts."""
        if not resources:
            return NO_RESOURCES
        key = frozenset(resources.items())
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = Resources(resources)
        return known


class VisibilityInterner:
    """Makes equal visibilities of parameters the same object; tasks of a family mostly have the same."""

    def __init__(self) -> None:
        """Make an interner that knows nothing."""
        self._known: dict[frozenset[tuple[str, int]], Mapping[str, int]] = {}

    def __call__(self, visibilities: Mapping[str, int] | None) -> Mapping[str, int]:
        """Return the one object for these visibilities."""
        if not visibilities:
            return NO_VISIBILITIES
        key = frozenset(visibilities.items())
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= _MOST:
                self._known.clear()
            known = self._known[key] = visibilities
        return known


class PolicyInterner:
    """Makes equal retry policies the same object."""

    def __init__(self, default: RetryPolicy) -> None:
        """Make an interner that knows the scheduler's own policy."""
        self._default = default
        self._known = {default: default}

    def __call__(self, policy: RetryPolicy) -> RetryPolicy:
        """Return the one object for this policy."""
        if len(self._known) >= _MOST:
            self._known = {self._default: self._default}
        return self._known.setdefault(policy, policy)


def freeze(value: Any) -> Any:
    """Return a hashable value that is equal exactly where JSON values are equal."""
    if isinstance(value, dict):
        return ("dict", frozenset((name, freeze(item)) for name, item in value.items()))
    if isinstance(value, list | tuple):
        return ("list", tuple(freeze(item) for item in value))
    return value
