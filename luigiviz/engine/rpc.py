"""The RPC methods by name, and the check of what clients send.

A call is checked whole before the engine sees it, so a refused call has changed nothing. Arguments that a method
does not know are dropped: newer clients may send them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from luigiviz.engine.errors import InvalidArgumentError, UnknownMethodError
from luigiviz.engine.statuses import CLAIMABLE_STATUSES


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of value: a check, and words for what it accepts."""

    accepts: Callable[[Any], bool]
    words: str

    def __or__(self, other: Kind) -> Kind:
        """Accept either."""
        accepts, others = self.accepts, other.accepts
        words = f"{self.words} or {other.words}"
        if other is NULL:
            return Kind(lambda value: value is None or accepts(value), words)
        return Kind(lambda value: accepts(value) or others(value), words)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not (isinstance(value, float) and math.isnan(value))


def _is_mapping(value: Any, of: Callable[[Any], bool] | None = None) -> bool:
    # Plain loops and types first: every call of a worker comes through here.
    if type(value) is not dict and not isinstance(value, Mapping):
        return False
    for name in value:
        if not isinstance(name, str):
            return False
    if of is not None:
        for item in value.values():
            if not of(item):
                return False
    return True


def _is_texts(value: Any) -> bool:
    if type(value) is not list and not isinstance(value, list | tuple | set | frozenset):
        return False
    for item in value:  # noqa: SIM110
        if not isinstance(item, str):
            return False
    return True


def _is_info(value: Any) -> bool:
    """Luigi's worker sends a list of pairs the first time, and an object later."""
    return _is_mapping(value) or (
        isinstance(value, list | tuple)
        and all(isinstance(pair, list | tuple) and len(pair) == 2 and isinstance(pair[0], str) for pair in value)
    )


