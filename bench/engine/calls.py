"""The calls of workers and pages, timed one by one on a scheduler that holds so many tasks.

Beside the large scheduler a small one works in the same process, and the two take turns, so that a ratio of their
times says something about size and not about what else the machine was doing.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bench.engine import collector
from bench.engine.shapes import SHAPES, Claim, Shape, claim, worker_id
from bench.engine.timing import Collections, Figures, Stopwatch
from luigiviz.engine import Scheduler, SchedulerConfig, queries
from luigiviz.engine.views import TaskQuery

#: A scheduler as a caller sees it: the name of a method and its arguments.
Call = Callable[[str, dict[str, Any]], Any]

#: So many rounds, of one call of each kind, make a row; so many in a row on one scheduler.
_ROUNDS = 2000
_TURN = 20
#: No more than this share of the tasks is run, so that the pipeline keeps its size and shape.
_SHARE_RUN = 0.2
#: Announcing a task with more dependencies than this is counted apart: it touches as many tasks.
_MANY_DEPS = 100


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured of one scheduler with one shape and size."""

    which: str
    shape: str
    tasks: int
    mode: str
    calls: dict[str, Figures]
    #: The same calls on the small scheduler.
    reference_tasks: int
    reference: dict[str, Figures]
    #: Longest garbage collection of each generation. Seconds.
    collections: list[float]


class Clock:
    """A clock that goes on a little with every reading, so that nothing is due because filling takes its time."""

    def __init__(self) -> None:
        """Begin at some time."""
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        """Return the seconds since the epoch."""
        self.now += 1e-5
        return self.now


def ours(shape: Shape) -> tuple[Call, Scheduler]:
    """The engine of luigiviz."""
    scheduler = Scheduler(SchedulerConfig(), shape.resources, clock=Clock())
    return scheduler.call, scheduler


def theirs(shape: Shape) -> tuple[Call, None]:
    """Luigi's scheduler, without its HTTP server."""
    from luigi.scheduler import Scheduler as LuigiScheduler

    scheduler = LuigiScheduler(resources=shape.resources)
    return lambda method, arguments: getattr(scheduler, method)(**arguments), None


@dataclass(slots=True)
class _Site:
    """A filled scheduler at work."""

    call: Call
    scheduler: Scheduler | None
    shape: Shape
    tasks: int
    #: Claims of random tasks.
    known: list[Claim]
    rounds: int = 0
    running: dict[str, str] = field(default_factory=dict)

    @property
    def rounds_left(self) -> int:
        return max(int(self.tasks * _SHARE_RUN), 1) - self.rounds

    def round(self, watch: Stopwatch) -> None:
        """Make one call of each kind."""
        call, number = self.call, self.rounds
        self.rounds += 1
        worker = worker_id(number % self.shape.workers)
        self._work(worker, watch)
        known = self.known[number % len(self.known)]
        watch.time("ping", lambda: call("ping", {"worker": worker}))
        watch.time("count_pending", lambda: call("count_pending", {"worker": worker}))
        watch.time("fetch_error", lambda: call("fetch_error", {"task_id": known["task_id"]}))
        watch.time("add_task, known", lambda: call("add_task", known))
        new = claim(self.tasks + number, [], number % self.shape.workers)
        new["deps"] = [known["task_id"], self.known[(number - 1) % len(self.known)]["task_id"]]
        watch.time("add_task, new", lambda: call("add_task", new))
        watch.time("prune, nothing due", lambda: call("prune", {}))
        if self.scheduler is not None:
            self._read(number, watch)

    def _work(self, worker: str, watch: Stopwatch) -> None:
        """A worker reports what it ran, and asks for the next."""
        task = self.running.pop(worker, None)
        if task is not None:
            done = {"worker": worker, "task_id": task, "status": "DONE", "runnable": True}
            watch.time("finish (DONE)", lambda: self.call("add_task", done))
        self.ask(worker, watch)

    def ask(self, worker: str, watch: Stopwatch) -> None:
        """A worker that runs nothing asks for work."""
        arguments = {"worker": worker, "host": "node", "current_tasks": []}
        answer = watch.time("get_work", lambda: self.call("get_work", arguments))
        if answer["task_id"] is not None:
            self.running[worker] = answer["task_id"]

    def _read(self, number: int, watch: Stopwatch) -> None:
        """Somebody looks at the pages."""
        assert self.scheduler is not None
        state, now = self.scheduler.state, time.time()
        pending = TaskQuery(statuses=frozenset({"PENDING"}), page=1 + number % 3)
        watch.time("status counts", lambda: queries.overview(state, now))
        watch.time("page of all tasks", lambda: queries.task_page(state, TaskQuery(), now)())
        watch.time("page of PENDING", lambda: queries.task_page(state, pending, now)())


def measure(which: str, shape_name: str, tasks: int, mode: str, seconds: float) -> Report:
    """Fill a scheduler and time its calls, at most so long; to be called in a process of its own."""
    shape = SHAPES[shape_name]
    collections = Collections()
    watch, reference_watch = Stopwatch(collections), Stopwatch(collections)
    collector.before_filling(mode)
    end = time.monotonic() + seconds
    large = _site(which, shape, tasks, watch, end)
    collector.after_filling(mode)
    small: _Site | None = None
    rounds = 0
    while large is not None and rounds < _ROUNDS and time.monotonic() < end:
        for _ in range(_TURN):
            if large.rounds_left <= 0:
                large = _site(which, shape, tasks, Stopwatch(collections), end)
                if large is None:
                    break
            large.round(watch)
        if which == "luigiviz" and tasks > shape.reference:
            for _ in range(_TURN):
                if small is None or small.rounds_left <= 0:
                    small = _site(which, shape, shape.reference, Stopwatch(collections), end)
                    if small is None:
                        break
                small.round(reference_watch)
        rounds += _TURN
    reference = reference_watch.figures() if tasks > shape.reference else watch.figures()
    return Report(which, shape_name, tasks, mode, watch.figures(), shape.reference, reference, collections.longest)


def _site(which: str, shape: Shape, tasks: int, watch: Stopwatch, end: float) -> _Site | None:
    """Announce all tasks, and give each worker one; None if the time is over before."""
    call, scheduler = ours(shape) if which == "luigiviz" else theirs(shape)
    rng = random.Random(tasks)
    sample = {rng.randrange(tasks) for _ in range(_ROUNDS)}
    known = []
    for number, arguments in enumerate(shape.claims(tasks)):
        if len(arguments["deps"]) > _MANY_DEPS:
            watch.time("filling, many deps", lambda: call("add_task", arguments))  # noqa: B023
        else:
            watch.time("filling", lambda: call("add_task", arguments))  # noqa: B023
            if number in sample:
                known.append(arguments)
        if number % 1000 == 0 and time.monotonic() > end:
            return None
    rng.shuffle(known)
    site = _Site(call, scheduler, shape, tasks, known)
    for number in range(shape.workers):
        site.ask(worker_id(number), watch)
        if time.monotonic() > end:
            break
    return site
