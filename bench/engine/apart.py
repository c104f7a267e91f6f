"""Runs a measurement in a fresh process, so that none inherits memory or garbage from another."""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import ParamSpec, TypeVar

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def apart(work: Callable[_Arguments, _Result], *args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
    """Call a function in a process of its own and return what it returned."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, initializer=_quieten) as pool:
        return pool.submit(work, *args, **kwargs).result()


def _quieten() -> None:
    logging.disable(logging.ERROR)
