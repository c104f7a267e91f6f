"""Processes that call a scheduler through ``luigi.rpc.RemoteScheduler``, each over the connection that it keeps."""

from __future__ import annotations

import itertools
import logging
import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

#: The worker as which all clients call.
_WORKER = "bench"
_WARM_UP = 3

#: One round of a job: the number of the round; gives the number of calls that it made, 0 if there is nothing left.
_Round = Callable[[int], int]


@dataclass(frozen=True, slots=True)
class Job:
    """What a client shall do: rounds of a job, for so many seconds, or so many rounds if these come first."""

    name: str
    url: str
    #: Tasks that the scheduler holds.
    tasks: int
    seconds: float = float("inf")
    rounds: int | None = None


class Clients:
    """Processes that wait for jobs."""

    def __init__(self, pipes: list[Connection]) -> None:
        self._pipes = pipes

    def rate(self, job: Job, clients: int) -> float:
        """Let so many of the processes do the job at once; the calls per second of all together."""
        pipes = self._pipes[:clients]
        for pipe in pipes:
            pipe.send(job)
        answers: list[tuple[int, float]] = [pipe.recv() for pipe in pipes]
        return sum(calls for calls, _ in answers) / max(seconds for _, seconds in answers)


@contextmanager
def processes(number: int) -> Iterator[Clients]:
    """So many client processes."""
    context = multiprocessing.get_context("spawn")
    pairs = [context.Pipe() for _ in range(number)]
    workers = [context.Process(target=_work, args=(theirs,), daemon=True) for _, theirs in pairs]
    for worker in workers:
        worker.start()
    ours = [pipe for pipe, _ in pairs]
    try:
        yield Clients(ours)
    finally:
        for pipe in ours:
            pipe.send(None)
        for worker in workers:
            worker.join()


def _work(pipe: Connection) -> None:
    logging.disable(logging.WARNING)
    from luigi.rpc import RemoteScheduler

    known: dict[str, Any] = {}
    while job := pipe.recv():
        remote = known.setdefault(job.url, RemoteScheduler(job.url))
        pipe.send(_do(job, _JOBS[job.name](remote, job.tasks)))


def _do(job: Job, one_round: _Round) -> tuple[int, float]:
    calls = 0
    start = time.perf_counter()
    for number in itertools.count():
        if job.rounds is None and number == _WARM_UP:
            calls, start = 0, time.perf_counter()
        made = one_round(number)
        calls += made
        elapsed = time.perf_counter() - start
        if not made or elapsed >= job.seconds or number + 1 == job.rounds:
            break
    return calls, elapsed


def _announcement(number: int) -> dict[str, Any]:
    """Every second task waits for the one before it."""
    return {
        "worker": _WORKER,
        "task_id": f"Family{number % 20}_{number}_0123456789",
        "family": f"Family{number % 20}",
        "module": "bench.pipelines",
        "params": {"day": "2026-11-24", "number": str(number)},
        "deps": [] if number % 2 == 0 else [f"Family{(number - 1) % 20}_{number - 1}_0123456789"],
        "priority": number % 7,
        "runnable": True,
    }


def _add_new(remote: Any, _tasks: int) -> _Round:
    def one_round(number: int) -> int:
        remote.add_task(**_announcement(number))
        return 1

    return one_round


def _add_known(remote: Any, tasks: int) -> _Round:
    def one_round(number: int) -> int:
        remote.add_task(**_announcement(number % tasks))
        return 1

    return one_round


def _run(remote: Any, _tasks: int) -> _Round:
    def one_round(_number: int) -> int:
        answer = remote.get_work(worker=_WORKER, host="here", assistant=False, current_tasks=None)
        if answer["task_id"] is None:
            return 0
        remote.add_task(worker=_WORKER, task_id=answer["task_id"], status="DONE", family=answer["task_family"])
        return 2

    return one_round


def _ping(remote: Any, _tasks: int) -> _Round:
    def one_round(_number: int) -> int:
        remote.ping(worker=_WORKER)
        return 1

    return one_round


def _list(remote: Any, _tasks: int) -> _Round:
    def one_round(_number: int) -> int:
        remote.task_list(status="", upstream_status="")
        return 1

    return one_round


#: What clients can do, by the name in the table.
_JOBS: dict[str, Callable[[Any, int], _Round]] = {
    "add_task, new": _add_new,
    "add_task, known": _add_known,
    "ping": _ping,
    "task_list": _list,
    "get_work + add_task": _run,
}
