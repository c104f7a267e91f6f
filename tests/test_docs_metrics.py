"""Every series is documented, and nothing else is."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

from luigiviz.config import PrometheusSettings
from luigiviz.engine.views import Overview
from luigiviz.metrics import Metrics
from luigiviz.store.writer import WriterStats

DOCUMENT = Path(__file__).parents[1] / "docs" / "metrics.md"


def _served() -> set[str]:
    """The names of all series, as the ``TYPE`` lines of the text format give them."""
    overview = Overview({"DONE": 1}, 1, 0, False, True, True, 1, 0.0)
    history = SimpleNamespace(stats=lambda: WriterStats(0, 0, 0, 0, False))
    metrics = Metrics(PrometheusSettings(), overview=lambda: overview, history=history)
    metrics.task_started("F", {})
    metrics.task_failed("F", {}, 1.0)
    metrics.task_disabled("F", {}, 1.0)
    metrics.task_done("F", {}, 1.0)
    metrics.observe_rpc("ping", 0.1)
    names = set(re.findall(r"^# TYPE (\S+)", metrics.render()[0].decode(), re.MULTILINE))
    return {name for name in names if not name.endswith("_created")}


def _documented() -> set[str]:
    return set(re.findall(r"^\| `([a-z_]+)", DOCUMENT.read_text(), re.MULTILINE))


def test_every_series_is_documented() -> None:
    assert _served() - _documented() == set()


def test_every_documented_series_is_served() -> None:
    # Python gives these on Linux only.
    assert {name for name in _documented() - _served() if not name.startswith("process_")} == set()
