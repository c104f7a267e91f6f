"""What a conformance run is made of: plain data, so that it can be generated, cut down and printed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Advance(NamedTuple):
    """Let some seconds pass."""

    seconds: float


class Call(NamedTuple):
    """Call an RPC method with these arguments.

    A ``message_id`` of the form ``message-3`` stands for the id of the fourth message that was sent.
    """

    method: str
    args: dict[str, Any]


class AskForWork(NamedTuple):
    """A worker asks for work as Luigi's worker does, and remembers what it was given."""

    worker: str
    assistant: bool = False
    #: Tell which tasks it runs (as Luigi's worker does); if not, leave the argument out.
    tell_current: bool = True
    #: The answer is lost: the worker does not remember what it was given.
    lose_answer: bool = False


class Report(NamedTuple):
    """A worker reports on one of the tasks that it was given."""

    worker: str
    #: Which of them, counted round.
    number: int
    status: str
    new_deps: tuple[str, ...] | None = None
    expl: str | None = None
    #: It goes on running the task after the report.
    keep: bool = False


class Crash(NamedTuple):
    """A worker forgets all tasks that it was given."""

    worker: str


class CallWithBatch(NamedTuple):
    """Call a method with the id of a batch that was handed out (which one, counted round) as ``batch_id``."""

    method: str
    args: dict[str, Any]
    number: int


Step = Advance | Call | AskForWork | Report | Crash | CallWithBatch


@dataclass(frozen=True)
class Plan:
    """A scheduler's configuration and the steps to take on it."""

    steps: tuple[Step, ...]
    config: dict[str, Any] = field(default_factory=dict)
    resources: dict[str, float] = field(default_factory=dict)
    #: Take a look that prunes after each n-th step; 0: never.
    look_every: int = 0

    def as_code(self) -> str:
        """Show the plan as Python code that makes it again."""
        lines = ["Plan(", f"    config={self.config!r},", f"    resources={self.resources!r},", "    steps=("]
        lines += [f"        {step!r}," for step in self.steps]
        lines += ["    ),", f"    look_every={self.look_every},", ")"]
        return "\n".join(lines)
