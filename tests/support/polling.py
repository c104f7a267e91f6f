"""Waiting for a condition, and for nothing else: tests never sleep for a fixed time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(condition: Callable[[], T | None], what: str, timeout: float = 30.0, interval: float = 0.05) -> T:
    """Call ``condition`` until its value is true, and give that value back.

    ``timeout`` (seconds) only bounds how long a broken test hangs; AssertionError names ``what`` when it is over.
    """
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout:g} s in vain for {what}; last value: {value!r}")
        time.sleep(interval)
