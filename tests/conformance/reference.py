"""Luigi's scheduler as the reference: its own code, with a fake clock and with its accidents taken out.

Four things in Luigi hang on chance or on a leak. The reference fixes each in one way, which
``docs/differences.md`` explains; everything else is Luigi as installed.

- Sets of strings and objects are walked in hash order. Here they keep the order of insertion; dependencies that are
  announced again in another order keep their first order.
- A worker with few tasks walks a set of them, others walk tasks by status. Here all walk by status, so tasks of equal
  rank come PENDING before RUNNING, then in the order in which they got that status. Both ways hold the same tasks;
  that is asserted.
- Tasks that were forgotten stay in their workers' sets: they are counted as pending, and handed out. Here they leave.
- The upstream status of an UNKNOWN task is "" or that of its dependencies, depending on the order of the walk. Here it
  is "".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import luigi.scheduler
from luigi.metrics import NoMetricsCollector
from luigi.scheduler import RetryPolicy, SimpleTaskState
from luigi.scheduler import Scheduler as LuigiScheduler
from luigi.scheduler import Task as LuigiTask
from luigi.scheduler import Worker as LuigiWorker
from luigi.task_history import NopHistory

#: Luigi's statuses by which a task can be listed.
TASK_STATUSES = ("PENDING", "RUNNING", "BATCH_RUNNING", "DONE", "FAILED", "DISABLED", "UNKNOWN")
UPSTREAM_STATUSES = ("UPSTREAM_RUNNING", "UPSTREAM_MISSING_INPUT", "UPSTREAM_FAILED", "UPSTREAM_DISABLED")
#: Keys of a worker's info that clash with Luigi's own in ``worker_list``, which then raises.
CLASHING_INFO = frozenset(
    {"name", "last_active", "started", "state", "first_task_display_name", "num_unread_rpc_messages"}
)


class FakeClock:
    """A clock that moves only when told to."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


class InsertionSet(dict[Any, None]):
    """A set that is walked in the order of insertion."""

    def __init__(self, items: Iterable[Any] = ()) -> None:
        super().__init__(dict.fromkeys(items))

    def add(self, item: Any) -> None:
        """Put an item in, as the last one, unless it is there."""
        self.setdefault(item)

    def discard(self, item: Any) -> None:
        """Take an item out if it is there."""
        self.pop(item, None)

    def update(self, items: Iterable[Any]) -> None:  # type: ignore[override]
        """Put several in."""
        for item in items:
            self.setdefault(item)

    def difference_update(self, items: Iterable[Any]) -> None:
        """Take several out."""
        for item in items:
            self.pop(item, None)

    def __or__(self, other: Iterable[Any]) -> InsertionSet:  # type: ignore[override]
        return InsertionSet([*self, *other])


def _get_deps(task: Any) -> Any:
    return task.__dict__["deps"]


def _set_deps(task: Any, deps: Any) -> None:
    before = task.__dict__.get("deps")
    if before is None or before.keys() != deps.keys():
        task.__dict__["deps"] = deps


def _get_tasks_by_status(worker: Any, state: Any, *statuses: str) -> list[Any]:
    found = [task for task in state.get_active_tasks_by_status(*statuses) if worker.id in task.workers]
    own = {id(task) for task in worker.tasks if task.status in statuses}
    assert own == {id(task) for task in found}, "both of Luigi's ways to list a worker's tasks hold the same tasks"
    return found


_inactivate_tasks = SimpleTaskState.inactivate_tasks


def _inactivate_tasks_everywhere(state: Any, task_ids: list[str]) -> None:
    for task_id in task_ids:
        task = state._tasks[task_id]
        for worker_id in task.workers:
            if worker_id in state._active_workers:
                state._active_workers[worker_id].tasks.discard(task)
    _inactivate_tasks(state, task_ids)


@contextmanager
def patched_luigi(clock: FakeClock) -> Iterator[None]:
    """Give Luigi's scheduler module the fake clock, and take its accidents out, for the time of a ``with`` block."""
    module = luigi.scheduler
    missing = object()
    replaced = {
        (module, "time"): SimpleNamespace(time=clock),
        (module, "set"): InsertionSet,
        (module, "notifications"): SimpleNamespace(send_error_email=lambda *_: None),
        (LuigiTask, "deps"): property(_get_deps, _set_deps),
        (LuigiWorker, "get_tasks"): _get_tasks_by_status,
        (SimpleTaskState, "inactivate_tasks"): _inactivate_tasks_everywhere,
    }
    before = {place: vars(place[0]).get(place[1], missing) for place in replaced}
    try:
        for (owner, name), value in replaced.items():
            setattr(owner, name, value)
        yield
    finally:
        for (owner, name), value in before.items():
            if value is missing:
                delattr(owner, name)
            else:
                setattr(owner, name, value)


class _History(NopHistory):
    """Notes what Luigi would write to the history database."""

    def __init__(self, events: list[tuple[Any, ...]]) -> None:
        self.events = events

    def task_scheduled(self, task: Any) -> None:
        self.events.append(("history_pending", task.id, None))

    def task_finished(self, task: Any, successful: bool) -> None:
        self.events.append(("history_done" if successful else "history_failed", task.id, None))

    def task_started(self, task: Any, worker_host: str | None) -> None:
        self.events.append(("history_running", task.id, worker_host))


