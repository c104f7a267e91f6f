"""The one door to the scheduler: takes the lock, calls the engine, has the change written down, then answers.

Every change goes through ``call``. Reads copy what they need under the lock and do their work outside it, so that
an open page never makes workers wait for more than the copying; they never wait for a commit.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from luigiviz.engine import Event, EventKind, Scheduler, SchedulerConfig, queries, steering
from luigiviz.engine.state import State
from luigiviz.engine.statuses import DONE, FAILED, PENDING, RUNNING
from luigiviz.engine.views import (
    FamilyCount,
    GraphView,
    Overview,
    ResourceView,
    SteeringResult,
    TaskDetail,
    TaskPage,
    TaskQuery,
    TaskRow,
    WorkerView,
)
from luigiviz.service.collector import Collector
from luigiviz.service.commits import PATIENCE, Commits
from luigiviz.service.errors import NotServingError, Phase, Status
from luigiviz.store.errors import LostLeadershipError, StoreError
from luigiviz.store.events import HistoryEvent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from luigiviz.store.live.livestore import LiveStore

logger = logging.getLogger(__name__)

#: The pruner looks at least this often, also after the garbage collector, and at most this often (seconds).
LONGEST_PAUSE = 5.0
SHORTEST_PAUSE = 0.2
#: Tasks that are pruned at a time, and seconds that others get the lock for in between.
_SLICE = 500
_BREATH = 0.005
#: Tasks that an action changes before it lets others have the lock.
STEERED_AT_ONCE = 100

T = TypeVar("T")

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
    """The scheduler for many threads, with a durable copy, history, metrics and a thread for what time brings."""

    def __init__(
        self,
        config: SchedulerConfig,
        resources: Mapping[str, float],
        *,
        store: LiveStore | None = None,
        history: HistorySink | None = None,
        metrics: MetricsSink | None = None,
        clock: Callable[[], float] = time.time,
        relaxed: bool = False,
        patience: float = PATIENCE,
    ) -> None:
        """Make a service.

        Without a ``store`` the state is in memory only, and the service serves at once. With one it serves as soon as
        a ``Keeper`` has brought the state. ``relaxed``: answers do not wait for their changes to be written. A commit
        that fails is tried again for ``patience`` seconds.
        """
        self._clock = clock
        self._lock = threading.Lock()
        self._config = config
        self._resources = dict(resources)
        self._history = history
        self._metrics = metrics
        self._relaxed = relaxed
        self._patience = patience
        self._recorded: list[HistoryEvent] = []
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._pruner: threading.Thread | None = None
        #: When the pruner will look next.
        self._looks_at = 0.0
        #: The version of the last scheduler that served, so that pages see that it was replaced.
        self._last_version = int(clock() * 1000)
        #: The scheduler that is asked, and what writes its changes down; None while there is none.
        self._scheduler: Scheduler | None = None
        self._commits: Commits | None = None
        self._status = Status(Phase.STARTING, "The scheduler is starting.")
        #: Whether another instance may lead although this one serves; the keeper knows.
        self.is_in_doubt: Callable[[], bool] = lambda: False
        #: Set when a scheduler was lost: its changes could not be written.
        self.lost = threading.Event()
        self._serves = threading.Event()
        if store is None:
            self._serve(self.new_scheduler(), None)

    def start(self) -> None:
        """Prune whenever something is due, in a thread, until ``close``."""
        if self._pruner is None:
            self._pruner = threading.Thread(target=self._prune_when_due, name="luigiviz-pruner", daemon=True)
            self._pruner.start()

    def close(self) -> None:
        """Stop the thread; without a store, calls are still answered."""
        self._stopping.set()
        self._wake.set()
        if self._pruner is not None:
            self._pruner.join(timeout=5)
            self._pruner = None

    # Where it stands

    def status(self) -> Status:
        """Return whether workers can be served and, if not, why."""
        return self._status

    def check_ready(self) -> None:
        """Take the lock that a call takes, and see that the lead is not in doubt.

        An instance that was asleep believes that it leads until its database says otherwise. A load balancer must not
        send it anything meanwhile.

        Raises:
            NotServingError: Workers cannot be served, or another instance may lead by now.
        """
        with self._lock:
            self._current()
        if self.is_in_doubt():
            raise NotServingError(Status(Phase.STANDBY, "It is not known whether this instance leads still."))

    def wait_until_serving(self, timeout: float) -> bool:
        """Wait until workers can be served; tell whether they can."""
        return self._serves.wait(timeout)

    # For the keeper of the durable copy

    def new_scheduler(self) -> Scheduler:
        """Make a scheduler that reports to this service, and that nobody asks yet."""
        return Scheduler(self._config, self._resources, clock=self._clock, on_event=self._on_event)

    def now(self) -> float:
        """Seconds since the epoch, by the scheduler's clock."""
        return self._clock()

    def prepare(self, scheduler: Scheduler, store: LiveStore) -> Commits:
        """Have what a scheduler changes from now on written to the store."""
        return Commits(
            scheduler,
            store,
            self._lock,
            take_events=self._take_events,
            on_failure=self._lose,
            patience=self._patience,
        )

    def begin(self, scheduler: Scheduler, commits: Commits) -> None:
        """Serve from a scheduler."""
        self._serve(scheduler, commits)

    def stop_calls(self) -> None:
        """Refuse further calls, since the server stops; what calls have changed can still be written."""
        with self._lock:
            self._status = Status(Phase.CLOSED, "The scheduler is stopping.")
            self._serves.clear()
            self._scheduler = None

    def stop_serving(self, status: Status) -> None:
        """Answer nothing more from the scheduler, if there is one, and say why."""
        with self._lock:
            self._status = status
            self._serves.clear()
            if self._scheduler is not None:
                self._last_version = self._scheduler.state.version + 1
            self._scheduler = self._commits = None
            # What was not safe has not happened.
            self._recorded = []

    def _serve(self, scheduler: Scheduler, commits: Commits | None) -> None:
        with self._lock:
            self._last_version += 1
            scheduler.state.version += self._last_version
            self._scheduler, self._commits = scheduler, commits
            self.lost.clear()
            self._status = Status(Phase.SERVING, "The scheduler serves workers.")
            self._serves.set()
        self._wake.set()

    def _lose(self, commits: Commits, error: StoreError) -> None:
        """Take note that changes could not be written: what is in memory counts no more."""
        if commits is not self._commits:
            return  # that scheduler has been replaced before
        if isinstance(error, LostLeadershipError):
            status = Status(Phase.STANDBY, "Another instance leads now.")
        else:
            status = Status(Phase.UNAVAILABLE, f"The state cannot be written: {error}")
        self.stop_serving(status)
        self.lost.set()

    def _current(self) -> Scheduler:
        """Return the scheduler that is asked; to be called under the lock.

        Raises NotServingError: there is none.
        """
        if self._scheduler is None:
            raise NotServingError(self._status)
        return self._scheduler

    # Calls

    def call(self, method: str, arguments: Mapping[str, Any]) -> Any:
        """Carry out an RPC; it returns when what it changed is safe.

        Raises:
            UnknownMethodError, InvalidArgumentError: Nothing has changed.
            NotServingError: It was not carried out, or its change could not be written and will not be seen.
        """
        return self._change(lambda scheduler: scheduler.call(method, arguments))

    def steer(self, action: str, task_ids: Sequence[str]) -> list[SteeringResult]:
        """Do one of ``engine.steering.FITS`` to tasks, some at a time so that nobody waits long for the lock.

        Raises:
            NotServingError: As ``call``; what was done before stays done.
        """
        results: list[SteeringResult] = []
        for start in range(0, len(task_ids), STEERED_AT_ONCE):
            chunk = task_ids[start : start + STEERED_AT_ONCE]
            results += self._change(lambda scheduler, ids=chunk: self._steer(scheduler, action, ids))  # type: ignore[misc]
        return results

    def pause(self, who: str) -> None:
        """Hand out no new work, and remember who wanted that.

        Raises:
            NotServingError: As ``call``.
        """
        self._change(lambda scheduler: scheduler.pause_for(who))

    def _steer(self, scheduler: Scheduler, action: str, task_ids: Sequence[str]) -> list[SteeringResult]:
        return [steering.steer(scheduler, action, task_id, self._clock()) for task_id in task_ids]

    def _change(self, change: Callable[[Scheduler], T]) -> T:
        """Let the engine change something, and return its answer when that is safe."""
        with self._lock:
            scheduler, commits = self._current(), self._commits
            before = 0 if commits is None else commits.journal.urgent
            answer = change(scheduler)
            ticket = 0 if commits is None else commits.journal.urgent
            due = scheduler.next_deadline()
            announce = self._take_events() if commits is None else None
        if announce is not None:
            announce()
        if due is not None and due < self._looks_at:
            self._wake.set()
        if commits is not None and ticket != before and not self._relaxed:
            try:
                commits.wait(ticket)
            except StoreError as error:
                status = self._status
                if status.is_serving:  # again, from a state in which this change has not happened
                    status = Status(Phase.UNAVAILABLE, f"The change could not be written: {error}")
                raise NotServingError(status) from error
        return answer

    # Reads

    def version(self) -> int:
        """A number that grows whenever something that pages show may have changed."""
        scheduler = self._scheduler
        return self._last_version if scheduler is None else scheduler.state.version

    def read(self, query: Callable[[State, float], Callable[[], T]]) -> T:
        """Answer a query of ``engine.queries``: its first half, which copies references, runs under the lock."""
        with self._lock:
            finish = query(self._current().state, self._clock())
        return finish()

    def overview(self) -> Overview:
        """Return counts and the state of the scheduler."""
        with self._lock:
            return queries.overview(self._current().state, self._clock())

    def task_page(self, query: TaskQuery) -> TaskPage:
        """Return a page of the task table."""
        with self._lock:
            finish = queries.task_page(self._current().state, query, self._clock())
        return finish()

    def families(self) -> tuple[FamilyCount, ...]:
        """Return families by name with their counts."""
        with self._lock:
            return queries.families(self._current().state)

    def task_detail(self, task_id: str) -> TaskDetail | None:
        """Return everything about a task; None if it is not known."""
        with self._lock:
            return queries.task_detail(self._current().state, task_id, self._clock())

    def worker_views(self) -> tuple[WorkerView, ...]:
        """Return all workers, newest first."""
        with self._lock:
            return queries.worker_views(self._current().state, self._clock())

    def resource_views(self) -> tuple[ResourceView, ...]:
        """Return all resources by name."""
        with self._lock:
            return queries.resource_views(self._current().state, self._clock())

    def roots(self, limit: int = 200) -> tuple[TaskRow, ...]:
        """Return the newest tasks that nobody depends on."""
        with self._lock:
            return queries.roots(self._current().state, limit, self._clock())

    def graph_view(
        self, task_id: str, *, inverse: bool = False, include_done: bool = True, max_nodes: int = 300
    ) -> GraphView | None:
        """Return the graph of what a task waits for (``inverse``: of what waits for it); None if it is not known."""
        with self._lock:
            return queries.graph_view(
                self._current().state,
                task_id,
                inverse=inverse,
                include_done=include_done,
                max_nodes=max_nodes,
                now=self._clock(),
            )

    # Inside

    def _prune_when_due(self) -> None:
        collector = Collector()
        collector.set_up()
        while not self._stopping.is_set():
            self._wake.clear()
            now = self._clock()
            due, num_tasks = self._prune_slice(now)
            # Luigi's limits are strict: a retry is due once its time has passed.
            while due is not None and due < now and not self._stopping.is_set():
                time.sleep(_BREATH)
                due, num_tasks = self._prune_slice(now)
            collector.look(num_tasks)
            pause = LONGEST_PAUSE if due is None else min(LONGEST_PAUSE, max(SHORTEST_PAUSE, due - now + 0.001))
            self._looks_at = now + pause
            if pause > SHORTEST_PAUSE:
                self._wake.wait(pause - SHORTEST_PAUSE)
            # However often it is woken, it leaves the lock to workers for a while.
            self._stopping.wait(SHORTEST_PAUSE)

    def _prune_slice(self, now: float) -> tuple[float | None, int]:
        """Apply a part of what is due; return when something is due next, and the number of tasks."""
        with self._lock:
            scheduler = self._scheduler
            if scheduler is None:
                return None, 0
            due = scheduler.next_deadline()
            if due is not None and due < now:
                due = scheduler.next_deadline() if self._prune(scheduler) else None
            num_tasks = len(scheduler.tasks)
            announce = self._take_events() if self._commits is None else None
        if announce is not None:
            announce()
        return due, num_tasks

    def _prune(self, scheduler: Scheduler) -> bool:
        """Apply a part of what is due; tell whether that went well."""
        try:
            scheduler.prune_some(_SLICE)
        except Exception:
            # The thread must live on: without it there are no retries and no time-outs.
            logger.exception("Pruning failed; it is tried again")
            return False
        return True

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

    def _take_events(self) -> Callable[[], None]:
        """Take what was recorded, under the lock; the answer hands it to the history, in the order of the calls."""
        events, self._recorded = self._recorded, []
        history = self._history
        if not events or history is None:
            return _nothing
        return lambda: history.record(events)


def _nothing() -> None:
    """Hand nothing over."""
