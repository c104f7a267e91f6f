"""What Prometheus reads: Luigi's task series under their names, the scheduler's state, and our own troubles."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Protocol, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from luigiviz.engine.views import Overview

if TYPE_CHECKING:
    from luigiviz.config import PrometheusSettings
    from luigiviz.store.writer import WriterStats

#: Sets of label values that are told apart; tasks beyond them share one set with ``OTHER`` in each label.
MAX_LABEL_SETS = 1_000
#: RPC methods that are told apart; Luigi has 39.
MAX_METHODS = 64
OTHER = "(other)"

_Series = TypeVar("_Series", Counter, Gauge)

_RPC_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class HasStats(Protocol):
    """A history, as far as metrics care."""

    def stats(self) -> WriterStats:
        """Count what became of the events."""
        ...


class Metrics:
    """Counts what happens to tasks, and reads the scheduler's state when it is scraped.

    Each instance has a registry of its own. The number of series is bounded, whatever tasks come.
    """

    def __init__(
        self,
        settings: PrometheusSettings,
        registry: CollectorRegistry | None = None,
        *,
        overview: Callable[[], Overview | None] | None = None,
        history: HasStats | None = None,
        max_label_sets: int = MAX_LABEL_SETS,
    ) -> None:
        """Make the series.

        Raises:
            ValueError: A parameter of ``[prometheus] task_parameters_to_use_in_labels`` cannot be a label's name.
        """
        self.registry = registry or CollectorRegistry()
        labels = list(settings.task_parameters_to_use_in_labels)
        if settings.use_task_family_in_labels:
            labels.append("family")
        self._labels = tuple(dict.fromkeys(labels))
        self._task_sets = _BoundedSets(max_label_sets)
        self._methods = _BoundedSets(MAX_METHODS)

        def counter(name: str, documentation: str) -> Counter:
            return Counter(name, documentation, self._labels, registry=self.registry)

        # Names and help texts are part of what existing dashboards and scrapers know.
        self._started = counter("luigi_task_started_total", "number of started luigi tasks")
        self._failed = counter("luigi_task_failed_total", "number of failed luigi tasks")
        self._disabled = counter("luigi_task_disabled_total", "number of disabled luigi tasks")
        self._done = counter("luigi_task_done_total", "number of done luigi tasks")
        self._run_seconds = Gauge(
            "luigi_task_execution_time_seconds",
            "luigi task execution time in seconds",
            self._labels,
            registry=self.registry,
        )
        self._rpc_seconds = Histogram(
            "luigiviz_rpc_seconds",
            "Seconds that calls of workers and scripts took, by method",
            ("method",),
            buckets=_RPC_BUCKETS,
            registry=self.registry,
        )
        self.registry.register(_State(overview, history, self._task_sets))
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    def task_started(self, family: str, params: Mapping[str, object]) -> None:
        """Count a task that was handed to a worker."""
        values = self._values(family, params)
        _at(self._started, values).inc()
        _at(self._run_seconds, values)  # makes the series, as Luigi does

    def task_failed(self, family: str, params: Mapping[str, object], run_seconds: float | None = None) -> None:
        """Count a task that failed; ``run_seconds`` is None if it did not run."""
        self._count_end(self._failed, family, params, run_seconds)

    def task_disabled(self, family: str, params: Mapping[str, object], run_seconds: float | None = None) -> None:
        """Count a task that was disabled; ``run_seconds`` is None if it did not run."""
        self._count_end(self._disabled, family, params, run_seconds)

    def task_done(self, family: str, params: Mapping[str, object], run_seconds: float | None = None) -> None:
        """Count a task that is done; ``run_seconds`` is None if it did not run."""
        self._count_end(self._done, family, params, run_seconds)

    def observe_rpc(self, method: str, seconds: float) -> None:
        """Count a call and the time that it took."""
        self._rpc_seconds.labels(*self._methods.admit((method,))).observe(seconds)

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """Give all series as text, and its content type, in the format that an ``Accept`` header asks for."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type

    def _count_end(
        self, counter: Counter, family: str, params: Mapping[str, object], run_seconds: float | None
    ) -> None:
        values = self._values(family, params)
        _at(counter, values).inc()
        if run_seconds is not None:
            _at(self._run_seconds, values).set(run_seconds)

    def _values(self, family: str, params: Mapping[str, object]) -> tuple[str, ...]:
        """Give a task's label values; a parameter that it does not have is ``None``, as in Luigi."""
        values = tuple(_label_text(family if label == "family" else params.get(label)) for label in self._labels)
        return self._task_sets.admit(values)


class _BoundedSets:
    """Sets of label values that are told apart: the first ones that come, up to a limit."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._known: set[tuple[str, ...]] = set()
        self.overflows = 0

    def admit(self, values: tuple[str, ...]) -> tuple[str, ...]:
        """Give ``values``, or the set that stands for all others if there is no room for them."""
        with self._lock:
            if values in self._known:
                return values
            if len(self._known) < self._limit:
                self._known.add(values)
                return values
            self.overflows += 1
            return (OTHER,) * len(values)


class _State(Collector):
    """Series that are read when they are scraped."""

    def __init__(
        self, overview: Callable[[], Overview | None] | None, history: HasStats | None, task_sets: _BoundedSets
    ) -> None:
        self._overview = overview
        self._history = history
        self._task_sets = task_sets

    def describe(self) -> list[Metric]:
        """Name nothing yet: when we are registered, the scheduler that ``overview`` asks may not exist."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Read the scheduler's and the history's state."""
        if self._overview is not None:
            overview = self._overview()
            yield GaugeMetricFamily(
                "luigiviz_serving", "1 while this instance serves workers", value=int(overview is not None)
            )
            if overview is not None:
                yield from _scheduler_series(overview)
        if self._history is not None:
            yield from _history_series(self._history.stats())
        yield CounterMetricFamily(
            "luigiviz_metrics_overflow",
            "Task events that were counted under the label (other), because there were too many label values",
            value=self._task_sets.overflows,
        )


def _scheduler_series(overview: Overview) -> Iterator[Metric]:
    tasks = GaugeMetricFamily("luigiviz_tasks", "Tasks that the scheduler holds, by status", labels=["status"])
    for status, count in overview.counts.items():
        tasks.add_metric([status], count)
    yield tasks
    yield GaugeMetricFamily("luigiviz_workers", "Workers that are connected", value=overview.num_workers)
    yield GaugeMetricFamily("luigiviz_paused", "1 while the scheduler hands out no work", value=int(overview.paused))


def _history_series(stats: WriterStats) -> Iterator[Metric]:
    yield GaugeMetricFamily("luigiviz_history_queued", "History events that wait to be written", value=stats.queued)
    yield CounterMetricFamily("luigiviz_history_written", "History events that were written", value=stats.written)
    yield CounterMetricFamily("luigiviz_history_dropped", "History events that were lost", value=stats.dropped)
    yield CounterMetricFamily(
        "luigiviz_history_failures", "Attempts to write history that the database did not take", value=stats.failures
    )
    yield GaugeMetricFamily(
        "luigiviz_history_in_trouble", "1 while the history database takes no events", value=int(stats.in_trouble)
    )


def _at(metric: _Series, values: tuple[str, ...]) -> _Series:
    return metric.labels(*values) if values else metric


def _label_text(value: object) -> str:
    """Give a label's value; half a surrogate pair, which JSON can carry, cannot be sent."""
    return str(value).encode("utf-8", "replace").decode()
