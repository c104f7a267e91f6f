"""What pages are made of: immutable copies of scheduler state, safe to use without the lock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from luigiviz.engine.statuses import DISPLAY_STATUSES

#: Columns that a task page can be sorted by. ``updated`` is the flat-cost one.
SORT_KEYS = (
    "updated",
    "status",
    "family",
    "params",
    "resources",
    "priority",
    "worker",
    "added",
    "started",
    "duration",
    "attempts",
)


@dataclass(frozen=True, slots=True)
class TaskRef:
    """A task as a link: enough to name it, colour it and point to it."""

    task_id: str
    #: ``Family(a=1, b=2)`` from public parameters, or the id of a task that is not known.
    display_name: str
    family: str
    #: One of ``statuses.DISPLAY_STATUSES`` (UPSTREAM_FAILED and UPSTREAM_DISABLED included).
    status: str
    #: False for a dependency that the scheduler does not hold (any more).
    known: bool = True


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A task as a row of the task table. Times are seconds since the epoch."""

    task_id: str
    display_name: str
    family: str
    module: str | None
    #: Public parameters, in the order in which the worker sent them.
    params: Mapping[str, str]
    #: Display status, see ``TaskRef.status``.
    status: str
    priority: float
    resources: Mapping[str, float]
    #: The worker that runs it, or that ran it last.
    worker_running: str | None
    #: Workers that can run it, in the order in which they announced it.
    workers: tuple[str, ...]
    #: When the task was first added.
    start_time: float
    #: When its status changed last.
    updated: float
    #: When it was last handed to a worker; None if it never was.
    time_running: float | None
    #: Seconds: of the run that goes on (RUNNING, BATCH_RUNNING), or of the last one (DONE, FAILED); else None.
    duration: float | None
    tracking_url: str | None
    status_message: str | None
    #: Percent, 0 to 100, as the worker reported it.
    progress_percentage: float | None
    #: Failures inside the disable window.
    num_failures: int
    #: These failures, and the run that goes on or succeeded.
    num_attempts: int
    #: The error as the worker sent it; None unless FAILED or DISABLED.
    expl: str | None
    #: DISABLED by the scheduler (so ``re_enable_task`` works), not by a worker.
    re_enable_able: bool
    #: Whether a message may be sent to it now.
    accepts_messages: bool
    batch_id: str | None


@dataclass(frozen=True, slots=True)
class TaskDetail:
    """Everything that the task page shows."""

    row: TaskRow
    #: Dependencies (what it waits for), sorted by id. Long lists are cut; ``num_deps`` is exact.
    deps: tuple[TaskRef, ...]
    num_deps: int
    #: Dependents (who waits for it), sorted by id. Long lists are cut; ``num_dependents`` is exact.
    dependents: tuple[TaskRef, ...]
    num_dependents: int
    #: Why a PENDING task waits, one of ``statuses.UPSTREAM_STATUSES``; "" for nothing that is known.
    upstream_status: str
    #: The error as the worker sent it (Luigi sends a JSON-encoded string); None if there is none.
    expl: str | None
    stakeholders: tuple[str, ...]
    resources_running: Mapping[str, float] | None
    #: When a FAILED task will be tried again, when it will be forgotten, when it will be re-enabled; or None.
    retry_at: float | None
    remove_at: float | None
    re_enable_at: float | None
    first_failure_time: float | None
    retry_count: float
    disable_window: float
    disable_hard_timeout: float
    #: Tasks that run as one with this one (BATCH_RUNNING mates, or the members of a batch runner).
    batch_mates: tuple[TaskRef, ...]
    batchable: bool
    runnable: bool


