"""Reads luigid's state file, in a process of its own: ``python luigid_reader.py FILE`` prints documents, a line each.

A pickle is a program. This one may name a few classes, which are stand-ins of ours or harmless ones of Python's, and
nothing else. It can still ask for more memory, time or depth than there is, so it runs where nothing else can be
harmed: alone, within limits, with the standard library only. The lines are JSON arrays: ``["worker", document]``,
``["batcher", document]``, ``["task", document, dependencies]``, and the last one ``["end"]`` or ``["error", message]``.
"""

from __future__ import annotations

import gc
import json
import math
import pickle
import resource
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

#: What the process may use: bytes of memory and seconds of processor time, at least, and for each byte of the file.
#: A task that takes 300 bytes in the file takes about 5 kB as an object.
MEMORY, MEMORY_PER_BYTE = 512 * 1024 * 1024, 64
SECONDS, SECONDS_PER_BYTE = 60, 1e-6
#: How much may be printed, likewise: a file can hold a long text once and use it a million times.
OUTPUT, OUTPUT_PER_BYTE = 64 * 1024 * 1024, 64

STATUSES = frozenset(("PENDING", "RUNNING", "BATCH_RUNNING", "DONE", "FAILED", "DISABLED", "UNKNOWN"))
#: What Luigi stores for the visibility of a parameter that everybody may see.
PUBLIC = 0
#: More workers than this that announced batches are not kept, as by the scheduler itself.
MOST_BATCHERS = 10_000
#: Luigi's policies had no name of their own before version 2.2.
_OLD_POLICY = ("disable_failures", "disable_hard_timeout")
#: What the numbers of a policy are where None stood for "no limit": Luigi's defaults since.
_NO_LIMIT = (999999999, 999999999, 3600)

Document = dict[str, Any]


class UnusableError(Exception):
    """The file is not what luigid writes; the message says in what."""


class Thing:
    """Stands for an object of one of Luigi's classes: attributes, and nothing that can be done with them."""


class Task(Thing):
    """``luigi.scheduler.Task``."""


class Worker(Thing):
    """``luigi.scheduler.Worker``."""


class Failures(Thing):
    """``luigi.scheduler.Failures``, until Luigi 2."""


class OrderedSet(Thing):
    """``luigi.scheduler.OrderedSet``: a ring of entries ``[key, previous, next]``, and a dict of them by key."""


class RetryPolicy(tuple[Any, ...]):
    """``luigi.scheduler.RetryPolicy``, a named tuple."""

    def __new__(cls, *numbers: Any) -> RetryPolicy:
        """Take its numbers one by one, as a named tuple does."""
        return super().__new__(cls, numbers)


def _visibility(value: int) -> int:
    """Stand for ``luigi.parameter.ParameterVisibility``."""
    return int(value)


def _reconstruct(kind: type, base: type, state: Any) -> Any:
    """Do what ``copyreg._reconstructor`` does, with which Python 2 began all objects."""
    if issubclass(kind, Thing) and base is object:
        return kind()
    if kind is RetryPolicy:
        return RetryPolicy(*state)
    raise UnusableError(f"it makes a {kind.__name__} in a way that luigid does not")


#: All that a state file may name. Python 2 had other names for two of the modules.
ALLOWED: dict[tuple[str, str], Any] = {
    ("luigi.scheduler", "Task"): Task,
    ("luigi.scheduler", "Worker"): Worker,
    ("luigi.scheduler", "Failures"): Failures,
    ("luigi.scheduler", "OrderedSet"): OrderedSet,
    ("luigi.scheduler", "RetryPolicy"): RetryPolicy,
    ("luigi.parameter", "ParameterVisibility"): _visibility,
    ("collections", "deque"): deque,
    ("builtins", "set"): set,
    ("__builtin__", "set"): set,
    ("builtins", "object"): object,
    ("__builtin__", "object"): object,
    ("builtins", "tuple"): tuple,
    ("__builtin__", "tuple"): tuple,
    ("copyreg", "_reconstructor"): _reconstruct,
    ("copy_reg", "_reconstructor"): _reconstruct,
}


