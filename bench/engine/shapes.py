"""The pipelines that the benchmarks fill a scheduler with, as the calls in which Luigi's workers announce them.

A worker announces a task before what it depends on, so most tasks begin as a placeholder that a dependent named.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

#: The arguments of one ``add_task``.
Claim = dict[str, Any]

_LAYERS = 10
_PIPELINE = 100
_WORKERS = 1000
_RESOURCES = 50


@dataclass(frozen=True, slots=True)
class Shape:
    """A kind of pipeline."""

    name: str
    words: str
    #: The claims of so many tasks.
    claims: Callable[[int], Iterator[Claim]]
    workers: int = 1
    resources: dict[str, float] = field(default_factory=dict)
    #: Sizes of the small scheduler to compare with, and of the largest that makes sense.
    reference: int = 1000
    largest: int = 1_000_000


def task_id(number: int) -> str:
    """An id as Luigi makes them, of 30 characters."""
    digest = hashlib.blake2b(number.to_bytes(8, "big"), digest_size=5).hexdigest()
    return f"Step{number % 20:02}_{number:012}_{digest}"


def worker_id(number: int) -> str:
    """The id of a worker."""
    return f"Worker(salt={number:09}, host=node{number % 100:03})"


def claim(number: int, deps: list[int], worker: int = 0, resources: dict[str, float] | None = None) -> Claim:
    """What a worker says about a task: family, module, two parameters, and what it waits for."""
    return {
        "worker": worker_id(worker),
        "task_id": task_id(number),
        "status": "PENDING",
        "runnable": True,
        "deps": [task_id(dep) for dep in deps],
        "priority": 0,
        "resources": resources or {},
        "family": f"Step{number % 20:02}",
        "module": "company.pipelines.daily",
        "params": {"date": f"2024-{number % 12 + 1:02}-{number % 28 + 1:02}", "part": str(number)},
        "param_visibilities": {"date": 0, "part": 0},
        "retry_policy_dict": {"retry_count": None, "disable_hard_timeout": None, "disable_window": None},
    }


def layered(tasks: int) -> Iterator[Claim]:
    """Ten layers; each task waits for two of the layer below."""
    width = max(tasks // _LAYERS, 1)
    for number in range(tasks):
        layer, place = divmod(number, width)
        below = (layer + 1) * width
        deps = [below + place, below + (place + 1) % width] if below + width <= tasks else []
        yield claim(number, deps)


def fan_in(tasks: int) -> Iterator[Claim]:
    """One root that waits for all others."""
    yield claim(0, list(range(1, tasks)))
    for number in range(1, tasks):
        yield claim(number, [])


def chain(tasks: int) -> Iterator[Claim]:
    """Each task waits for the next."""
    for number in range(tasks):
        yield claim(number, [number + 1] if number + 1 < tasks else [])


def pipelines(tasks: int) -> Iterator[Claim]:
    """Small pipelines of a hundred tasks that have nothing to do with each other: trees of ten by ten."""
    for number in range(tasks):
        start, place = number - number % _PIPELINE, number % _PIPELINE
        if place == 0:
            deps = list(range(start + 1, start + 11))
        elif place <= 10:
            deps = list(range(start + 11 + (place - 1) * 9, start + min(11 + place * 9, _PIPELINE)))
        else:
            deps = []
        yield claim(number, [dep for dep in deps if dep < tasks])


def fleet(tasks: int) -> Iterator[Claim]:
    """A thousand workers with tasks of their own; a fifth waits for four others, a tenth needs a resource."""
    for number in range(tasks):
        lap, worker = divmod(number, _WORKERS)
        deps = [number + offset * _WORKERS for offset in range(1, 5)] if lap % 5 == 0 else []
        needs = {f"resource{(number // 10 + lap) % _RESOURCES}": 1.0} if (number + lap) % 10 == 0 else None
        yield claim(number, [dep for dep in deps if dep < tasks], worker, needs)


SHAPES = {
    shape.name: shape
    for shape in (
        Shape("layered", "a DAG of ten layers, two dependencies each", layered),
        Shape("pipelines", "independent pipelines of 100 tasks", pipelines),
        Shape(
            "fleet",
            "1,000 workers, 50 resources, every tenth task needs one",
            fleet,
            _WORKERS,
            {f"resource{number}": 3.0 for number in range(_RESOURCES)},
            reference=10_000,
        ),
        Shape("fan-in", "one root on all others", fan_in, largest=100_000),
        Shape("chain", "each task waits for the next", chain, largest=100_000),
    )
}