class _Metrics(NoMetricsCollector):
    """Notes what Luigi tells its metrics collector."""

    def __init__(self, events: list[tuple[Any, ...]]) -> None:
        self.events = events

    def handle_task_started(self, task: Any) -> None:
        self.events.append(("started", task.id, None))

    def handle_task_failed(self, task: Any) -> None:
        self.events.append(("failed", task.id, None))

    def handle_task_disabled(self, task: Any, config: Any) -> None:
        self.events.append(("disabled", task.id, None))

    def handle_task_done(self, task: Any) -> None:
        self.events.append(("done", task.id, None))

    def handle_task_statistics(self, task: Any, statistics: Any) -> None:
        self.events.append(("statistics", task.id, statistics))


#: Luigi's defaults. (Luigi's own ``scheduler`` config object gives the same; making one costs as much as twenty calls.)
DEFAULTS: dict[str, Any] = {
    "retry_delay": 900.0,
    "remove_delay": 600.0,
    "worker_disconnect_delay": 60.0,
    "state_path": "",
    "batch_emails": False,
    "disable_window": 3600,
    "retry_count": 999999999,
    "disable_hard_timeout": 999999999,
    "disable_persist": 86400,
    "max_shown_tasks": 100000,
    "max_graph_nodes": 100000,
    "record_task_history": False,
    "prune_on_get_work": False,
    "pause_enabled": True,
    "send_messages": True,
    "stable_done_cooldown_secs": 10,
}


def _make_config(values: dict[str, Any]) -> Any:
    config = SimpleNamespace(**(DEFAULTS | values), metrics_collector=luigi.scheduler.MetricsCollectors.none)
    config.metrics_custom_import = None
    policy = RetryPolicy(config.retry_count, config.disable_hard_timeout, config.disable_window)
    config._get_retry_policy = lambda: policy
    return config


class ReferenceScheduler(LuigiScheduler):
    """Luigi's scheduler; looking at it without pruning is possible."""

    def __init__(self, config: dict[str, Any], resources: dict[str, float]) -> None:
        self.events: list[tuple[Any, ...]] = []
        super().__init__(_make_config(config), dict(resources), _History(self.events))
        self._resources = dict(resources)
        self._state._metrics_collector = _Metrics(self.events)
        self.frozen = False

    def prune(self) -> None:
        """Prune as Luigi does, unless frozen."""
        if not self.frozen:
            super().prune()

    def update_metrics_task_started(self, task: Any) -> None:
        """Count a task as started. Over the wire comes an id, on which Luigi's collectors raise: it is looked up."""
        known = self._state._tasks.get(task) if isinstance(task, str) else task
        if known is not None:
            super().update_metrics_task_started(known)

    def _upstream_status(self, task_id: str, table: dict[str, str]) -> Any:
        unknown = [(task, task.deps) for task in self._state._status_tasks["UNKNOWN"].values() if task.deps]
        for task, _ in unknown:
            task.deps = InsertionSet()
        try:
            return super()._upstream_status(task_id, table)
        finally:
            for task, deps in unknown:
                task.deps = deps

    def call(self, method: str, args: dict[str, Any]) -> Any:
        """Call an RPC method by name."""
        return getattr(self, method)(**args)

    def why_it_would_raise(self, method: str, args: dict[str, Any]) -> str | None:
        """Name Luigi's bug that the call would run into; None if there is none. ``docs/differences.md`` lists them."""
        tasks = self._state._tasks
        task = tasks.get(args.get("task_id"))
        if method == "add_task" and args.get("status") == "RUNNING" and args.get("batch_id"):
            worker = self._state._active_workers.get(args["worker"])
            disabled = worker is not None and worker.disabled
            if disabled and (task is None or task.status != "RUNNING"):
                return None
            if task is None or not task.worker_running:
                members = self._state.get_batch_running_tasks(args["batch_id"])
                if task is not None and task.status == "BATCH_RUNNING":
                    # The call gives the task its batch before it looks at the members of the batch.
                    running = self._state._status_tasks["BATCH_RUNNING"].values()
                    members = [member for member in running if member is task or member in members]
                if not members:
                    return "running in an unknown batch"
                if getattr(members[0], "resources_running", None) is None:
                    return "running in a batch that was claimed, not handed out"
        if method == "decrease_running_task_resources" and task is not None and task.status == "RUNNING":
            runs = [task]
            if task.batch_id is not None:
                runs += self._state.get_batch_running_tasks(task.batch_id)
            if any(getattr(run, "resources_running", None) is None for run in runs):
                return "decrease of a run that was claimed, not handed out"
        return None

    def has_cycle(self) -> bool:
        """Tell whether dependencies run in a circle: then Luigi's upstream status hangs on the order of sets."""
        tasks = self._state._tasks
        state: dict[str, bool] = {}
        for root in tasks:
            stack = [(root, False)]
            while stack:
                task_id, leaving = stack.pop()
                if leaving:
                    state[task_id] = True
                elif task_id not in state:
                    state[task_id] = False
                    stack.append((task_id, True))
                    stack.extend((dep, False) for dep in tasks[task_id].deps if dep in tasks)
                    if any(state.get(dep) is False for dep in tasks[task_id].deps):
                        return True
        return False
