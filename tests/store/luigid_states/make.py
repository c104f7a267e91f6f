"""Write a state file as an old Luigi version does: ``python make.py FOLDER_WITH_LUIGI FILE``; see the README here."""

from __future__ import annotations

import collections
import collections.abc
import inspect
import sys
from typing import Any, NamedTuple


class _ArgSpec(NamedTuple):
    args: list[str]
    varargs: str | None
    keywords: str | None
    defaults: tuple[Any, ...] | None


def bring_back_what_python_dropped() -> None:
    """Give old Luigi versions the names that Python had when they were new."""
    for name in ("Mapping", "MutableSet", "MutableMapping", "Callable", "Iterable"):
        if not hasattr(collections, name):
            setattr(collections, name, getattr(collections.abc, name))
    for name, value in (
        ("ArgSpec", _ArgSpec),
        ("getargspec", lambda function: _ArgSpec(*inspect.getfullargspec(function)[:4])),
    ):
        if not hasattr(inspect, name):
            setattr(inspect, name, value)


def main(folder: str, file: str) -> None:
    """Let the scheduler of the Luigi in a folder make a small state, and write it."""
    bring_back_what_python_dropped()
    sys.path.insert(0, folder)
    import luigi.scheduler as module

    kind = getattr(module, "CentralPlannerScheduler", None) or module.Scheduler
    scheduler = kind(state_path=file)
    call = scheduler.add_task
    for worker, host in (("w1", "host-1"), ("w2", "host-2")):
        scheduler.add_worker(worker, {"workers": 2})
        scheduler.get_work(worker=worker, host=host)
    call(worker="w1", task_id="A", family="A", module="jobs")
    call(worker="w1", task_id="A", family="A", module="jobs", status="DONE")
    call(worker="w1", task_id="C", family="C", params={"user": "me"})
    assert scheduler.get_work(worker="w1", host="host-1")["task_id"] == "C"
    for worker in ("w2", "w1"):
        call(
            worker=worker,
            task_id="B",
            family="B",
            deps=["A", "U"],
            params={"day": "1"},
            priority=3,
            resources={"db": 1},
        )
    old = not hasattr(module, "RetryPolicy")
    if old:
        scheduler._make_task.keywords["disable_failures"] = 9  # without a limit it does not count
    for _ in range(2):
        call(worker="w2", task_id="F", family="F", expl="it broke", status="FAILED")
    limit: dict[str, Any] = {} if old else {"retry_policy_dict": {"retry_count": 1}}
    if old:
        scheduler._make_task.keywords["disable_failures"] = 1
    for status in ("PENDING", "FAILED"):
        call(worker="w2", task_id="X", family="X", status=status, **limit)
    scheduler.dump()


if __name__ == "__main__":
    main(*sys.argv[1:])
