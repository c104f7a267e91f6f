"""The words for what a task is doing: Luigi's statuses and those that pages add to them."""

from __future__ import annotations

PENDING = "PENDING"
RUNNING = "RUNNING"
BATCH_RUNNING = "BATCH_RUNNING"
DONE = "DONE"
FAILED = "FAILED"
DISABLED = "DISABLED"
UNKNOWN = "UNKNOWN"
#: Accepted from workers and stored as PENDING.
SUSPENDED = "SUSPENDED"

#: What a task's ``status`` can be.
STATUSES = (PENDING, RUNNING, BATCH_RUNNING, DONE, FAILED, DISABLED, UNKNOWN)

UPSTREAM_RUNNING = "UPSTREAM_RUNNING"
UPSTREAM_MISSING_INPUT = "UPSTREAM_MISSING_INPUT"
UPSTREAM_FAILED = "UPSTREAM_FAILED"
UPSTREAM_DISABLED = "UPSTREAM_DISABLED"

#: Why a PENDING task waits, least severe first ("": for nothing that is known).
UPSTREAM_STATUSES = ("", UPSTREAM_RUNNING, UPSTREAM_MISSING_INPUT, UPSTREAM_FAILED, UPSTREAM_DISABLED)

#: What pages show for a task: its status, where PENDING is split by what it waits for.
DISPLAY_STATUSES = (
    PENDING,
    RUNNING,
    BATCH_RUNNING,
    DONE,
    FAILED,
    UPSTREAM_FAILED,
    DISABLED,
    UPSTREAM_DISABLED,
    UNKNOWN,
)

#: Shown by graphs for a dependency beyond a limit.
TRUNCATED = "TRUNCATED"

#: What ``add_task`` accepts.
CLAIMABLE_STATUSES = (*STATUSES, SUSPENDED)
