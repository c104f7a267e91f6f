"""Tasks and workers, as the scheduler remembers them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from luigiviz.engine.config import RetryPolicy
from luigiviz.engine.statuses import PENDING

if TYPE_CHECKING:
    from luigiviz.engine.crews import Crew
    from luigiviz.engine.ready import ReadyEntry

#: Luigi's ``ParameterVisibility.PUBLIC``.
VISIBILITY_PUBLIC = 0

Params = Mapping[str, Any]


class Resources(dict[str, float]):
    """Amounts by resource: immutable by agreement and interned, so that equal ones are the same object."""

    __slots__ = ("__weakref__",)

    def __hash__(self) -> int:  # type: ignore[override]
        """Hash by identity; interning makes equal resources identical."""
        return id(self)


NO_RESOURCES = Resources()
NO_PARAMS: Params = {}


class Task:
    """A task and where it stands. Times are seconds since the epoch.

    Attributes that indexes depend on (status, deps, crew, resources, priority, runnable,
    batchable, batch_id, worker_running, family, params) are changed through ``State`` only.
    """

    __slots__ = (
        "accepts_messages",
        "batch_id",
        "batchable",
        "crew",
        "dependents",
        "deps",
        "expl",
        "failures",
        "family",
        "first_failure_time",
        "flag",
        "id",
        "module",
        "order",
        "param_visibilities",
        "params",
        "priority",
        "progress_percentage",
        "public_params",
        "ready",
        "remove",
        "resources",
        "resources_running",
        "retry",
        "retry_policy",
        "runnable",
        "scheduler_disable_time",
        "scheduler_message_responses",
        "seq",
        "status",
        "status_message",
        "time",
        "time_running",
        "tracking_url",
        "unfinished",
        "up_disabled",
        "up_failed",
        "updated",
        "worker_running",
    )

    def __init__(
        self,
        task_id: str,
        now: float,
        crew: Crew,
        retry_policy: RetryPolicy,
        *,
        status: str = PENDING,
        priority: float = 0,
    ) -> None:
        """Make a task that is not in any index yet."""
        self.id = task_id
        self.status = status
        #: ``Family`` part of the id's meaning; "" for a placeholder that nobody has described yet.
        self.family = ""
        self.module: str | None = None
        self.params = NO_PARAMS
        #: None where all parameters are public, which is the usual case.
        self.public_params: Params | None = None
        self.param_visibilities: Mapping[str, int] = NO_PARAMS
        #: Ids of dependencies, each once, in the order in which they were announced.
        self.deps: tuple[str, ...] = ()
        #: Tasks that name this one among their ``deps``.
        self.dependents: Dependents = None
        #: How many of ``deps`` are missing or not DONE. PENDING and 0: schedulable.
        self.unfinished = 0
        #: How many of ``deps`` make this task UPSTREAM_FAILED, UPSTREAM_DISABLED (see ``upstream``).
        self.up_failed = 0
        self.up_disabled = 0
        #: What ``upstream`` has entered this task as: one of its FLAG_ constants.
        self.flag = 0
        #: Who can run this task and who cares about it.
        self.crew = crew
        #: Grows with creation: the order in which Luigi walks its tasks.
        self.seq = 0
        #: Grows with every change of status: ties in rank are broken by it, pages are ordered by it.
        self.order = 0
        self.priority = priority
        self.time = now
        self.updated = now
        #: When a FAILED task is tried again; when a task is forgotten.
        self.retry: float | None = None
        self.remove: float | None = None
        #: The worker that runs it, or ran it last (Luigi does not clear it).
        self.worker_running: str | None = None
        self.time_running: float | None = None
        self.expl: Any = None
        self.resources: Resources = NO_RESOURCES
        #: What the current or last run holds. ``FOLLOWS_RESOURCES``: the same as ``resources``, whatever that becomes.
        self.resources_running: Resources | None = None
        self.accepts_messages = False
        self.retry_policy = retry_policy
        #: Times of failures inside the disable window, oldest first; None where there are none.
        self.failures: list[float] | None = None
        self.first_failure_time: float | None = None
        self.tracking_url: str | None = None
        self.status_message: Any = None
        self.progress_percentage: float | None = None
        self.scheduler_message_responses: dict[str, Any] | None = None
        #: Set while it is the scheduler that keeps the task DISABLED.
        self.scheduler_disable_time: float | None = None
        self.runnable = False
        self.batchable = False
        self.batch_id: str | None = None
        #: Its place in the ready queue, while it is schedulable.
        self.ready: ReadyEntry | None = None

    def __repr__(self) -> str:
        """Show what one looks for in a debugger."""
        return f"<Task {self.id} {self.status}>"

    @property
    def workers(self) -> tuple[str, ...]:
        """Workers that can run it, in the order in which they announced it."""
        return self.crew.workers

    @property
    def stakeholders(self) -> frozenset[str]:
        """Workers that keep it from being forgotten."""
        return self.crew.stakeholders

    @property
    def visible_params(self) -> Params:
        """The public parameters."""
        return self.params if self.public_params is None else self.public_params

    @property
    def display_name(self) -> str:
        """``Family(a=1, b=2)`` from public parameters, sorted by name."""
        return f"{self.family}({', '.join(f'{key}={value}' for key, value in sorted(self.visible_params.items()))})"

    def set_params(self, params: Params) -> None:
        """Set parameters, and which of them are public by the visibilities known now."""
        self.params = params
        visibilities = self.param_visibilities
        if all(visibilities.get(name, VISIBILITY_PUBLIC) == VISIBILITY_PUBLIC for name in params):
            self.public_params = None
        else:
            self.public_params = {
                name: value
                for name, value in params.items()
                if visibilities.get(name, VISIBILITY_PUBLIC) == VISIBILITY_PUBLIC
            }

    @property
    def held_resources(self) -> Resources | None:
        """What the current or last run holds; None if the task was never handed out."""
        return self.resources if self.resources_running is FOLLOWS_RESOURCES else self.resources_running


#: In ``Task.resources_running``: a batch member holds its own ``resources``, not a copy of them (as in Luigi,
#: where both are then one dict: decreasing what is held decreases what the task asks for).
FOLLOWS_RESOURCES = Resources({"": 0})


#: Tasks that wait for the same one, each once, in the order in which they came: None for none, a dictionary for many.
Dependents: TypeAlias = tuple[Task, ...] | dict[Task, None] | None


class Worker:
    """A worker process and what it told of itself. Times are seconds since the epoch."""

    __slots__ = (
        "crews",
        "disabled",
        "host",
        "id",
        "info",
        "last_active",
        "last_get_work",
        "rpc_messages",
        "seq",
        "started",
    )

    def __init__(self, worker_id: str, now: float) -> None:
        """Make a worker that was seen now for the first time."""
        self.id = worker_id
        #: Grows with first contact: names this worker, and no other that comes with the same id later.
        self.seq = 0
        self.host: str | None = None
        self.last_active = now
        self.last_get_work: float | None = None
        self.started = now
        self.info: dict[str, Any] = {}
        self.disabled = False
        #: Messages that its next ``ping`` takes along.
        self.rpc_messages: list[dict[str, Any]] = []
        #: Every crew with tasks that names it, as worker or as stakeholder.
        self.crews: dict[Crew, None] = {}

    @property
    def assistant(self) -> bool:
        """Whether it offers to run what others have announced."""
        return bool(self.info.get("assistant", False))

    @property
    def state(self) -> str:
        """Luigi's word for whether it may work."""
        return "disabled" if self.disabled else "active"

    @property
    def slots(self) -> float:
        """Number of processes that it announced; 1 where that is no number."""
        slots = self.info.get("workers", 1)
        return slots if isinstance(slots, int | float) else 1