@dataclass(frozen=True, slots=True)
class Level:
    """Tasks at one distance from a task, by display status; UNKNOWN for those that the scheduler does not hold."""

    distance: int
    total: int
    by_status: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What stands around a task, level by level; a task counts where it is nearest."""

    upstream: tuple[Level, ...]
    downstream: tuple[Level, ...]
    #: Whether a limit kept levels or tasks out.
    more_upstream: bool
    more_downstream: bool


@dataclass(frozen=True, slots=True)
class Blocker:
    """A FAILED or DISABLED task that keeps another one from running."""

    row: TaskRow
    #: Dependencies between the two, by the shortest way.
    distance: int


@dataclass(frozen=True, slots=True)
class Blockers:
    """What keeps a task from running, nearest first."""

    shown: tuple[Blocker, ...]
    total: int
    #: Whether a limit kept some out.
    more: bool


@dataclass(frozen=True, slots=True)
class FamilyCount:
    """A family of the sidebar: tasks by display status."""

    family: str
    total: int
    by_status: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Overview:
    """What every page shows: counts and the state of the scheduler."""

    #: Number of tasks for each of ``statuses.DISPLAY_STATUSES``, zeros included; they are disjoint.
    counts: Mapping[str, int]
    total: int
    num_workers: int
    paused: bool
    pause_enabled: bool
    has_task_history: bool
    #: Grows whenever anything that a page shows may have changed.
    version: int
    #: The scheduler's clock when this was copied.
    now: float
    #: When it was paused (seconds since the epoch) and by whom; None where that is not known.
    paused_at: float | None = None
    paused_by: str | None = None


@dataclass(frozen=True, slots=True)
class TaskQuery:
    """A filter, an order and a page of the task table."""

    #: Display statuses to show; empty: all.
    statuses: frozenset[str] = frozenset()
    family: str | None = None
    #: What stands before the first dot of a family's name; None: any.
    namespace: str | None = None
    #: The worker that runs the tasks, or ran them last.
    worker: str | None = None
    #: A worker that can run the tasks.
    runner: str | None = None
    #: Terms that must all occur in the display name, without regard to case; or a task's exact id.
    search: str = ""
    #: A public parameter that must have exactly this value (None: any); with ``param`` "" any parameter may have it.
    param: str = ""
    value: str | None = None
    sort: str = "updated"
    descending: bool = True
    #: From 1.
    page: int = 1
    page_size: int = 50

    def __post_init__(self) -> None:
        """Refuse what no page can show."""
        unknown = self.statuses - set(DISPLAY_STATUSES)
        if unknown:
            raise ValueError(f"unknown status {sorted(unknown)[0]!r}; known are {', '.join(DISPLAY_STATUSES)}")
        if self.sort not in SORT_KEYS:
            raise ValueError(f"cannot sort by {self.sort!r}; possible are {', '.join(SORT_KEYS)}")
        if self.page < 1 or self.page_size < 1:
            raise ValueError("page and page size start at 1")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A task that an action is asked for."""

    task_id: str
    display_name: str
    family: str
    #: Display status; None for a task that is not known.
    status: str | None
    #: Whether the action would change it.
    fits: bool
    #: DISABLED by the scheduler, not by a worker.
    by_scheduler: bool = False
    #: The batch that it runs in, or runs as; None if it does not.
    batch_id: str | None = None


@dataclass(frozen=True, slots=True)
class SteeringResult:
    """What came of an action on a task: its status before and after; None if it is not known (any more)."""

    task_id: str
    before: str | None
    after: str | None

    @property
    def changed(self) -> bool:
        """Whether anything happened."""
        return self.before != self.after


@dataclass(frozen=True, slots=True)
class TaskPage:
    """One page of tasks that match a query."""

    rows: tuple[TaskRow, ...]
    #: How many tasks match in all.
    total: int
    query: TaskQuery


@dataclass(frozen=True, slots=True)
class PipelineQuery:
    """Which roots to show."""

    #: One of ``pipelines.STANDINGS``; None: all.
    standing: str | None = None
    #: Terms that must all occur in the display name, without regard to case.
    search: str = ""
    #: Whether tasks that nothing depends on, and that depend on nothing, count as pipelines.
    with_single_tasks: bool = False
    #: From 1.
    page: int = 1
    page_size: int = 20


@dataclass(frozen=True, slots=True)
class PipelinePage:
    """One page of roots."""

    rows: tuple[TaskRow, ...]
    #: How many match in all.
    total: int
    #: How many match the search, by standing.
    counts: Mapping[str, int]
    #: How many of the roots depend on nothing.
    num_single_tasks: int
    query: PipelineQuery


