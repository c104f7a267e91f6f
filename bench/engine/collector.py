"""Ways to set up Python's garbage collector, to be compared."""

from __future__ import annotations

import gc

from luigiviz.service.collector import Collector

#: As luigiviz' server does it; as the interpreter starts; no collection at all.
MODES = ("server", "default", "off")


def before_filling(mode: str) -> None:
    """Set the collector up in a process that has done nothing yet."""
    if mode == "server":
        Collector().set_up()
    elif mode == "off":
        gc.disable()


def after_filling(mode: str) -> None:
    """Do what the server does now and then, when there are many new tasks."""
    if mode == "server":
        gc.freeze()