class RestrictedUnpickler(pickle.Unpickler):
    """An unpickler that knows the names in ``ALLOWED`` only."""

    def find_class(self, module: str, name: str) -> Any:
        """Return what stands for a name.

        Raises UnusableError: luigid's state has no such thing.
        """
        try:
            return ALLOWED[module, name]
        except KeyError:
            raise UnusableError(f"it names {module}.{name}, which luigid's state does not hold") from None

    def persistent_load(self, pid: Any) -> Any:
        """Refuse objects that are kept outside of the file."""
        raise UnusableError("it refers to objects outside of the file, which luigid's state does not")


def read(path: Path) -> Iterator[list[Any]]:
    """Iterate over what is to be printed for a state file, all but the end.

    Raises UnusableError: it is not what luigid writes. Other exceptions mean the same.
    """
    with path.open("rb") as file:
        if not file.read(1):
            raise UnusableError("it is empty")
        file.seek(0)
        # Texts of Python 2 are bytes; luigid's own are ASCII.
        state = RestrictedUnpickler(file, encoding="utf-8").load()
    if not isinstance(state, tuple) or len(state) not in (2, 3) or not all(type(part) is dict for part in state):
        raise UnusableError("it does not hold luigid's tasks and workers")
    tasks, workers = state[:2]
    numbers: dict[str, int] = {}
    for worker_id, worker in workers.items():
        if type(worker) is not Worker:
            raise UnusableError(f"worker {worker_id!r} is a {type(worker).__name__}")
        numbers[_text(worker_id, "the id of a worker")] = len(numbers) + 1
        yield ["worker", _worker(worker_id, numbers[worker_id], worker)]
    batchers = list(state[2].items()) if len(state) == 3 else []
    for number, (worker_id, families) in enumerate(_newest(batchers, numbers), start=1):
        yield ["batcher", _batcher(worker_id, number, families)]
    for seq, (task_id, task) in enumerate(tasks.items(), start=1):
        if type(task) is not Task:
            raise UnusableError(f"task {task_id!r} is a {type(task).__name__}")
        _text(task_id, "the id of a task")
        try:
            yield ["task", *_task(task_id, seq, vars(task), numbers)]
        except UnusableError as error:
            raise UnusableError(f"task {task_id!r}: {error}") from None


def _newest(batchers: list[Any], workers: Mapping[str, int]) -> list[Any]:
    """Leave out batchers of workers that are gone, where there are too many: luigid keeps them for ever."""
    if len(batchers) <= MOST_BATCHERS:
        return batchers
    gone = [entry for entry in batchers if entry[0] not in workers][-MOST_BATCHERS:]
    return gone + [entry for entry in batchers if entry[0] in workers]


def _worker(worker_id: str, seq: int, worker: Worker) -> Document:
    values = vars(worker)
    started = _time(values.get("started"), "started")
    if started is None:
        raise UnusableError(f"worker {worker_id!r} has no beginning")
    last_active = _time(values.get("last_active"), "last_active")
    document: Document = {
        "seq": seq,
        "id": worker_id,
        "started": started,
        "last_active": started if last_active is None else last_active,
    }
    last_get_work = _time(values.get("last_get_work"), "last_get_work")
    if last_get_work is not None:
        document["last_get_work"] = last_get_work
    reference = values.get("reference")
    if isinstance(reference, dict) and isinstance(reference.get("host"), str):
        document["host"] = reference["host"]
    for name in ("info", "rpc_messages"):
        if values.get(name):
            document[name] = values[name]
    if values.get("disabled"):
        document["disabled"] = True
    return document


