"""The few questions that the demo asks of its server."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from typing import Any

#: The demo's server is on this machine: a proxy named in the environment has no part in it.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def is_up(url: str) -> bool:
    """Return whether a server answers at ``url``."""
    try:
        with _opener.open(urllib.request.Request(url + "/", method="HEAD"), timeout=5):
            return True
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False


def task_counts(url: str) -> Counter[str]:
    """Return how many tasks have each status. A task below a disabled one counts as UPSTREAM_DISABLED.

    Raises:
        OSError: The server cannot be reached.
    """
    counts = Counter(task["status"] for task in _call(url, "task_list").values())
    held_up = len(_call(url, "task_list", status="PENDING", upstream_status="UPSTREAM_DISABLED"))
    if held_up:
        counts["PENDING"] -= held_up
        counts["UPSTREAM_DISABLED"] += held_up
    return +counts


def _call(url: str, method: str, **arguments: object) -> Any:
    body = urllib.parse.urlencode({"data": json.dumps(arguments)}).encode()
    with _opener.open(f"{url}/api/{method}", data=body, timeout=10) as answer:
        return json.load(answer)["response"]