NULL = Kind(lambda value: value is None, "null")
ANYTHING = Kind(lambda _: True, "any value")
TEXT = Kind(lambda value: isinstance(value, str), "a string")
FLAG = Kind(lambda value: isinstance(value, bool), "true or false")
NUMBER = Kind(_is_number, "a number")
WHOLE = Kind(lambda value: isinstance(value, int), "a whole number")
OBJECT = Kind(_is_mapping, "an object")
TEXTS = Kind(_is_texts, "a list of strings")
INFO = Kind(_is_info, "an object or a list of pairs")
AMOUNTS = Kind(
    lambda value: _is_mapping(value, lambda item: _is_number(item) and item >= 0), "an object of numbers from 0 up"
)
NUMBERS = Kind(lambda value: _is_mapping(value, _is_number), "an object of numbers")
POLICY = Kind(lambda value: _is_mapping(value, lambda item: item is None or _is_number(item)), "an object of numbers")
STATUS = Kind(
    lambda value: isinstance(value, str) and value in CLAIMABLE_STATUSES, f"one of {', '.join(CLAIMABLE_STATUSES)}"
)
COUNT = Kind(lambda value: _is_number(value) and value >= 0, "a number from 0 up")


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a method: what it accepts, and whether it must be there."""

    kind: Kind
    required: bool = False


def _required(kind: Kind) -> Argument:
    return Argument(kind, required=True)


def _optional(kind: Kind) -> Argument:
    return Argument(kind)


_WORKER = _required(TEXT)
_TASK = _required(TEXT)
_TEXT_OR_NULL = _optional(TEXT | NULL)
_FLAG_OR_NULL = _optional(FLAG | NULL)

#: Every method of Luigi's API with the arguments that it knows.
METHODS: dict[str, dict[str, Argument]] = {
    "add_scheduler_message_response": {
        "task_id": _TASK,
        "message_id": _required(TEXT),
        "response": _required(ANYTHING),
    },
    "add_task": {
        "task_id": _TASK,
        "status": _optional(STATUS),
        "runnable": _FLAG_OR_NULL,
        "deps": _optional(TEXTS | NULL),
        "new_deps": _optional(TEXTS | NULL),
        "expl": _optional(ANYTHING),
        "resources": _optional(AMOUNTS | NULL),
        "priority": _optional(NUMBER),
        "family": _optional(TEXT),
        "module": _TEXT_OR_NULL,
        "params": _optional(OBJECT | NULL),
        "param_visibilities": _optional(NUMBERS | NULL),
        "accepts_messages": _FLAG_OR_NULL,
        "assistant": _optional(FLAG),
        "tracking_url": _TEXT_OR_NULL,
        "worker": _WORKER,
        "batchable": _FLAG_OR_NULL,
        "batch_id": _TEXT_OR_NULL,
        "retry_policy_dict": _optional(POLICY | NULL),
        "owners": _optional(ANYTHING),
    },
    "add_task_batcher": {
        "worker": _WORKER,
        "task_family": _required(TEXT),
        "batched_args": _required(TEXTS),
        "max_batch_size": _optional(NUMBER),
    },
    "add_worker": {"worker": _WORKER, "info": _required(INFO)},
    "announce_scheduling_failure": {
        "task_name": _required(ANYTHING),
        "family": _required(ANYTHING),
        "params": _required(ANYTHING),
        "expl": _required(ANYTHING),
        "owners": _required(ANYTHING),
        "worker": _optional(ANYTHING),
    },
    "count_pending": {"worker": _WORKER},
    "decrease_running_task_resources": {"task_id": _TASK, "decrease_resources": _required(NUMBERS)},
    "dep_graph": {"task_id": _TASK, "include_done": _optional(FLAG)},
    "disable_worker": {"worker": _WORKER},
    "fetch_error": {"task_id": _TASK},
    "forgive_failures": {"task_id": _TEXT_OR_NULL},
    "get_running_task_resources": {"task_id": _TASK},
    "get_scheduler_message_response": {"task_id": _TASK, "message_id": _required(TEXT)},
    "get_task_progress_percentage": {"task_id": _TASK},
    "get_task_status_message": {"task_id": _TASK},
    "get_work": {
        "host": _TEXT_OR_NULL,
        "assistant": _optional(FLAG),
        "current_tasks": _optional(TEXTS | NULL),
        "worker": _WORKER,
    },
    "graph": {},
    "has_task_history": {},
    "inverse_dep_graph": {"task_id": _TASK, "include_done": _optional(FLAG)},
    "is_pause_enabled": {},
    "is_paused": {},
    "mark_as_done": {"task_id": _TEXT_OR_NULL},
    "pause": {},
    "ping": {"worker": _WORKER},
    "prune": {},
    "re_enable_task": {"task_id": _TASK},
    "report_task_statistics": {"task_id": _TASK, "statistics": _required(ANYTHING)},
    "resource_list": {},
    "send_scheduler_message": {"worker": _WORKER, "task": _TASK, "content": _required(ANYTHING)},
    "set_task_progress_percentage": {"task_id": _TASK, "progress_percentage": _required(NUMBER | NULL)},
    "set_task_status_message": {"task_id": _TASK, "status_message": _required(ANYTHING)},
    "set_worker_processes": {"worker": _WORKER, "n": _required(WHOLE)},
    "task_list": {
        "status": _optional(TEXT),
        "upstream_status": _optional(TEXT),
        "limit": _optional(FLAG),
        "search": _TEXT_OR_NULL,
        "max_shown_tasks": _optional(COUNT | NULL),
    },
    "task_search": {"task_str": _required(TEXT)},
    "unpause": {},
    "update_metrics_task_started": {"task": _required(ANYTHING)},
    "update_resource": {"resource": _required(TEXT), "amount": _required(ANYTHING)},
    "update_resources": {},
    "worker_list": {"include_running": _optional(FLAG)},
}

_REQUIRED = {
    method: tuple(name for name, argument in arguments.items() if argument.required)
    for method, arguments in METHODS.items()
}

#: This method takes any argument: each is a resource.
_ALL_ARGUMENTS_ARE_AMOUNTS = "update_resources"


def check_call(method: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call that its method knows.

    Raises UnknownMethodError, or InvalidArgumentError that names the argument and what would be right.
    """
    known = METHODS.get(method)
    if known is None:
        raise UnknownMethodError(f"there is no method {method!r}")
    if method == _ALL_ARGUMENTS_ARE_AMOUNTS:
        for name, value in arguments.items():
            if not _is_number(value) or value < 0:
                raise InvalidArgumentError(
                    f"{method}: the amount of {name!r} must be a number from 0 up, not {value!r:.80}"
                )
        return dict(arguments)
    checked = {}
    for name, value in arguments.items():
        argument = known.get(name)
        if argument is None:
            continue
        if not argument.kind.accepts(value):
            given = repr(value)
            raise InvalidArgumentError(
                f"{method}: {name} must be {argument.kind.words}, not {given[:80]}{'…' if len(given) > 80 else ''}"
            )
        checked[name] = value
    for name in _REQUIRED[method]:
        if name not in checked:
            raise InvalidArgumentError(f"{method}: {name} is missing; it must be {known[name].kind.words}")
    return checked
