"""The one door to the scheduler: takes the lock, calls the engine, passes on what happened, then answers.

Every change goes through ``call``. Reads copy what they need under the lock and do their work outside it, so that
an open page never makes workers wait for more than the copying.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from luigiviz.engine import Event, EventKind, Scheduler, SchedulerConfig, queries
from luigiviz.engine.statuses import DONE, FAILED, PENDING, RUNNING
from luigiviz.engine.views import (
    FamilyCount,
    GraphView,
    Overview,
    ResourceView,
    TaskDetail,
    TaskPage,
    TaskQuery,
    TaskRow,
    WorkerView,
)
from luigiviz.store.events import HistoryEvent

if TYPE_CHECKING:
    from collections.abc import Iterable

logger = logging.getLogger(__name__)

#: Pruning happens at least this often, as in luigid, and at most this often (seconds).
LONGEST_PAUSE = 60.0
SHORTEST_PAUSE = 0.2

_HISTORY_STATUS = {
    EventKind.HISTORY_PENDING: PENDING,
    EventKind.HISTORY_RUNNING: RUNNING,
    EventKind.HISTORY_DONE: DONE,
    EventKind.HISTORY_FAILED: FAILED,
}


class HistorySink(Protocol):
    """Where runs are recorded."""

    def record(self, events: Iterable[HistoryEvent]) -> None:
        """Take events over; must neither block nor raise for trouble with a database."""


class MetricsSink(Protocol):
    """Where tasks are counted."""

    def task_started(self, family: str, params: Mapping[str, Any]) -> None:
        """Count a task that was handed to a worker."""

    def task_failed(self, family: str, params: Mapping[str, Any], run_seconds: float | None) -> None:
        """Count a failure and note how long the run took."""

    def task_disabled(self, family: str, params: Mapping[str, Any], run_seconds: float | None) -> None:
        """Count a task that was disabled."""

    def task_done(self, family: str, params: Mapping[str, Any], run_seconds: float | None) -> None:
        """Count a success and note how long the run took."""


class Service:
    """The scheduler for many threads, with history, metrics and a thread that applies what time brings."""

    def __init__(
        self,
        config: SchedulerConfig,
        resources: Mapping[str, float],
        *,
        history: HistorySink | None = None,
        metrics: MetricsSink | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Make a service around a new scheduler; ``start`` makes time pass for it."""
        self._clock = clock
        self._lock = threading.Lock()
        self._history = history
        self._metrics = metrics
        self._scheduler = Scheduler(config, resources, clock=clock, on_event=self._on_event)
        self._state = self._scheduler.state
        self._recorded: list[HistoryEvent] = []
        self._wake = threading.Event()
        self._stopping = False
        self._pruner: threading.Thread | None = None
        #: When the pruner will look next.
        self._looks_at = 0.0

    def start(self) -> None:
        """Prune whenever something is due, in a thread, until ``close``."""
        if self._pruner is None:
            self._pruner = threading.Thread(target=self._prune_when_due, name="luigiviz-pruner", daemon=True)
            self._pruner.start()

    def close(self) -> None:
        """Stop the thread; calls are still answered."""
        self._stopping = True
        self._wake.set()
        if self._pruner is not None:
            self._pruner.join(timeout=5)
            self._pruner = None

    # Calls

    def call(self, method: str, arguments: Mapping[str, Any]) -> Any:
        """Carry out an RPC.

        Raises UnknownMethodError or InvalidArgumentError before anything has changed.
        """
        with self._lock:
            answer = self._scheduler.call(method, arguments)
            self._pass_on()
            due = self._scheduler.next_deadline()
        if due is not None and due < self._looks_at:
            self._wake.set()
        return answer

    # Reads

    def version(self) -> int:
        """A number that grows whenever something that pages show may have changed."""
        return self._state.version

    def overview(self) -> Overview:
        """Return counts and the state of the scheduler."""
        with self._lock:
            return queries.overview(self._state, self._clock())

    def task_page(self, query: TaskQuery) -> TaskPage:
        """Return a page of the task table."""
        with self._lock:
            finish = queries.task_page(self._state, query, self._clock())
        return finish()

    def families(self) -> tuple[FamilyCount, ...]:
        """Return families by name with their counts."""
        with self._lock:
            return queries.families(self._state)

    def task_detail(self, task_id: str) -> TaskDetail | None:
        """Return everything about a task; None if it is not known."""
        with self._lock:
            return queries.task_detail(self._state, task_id, self._clock())

    def worker_views(self) -> tuple[WorkerView, ...]:
        """Return all workers, newest first."""
        with self._lock:
            return queries.worker_views(self._state, self._clock())

    def resource_views(self) -> tuple[ResourceView, ...]:
        """Return all resources by name."""
        with self._lock:
            return queries.resource_views(self._state, self._clock())

    def roots(self, limit: int = 200) -> tuple[TaskRow, ...]:
        """Return the newest tasks that nobody depends on."""
        with self._lock:
            return queries.roots(self._state, limit, self._clock())

    def graph_view(
        self, task_id: str, *, inverse: bool = False, include_done: bool = True, max_nodes: int = 300
    ) -> GraphView | None:
        """Return the graph of what a task waits for (``inverse``: of what waits for it); None if it is not known."""
        with self._lock:
            return queries.graph_view(
                self._state,
                task_id,
                inverse=inverse,
                include_done=include_done,
                max_nodes=max_nodes,
                now=self._clock(),
            )

    # Inside

    def _prune_when_due(self) -> None:
        while not self._stopping:
            self._wake.clear()
            with self._lock:
                due = self._scheduler.next_deadline()
                now = self._clock()
                # Luigi's limits are strict: a retry is due once its time has passed.
                if due is not None and due < now:
                    self._prune()
                    due = self._scheduler.next_deadline()
            pause = LONGEST_PAUSE if due is None else min(LONGEST_PAUSE, max(SHORTEST_PAUSE, due - now + 0.001))
            self._looks_at = now + pause
            if pause > SHORTEST_PAUSE:
                self._wake.wait(pause - SHORTEST_PAUSE)
            # However often it is woken, it leaves the lock to workers for a while.
            time.sleep(SHORTEST_PAUSE)

    def _prune(self) -> None:
        try:
            self._scheduler.prune()
        except Exception:
            # The thread must live on: without it there are no retries and no time-outs.
            logger.exception("Pruning failed; it is tried again")
        self._pass_on()

    def _on_event(self, event: Event) -> None:
        status = _HISTORY_STATUS.get(event.kind)
        task = event.task
        if status is not None:
            if self._history is not None:
                started = task.time_running if status in (DONE, FAILED) else None
                # Hidden and private parameters stay out of the history, since it is shown to everybody.
                params = task.visible_params
                self._recorded.append(HistoryEvent(task.id, task.family, params, status, event.host, event.at, started))
            return
        metrics = self._metrics
        if metrics is None:
            return
        run = None if task.time_running is None else max(0.0, event.at - task.time_running)
        if event.kind is EventKind.STARTED:
            metrics.task_started(task.family, task.params)
        elif event.kind is EventKind.DONE:
            metrics.task_done(task.family, task.params, run)
        elif event.kind is EventKind.FAILED:
            metrics.task_failed(task.family, task.params, run)
        elif event.kind is EventKind.DISABLED:
            metrics.task_disabled(task.family, task.params, run)

    def _pass_on(self) -> None:
        """Hand recorded events to the history, in the order of the calls."""
        if self._recorded and self._history is not None:
            events, self._recorded = self._recorded, []
            self._history.record(events)
