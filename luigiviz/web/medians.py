"""How long a family's tasks usually take: the median of its latest successes in the history, looked up now and then."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from statistics import median
from typing import TYPE_CHECKING

from flask import Flask, current_app

from luigiviz.engine.statuses import DONE
from luigiviz.store.errors import HistoryUnavailableError
from luigiviz.web.current import get_history

if TYPE_CHECKING:
    from luigiviz.store.history import History

logger = logging.getLogger(__name__)

#: Successes of which the median is taken.
_RUNS = 30
#: Seconds for which a median stands; a database that is away is not asked again for so long.
_KEPT_SECONDS = 60.0
#: Families that are looked up for one page at most, so that a page never waits for hundreds of queries.
_LOOKUPS = 12
_MAX_FAMILIES = 5000


class Medians:
    """Medians by family, each good for a minute."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, float | None]] = {}
        self._rests_until = 0.0

    def of(self, families: Iterable[str], history: History | None) -> dict[str, float]:
        """The medians of families, in seconds; those that are not known (yet) are left out."""
        if history is None:
            return {}
        wanted = dict.fromkeys(family for family in families if family)
        now = time.monotonic()
        with self._lock:
            stale = [name for name in wanted if now - self._known.get(name, (-_KEPT_SECONDS, None))[0] >= _KEPT_SECONDS]
            rests = now < self._rests_until
        if not rests:
            for name in stale[:_LOOKUPS]:
                if not self._look_up(name, history):
                    break
        with self._lock:
            found = {name: self._known[name][1] for name in wanted if name in self._known}
        return {name: seconds for name, seconds in found.items() if seconds is not None}

    def _look_up(self, name: str, history: History) -> bool:
        """Ask the history for one family; False if it does not answer."""
        try:
            runs = history.runs_of(name, limit=_RUNS)
        except HistoryUnavailableError as error:
            logger.warning("No usual running times for the pages: %s", error)
            with self._lock:
                self._rests_until = time.monotonic() + _KEPT_SECONDS
            return False
        times = [run.run_seconds for run in runs if run.run_seconds is not None and run.status == DONE]
        with self._lock:
            if len(self._known) >= _MAX_FAMILIES:
                self._known.clear()
            self._known[name] = (time.monotonic(), median(times) if times else None)
        return True


def init_app(app: Flask) -> None:
    """Give the app its medians."""
    app.extensions["luigiviz_medians"] = Medians()


def usual_seconds(families: Iterable[str]) -> dict[str, float]:
    """The usual running time of families, in seconds, where the history has one."""
    medians: Medians = current_app.extensions["luigiviz_medians"]
    return medians.of(families, get_history())
