"""How much resident memory a task takes, with everything that the scheduler keeps for it."""

from __future__ import annotations

import gc
import resource
from dataclasses import dataclass
from pathlib import Path

import orjson

from bench.engine import collector
from bench.engine.calls import ours, theirs
from bench.engine.shapes import SHAPES


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured of one scheduler."""

    which: str
    tasks: int
    #: Resident memory that was added for each task.
    bytes_per_task: float
    #: How many objects of each task Python's garbage collector has to look at.
    tracked_objects: float


def measure(which: str, shape_name: str, tasks: int, mode: str) -> Report:
    """Fill a scheduler from JSON, as a server does; to be called in a process of its own."""
    shape = SHAPES[shape_name]
    collector.before_filling(mode)
    call, _scheduler = ours(shape) if which == "luigiviz" else theirs(shape)
    before = _resident()
    for arguments in shape.claims(tasks):
        call("add_task", orjson.loads(orjson.dumps(arguments)))
    held = _resident() - before
    return Report(which, tasks, held / tasks, len(gc.get_objects()) / tasks)


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()