def _batcher(worker_id: Any, seq: int, families: Any) -> Document:
    document: Document = {"seq": seq, "worker": _text(worker_id, "the id of a worker"), "families": {}}
    for family, (names, most) in families.items():
        number = _number(most, "max_batch_size")
        document["families"][_text(family, "a family")] = [list(names), math.inf if number is None else number]
    return document


def _task(task_id: str, seq: int, values: Document, workers: Mapping[str, int]) -> tuple[Document, list[str]]:
    get = values.get
    status = "PENDING" if get("status") == "SUSPENDED" else get("status")
    if status not in STATUSES:
        raise UnusableError(f"its status is {status!r}")
    time = _time(get("time"), "time")
    if time is None:
        raise UnusableError("it has no beginning")
    updated = _time(get("updated"), "updated")
    # Loading its state, luigid lists the tasks of each status in the order of their creation.
    document: Document = {"seq": seq, "id": task_id, "status": status, "order": seq, "time": time}
    document["updated"] = time if updated is None else updated
    document |= _description(get)
    document |= _run(values)
    for name, read_one in _PLAIN.items():
        value = read_one(get(name), name)
        if value is not None:
            document[name] = value
    if status == "FAILED":
        # Old versions forgot it at times; nothing but a restart could bring such a task back.
        document.setdefault("retry", document["updated"])
    for name in ("accepts_messages", "batchable", "runnable"):
        if get(name):
            document[name] = True
    document |= _failures(values)
    for name, ids in (("workers", _in_order(get("workers"))), ("stakeholders", sorted(get("stakeholders") or ()))):
        # A worker that is gone is named by mistake; it would keep the task for ever.
        seqs = [workers[worker_id] for worker_id in ids if worker_id in workers]
        if seqs:
            document[name] = sorted(seqs) if name == "stakeholders" else seqs
    deps = sorted(_text(dep_id, "the id of a dependency") for dep_id in get("deps") or ())
    return document, deps


def _description(get: Callable[[str], Any]) -> Document:
    """Describe what a task is."""
    document: Document = {}
    family = get("family")
    if family:
        document["family"] = _text(family, "its family")
    params = _dict(get("params"), "params")
    if params:
        document["params"] = params
        public = get("public_params")
        if isinstance(public, dict) and len(public) < len(params):
            document["public"] = [name for name in params if name in public]
    visibilities = _dict(get("param_visibilities"), "param_visibilities")
    if visibilities:
        document["param_visibilities"] = visibilities
    resources = _amounts(get("resources"), "resources")
    if resources:
        document["resources"] = resources
    priority = _number(get("priority"), "priority")
    if priority:
        document["priority"] = priority
    return document


def _run(values: Document) -> Document:
    """Describe what a task's run holds."""
    held = values.get("resources_running")
    if held is None:
        return {}
    # A member of a batch has one dict for what it needs and what it holds.
    return {"held": "resources" if held is values.get("resources") else _amounts(held, "resources_running")}


def _failures(values: Document) -> Document:
    """Describe how often a task failed, and when that is too often."""
    document: Document = {}
    failures, first = values.get("failures"), values.get("first_failure_time")
    window = None
    if type(failures) is Failures:
        counted = vars(failures)
        window = counted.get("window")
        failures, first = counted.get("failures"), counted.get("first_failure_time")
    times = [time for time in (_time(at, "failures") for at in failures or ()) if time is not None]
    if times:
        document["failures"] = times
    first = _time(first, "first_failure_time")
    if first is not None:
        document["first_failure_time"] = first
    policy = values.get("retry_policy")
    numbers = policy if type(policy) is RetryPolicy else (*(values.get(name) for name in _OLD_POLICY), window)
    found = [_number(number, "retry_policy") for number in numbers]
    if len(found) == 3 and any(number is not None for number in found):
        document["retry_policy"] = [
            usual if number is None else number for number, usual in zip(found, _NO_LIMIT, strict=True)
        ]
    return document


