"""Equal values stored once, so that a million tasks share what they have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from weakref import WeakValueDictionary

from luigiviz.engine.model import NO_RESOURCES, Resources


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


def freeze(value: Any) -> Any:
    """Return a hashable value that is equal exactly where JSON values are equal."""
    if isinstance(value, dict):
        return ("dict", frozenset((name, freeze(item)) for name, item in value.items()))
    if isinstance(value, list | tuple):
        return ("list", tuple(freeze(item) for item in value))
    return value
