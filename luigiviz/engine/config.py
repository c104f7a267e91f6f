"""The keys of Luigi's ``[scheduler]`` section, as one immutable value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class RetryPolicy(NamedTuple):
    """When a failing task is disabled. Luigi's fields and meanings.

    ``retry_count`` failures within ``disable_window`` seconds disable a task, and so does
    ``disable_hard_timeout`` seconds since its first failure.
    """

    retry_count: float
    disable_hard_timeout: float
    disable_window: float


@dataclass(frozen=True, slots=True)
class SchedulerConfig:
    """Luigi's ``[scheduler]`` settings under Luigi's names; all times are seconds.

    Defaults are those of Luigi 3.8.1.
    """

    #: A FAILED task becomes PENDING again this long after it failed; negative: never.
    retry_delay: float = 900.0
    #: A task that no live worker cares about is forgotten after this long.
    remove_delay: float = 600.0
    #: A worker that has been silent for longer than this is taken for dead.
    worker_disconnect_delay: float = 60.0
    #: luigid's pickle; read for a one-time import only, never written.
    state_path: str = "/var/lib/luigi-server/state.pickle"
    #: Collect failure mails and send them in batches.
    batch_emails: bool = False
    #: Failures older than this no longer count towards ``retry_count``.
    disable_window: float = 3600
    #: This many failures inside ``disable_window`` disable a task.
    retry_count: float = 999999999
    #: A task that still fails this long after its first failure is disabled.
    disable_hard_timeout: float = 999999999
    #: A task that the scheduler disabled is re-enabled after this long.
    disable_persist: float = 86400
    #: ``task_list`` answers only a count above this many tasks.
    max_shown_tasks: int = 100000
    #: ``dep_graph`` stops after this many nodes.
    max_graph_nodes: int = 100000
    #: Whether runs are recorded in the history database.
    record_task_history: bool = False
    #: Whether every ``get_work`` prunes first.
    prune_on_get_work: bool = False
    #: Whether ``pause`` and ``unpause`` have an effect.
    pause_enabled: bool = True
    #: Whether messages may be sent to running tasks.
    send_messages: bool = True
    #: Luigi's choice of a metrics collector (``none``, ``prometheus``, ``datadog``, ``custom``).
    metrics_collector: str = "none"
    #: Luigi's import path of a custom metrics collector.
    metrics_custom_import: str | None = None
    #: A claim that a task is PENDING is ignored for this long after the task became DONE.
    stable_done_cooldown_secs: float = 10

    @property
    def retry_policy(self) -> RetryPolicy:
        """The policy of tasks that do not bring their own."""
        return RetryPolicy(self.retry_count, self.disable_hard_timeout, self.disable_window)