def _in_order(workers: Any) -> list[Any]:
    """List the items of an OrderedSet, or of what it was before Luigi 2.3."""
    if type(workers) is not OrderedSet:
        return sorted(workers or ())
    end, entries = vars(workers)["end"], vars(workers)["map"]
    keys: list[Any] = []
    entry = end[2]
    while entry is not end:
        if len(keys) == len(entries):
            raise UnusableError("the order of its workers runs in a circle")
        keys.append(entry[0])
        entry = entry[2]
    return keys


# Values


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise UnusableError(f"{what} is no text, but {_brief(value)}")
    return value


def _optional_text(value: Any, name: str) -> str | None:
    return None if value is None else _text(value, name)


def _number(value: Any, name: str) -> float | None:
    if value is None:
        return None
    if not isinstance(value, int | float) or value != value:
        raise UnusableError(f"{name} is no number, but {_brief(value)}")
    return value


def _time(value: Any, name: str) -> float | None:
    number = _number(value, name)
    if number is not None and not math.isfinite(number):
        raise UnusableError(f"{name} is no time, but {value!r}")
    return number


def _dict(value: Any, name: str) -> Document:
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise UnusableError(f"{name} is no dict with texts as keys, but {_brief(value)}")
    return value


def _amounts(value: Any, name: str) -> dict[str, float]:
    return {key: _number(amount, f"the amount of {key!r}") or 0 for key, amount in _dict(value, name).items()}


def _anything(value: Any, _name: str) -> Any:
    return value


def _brief(value: Any) -> str:
    return f"a {type(value).__name__}"


#: Attributes that a document holds as they are, unless they are None.
_PLAIN: dict[str, Callable[[Any, str], Any]] = {
    "batch_id": _optional_text,
    "expl": _anything,
    "module": _optional_text,
    "progress_percentage": _anything,
    "remove": _time,
    "retry": _time,
    "scheduler_disable_time": _time,
    "scheduler_message_responses": lambda value, name: _dict(value, name) or None,
    "status_message": _anything,
    "time_running": _time,
    "tracking_url": _anything,
    "worker_running": _optional_text,
}


def _limit(path: Path) -> int:
    """Set the limits of this process for a file, and return how much may be printed."""
    size = path.stat().st_size
    for kind, amount in (
        (resource.RLIMIT_AS, MEMORY + MEMORY_PER_BYTE * size),
        (resource.RLIMIT_CPU, int(SECONDS + SECONDS_PER_BYTE * size)),
        (resource.RLIMIT_CORE, 0),
    ):
        most = resource.getrlimit(kind)[1]
        if most == resource.RLIM_INFINITY or amount < most:
            with suppress(OSError, ValueError):  # a system that knows no such limit
                resource.setrlimit(kind, (amount, amount))
    return OUTPUT + OUTPUT_PER_BYTE * size


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _print(lines: Iterable[list[Any]], most: int) -> None:
    printed = 0
    for line in lines:
        # Half of a surrogate pair is no text for anybody: "?" stands for it.
        data = _encode(line).encode("utf-8", "replace") + b"\n"
        printed += len(data)
        if printed > most:
            raise UnusableError("it unfolds to a multiple of its size")
        sys.stdout.buffer.write(data)


def main(path: Path) -> None:
    """Print what a file holds; whatever is wrong with it is the last line."""
    try:
        _print(read(path), _limit(path))
    except UnusableError as error:
        end = ["error", str(error)]
    except MemoryError:
        end = ["error", "it asks for more memory than a state of its size needs"]
    except RecursionError:
        end = ["error", "it is nested too deeply"]
    except Exception as error:
        # Any: the pickle decides what goes wrong.
        words = " ".join(str(error).split())[:200]
        end = ["error", f"it is no state file, or a damaged one ({type(error).__name__}: {words})"]
    else:
        end = ["end"]
    sys.stdout.buffer.write(json.dumps(end).encode("ascii") + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    gc.disable()  # all objects stay until the end, which comes soon
    main(Path(sys.argv[1]))