@dataclass(frozen=True, slots=True)
class Closure:
    """A root and all that stands upstream of it, in numbers. Times are seconds since the epoch."""

    total: int
    by_status: Mapping[str, int]
    #: Whether a limit kept tasks out.
    truncated: bool
    #: When the first of its tasks was handed to a worker; None if none was.
    started: float | None
    #: When the last of its tasks became DONE; None while something is left.
    ended: float | None
    num_blockers: int
    #: FAILED and DISABLED tasks, those nearest to the root first; long lists are cut.
    blockers: tuple[TaskRef, ...]
    #: An estimate; None where nothing is left, the history tells nothing, or a limit kept tasks out.
    seconds_left: float | None
    num_unfinished: int
    #: Unfinished tasks whose families have a usual running time.
    num_estimated: int


@dataclass(frozen=True, slots=True)
class GridQuery:
    """Which family to lay out, and by which parameters; None: those that fit best; ``down`` "": one row only."""

    family: str
    across: str | None = None
    down: str | None = None
    #: So many columns make a page; pages count from 1.
    page: int = 1
    max_columns: int = 60
    #: The first so many rows.
    max_rows: int = 200


@dataclass(frozen=True, slots=True)
class GridParam:
    """A public parameter of a family."""

    name: str
    num_values: int
    #: Whether its values are dates, as Luigi's date parameters write them.
    is_date: bool


@dataclass(frozen=True, slots=True)
class GridCell:
    """The tasks of one row and column: the one that asks most for a look, and how many there are."""

    task_id: str
    status: str
    count: int


@dataclass(frozen=True, slots=True)
class GridView:
    """A family as a grid."""

    family: str
    params: tuple[GridParam, ...]
    #: The parameters that name columns and rows; None where there is only one column or row, named "".
    across: str | None
    down: str | None
    #: Dates come newest first.
    columns: tuple[str, ...]
    rows: tuple[str, ...]
    #: By (row, column); those without a task are left out.
    cells: Mapping[tuple[str, str], GridCell]
    #: The page of columns that this is: the one that was asked for, or else the last one.
    page: int
    #: How many tasks the family has, and how many columns and rows without limits.
    total: int
    num_columns: int
    num_rows: int
    by_status: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class WorkerView:
    """A worker as a card."""

    name: str
    host: str | None
    pid: str | None
    username: str | None
    #: "active" or "disabled".
    state: str
    assistant: bool
    started: float
    last_active: float
    #: The scheduler takes it for dead at this time unless it checks in before.
    disconnect_at: float
    #: Number of processes that it announced.
    processes: float
    first_task_id: str | None
    first_task_display_name: str
    num_running: int
    num_pending: int
    num_uniques: int
    num_unread_rpc_messages: int
    running: tuple[TaskRow, ...]
    #: Everything that the worker told of itself.
    info: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ResourceView:
    """A resource as a bar."""

    name: str
    total: float
    used: float
    #: RUNNING tasks that hold some of it, and how much each of them holds, by id.
    consumers: tuple[TaskRow, ...]
    amounts: Mapping[str, float]
    #: How many schedulable tasks ask for it, and those among them that come first.
    num_waiting: int
    waiting: tuple[TaskRow, ...]


@dataclass(frozen=True, slots=True)
class GraphView:
    """A part of the dependency graph around one task.

    Nodes come breadth first from the root; edges point from a task to its dependency.
    """

    root: str
    nodes: tuple[GraphNode, ...]
    #: Pairs of task ids (task, dependency), both among ``nodes``.
    edges: tuple[tuple[str, str], ...]
    #: True if a limit kept nodes out; those that were cut appear with status TRUNCATED and no further edges.
    truncated: bool


@dataclass(frozen=True, slots=True)
class GraphNode:
    """A node of the dependency graph."""

    task_id: str
    display_name: str
    family: str
    #: A display status, UNKNOWN, or TRUNCATED.
    status: str
    params: Mapping[str, str]
    priority: float
    #: Seconds, as in ``TaskRow.duration``.
    duration: float | None
    progress_percentage: float | None
    #: False for tasks that the scheduler does not hold.
    known: bool
