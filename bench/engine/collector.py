"""Ways to set up Python's garbage collector, to be compared."""

from __future__ import annotations

import gc

#: ``default``: as the interpreter starts. ``frozen``: rare collections, and none looks at what a full scheduler
#: holds. ``off``: none at all.
MODES = ("default", "server", "off")


def before_filling(mode: str) -> None:
    """Set the collector up in a process that has done nothing yet."""
    if mode == "server":
        gc.set_threshold(5000, 5, 1_000_000)
    elif mode == "off":
        gc.disable()


def after_filling(mode: str) -> None:
    """Do what a server would do once in a while."""
    if mode == "server":
        gc.freeze()
