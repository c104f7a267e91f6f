"""What one worker knows to be acknowledged: its tasks, and how each call changes them, whole or not at all.

It is written from Luigi's rules, with nothing of the engine, for a worker whose tasks nobody else touches.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from luigiviz.engine import Scheduler

RUNS = ("RUNNING", "BATCH_RUNNING")


@dataclass
class Known:
    """What is known of one task."""

    status: str
    priority: float
    deps: tuple[str, ...] = ()
    expl: Any = None
    failures: int = 0
    batch_id: str | None = None
    resources: dict[str, float] = field(default_factory=dict)
    responses: dict[str, Any] = field(default_factory=dict)


@dataclass
class Model:
    """What is known of one worker and its tasks, all of whose ids begin with its name and a dot."""

    worker: str
    tasks: dict[str, Known] = field(default_factory=dict)
    info: dict[str, Any] = field(default_factory=dict)
    #: Contents of the messages that wait for the worker, oldest first.
    messages: list[Any] = field(default_factory=list)
    #: family -> (combined parameters, most tasks in a batch)
    batchers: dict[str, tuple[tuple[str, ...], float]] = field(default_factory=dict)
    #: The total of the worker's own resource; None: never edited.
    amount: float | None = None

    def copy(self) -> Model:
        """Copy everything."""
        return deepcopy(self)

    def picture(self) -> dict[str, Any]:
        """Everything in the words of ``picture_of``."""
        tasks = {
            task_id: (
                task.status,
                task.priority,
                tuple(sorted(task.deps)),
                task.expl,
                task.failures,
                (self.worker, task.batch_id) if task.status in RUNS else None,
                task.resources,
                task.responses,
            )
            for task_id, task in self.tasks.items()
            if not _is_failed_runner(task_id, task.status)
        }
        return {
            "tasks": tasks,
            "info": self.info,
            "messages": self.messages,
            "batchers": self.batchers,
            "amount": self.amount,
        }

    # What can be asked

    def ready(self) -> list[str]:
        """Tasks that can be handed out as far as dependencies go."""
        return [task_id for task_id, task in self.tasks.items() if task.status == "PENDING" and self._is_free(task)]

    def with_status(self, *statuses: str) -> list[str]:
        """Tasks that have one of these statuses."""
        return [task_id for task_id, task in self.tasks.items() if task.status in statuses]

    def members(self, batch_id: str | None) -> list[Known]:
        """Tasks that run in a batch."""
        return [
            task
            for task in self.tasks.values()
            if task.status == "BATCH_RUNNING" and task.batch_id == batch_id is not None
        ]

    def batch_without_runner(self) -> str | None:
        """The id of a batch that was handed out, and that no task runs yet."""
        ids = {task.batch_id for task in self.tasks.values() if task.status == "BATCH_RUNNING"}
        ids -= {task.batch_id for task in self.tasks.values() if task.status == "RUNNING"}
        return min((batch_id for batch_id in ids if batch_id is not None), default=None)

    def _is_free(self, task: Known) -> bool:
        return all(dep in self.tasks and self.tasks[dep].status == "DONE" for dep in task.deps)

    # What calls do

    def apply(self, method: str, arguments: dict[str, Any], answer: Any) -> None:
        """Change what a call changes; AssertionError: the answer cannot be right."""
        getattr(self, f"_{method}", self._nothing)(answer=answer, **arguments)

    def _nothing(self, **_arguments: Any) -> None:
        """Nothing that has to be durable."""

    def _add_task(
        self,
        task_id: str,
        status: str,
        priority: float = 0,
        deps: list[str] | None = None,
        expl: Any = None,
        batch_id: str | None = None,
        resources: dict[str, float] | None = None,
        **_other: Any,
    ) -> None:
        task = self.tasks.setdefault(task_id, Known("PENDING", priority))
        if batch_id is not None:
            task.batch_id = batch_id
        if expl is not None:
            for explained in (task, *self.members(task.batch_id)):
                explained.expl = expl
        self._set_status(task, status)
        if deps is not None:
            task.deps = tuple(deps)
        task.resources = resources or {}
        for dep in task.deps:
            self.tasks.setdefault(dep, Known("UNKNOWN", priority))
        self._raise_priority(task, priority)

    def _set_status(self, task: Known, status: str) -> None:
        if task.status == "RUNNING" and status != "RUNNING" and task.batch_id is not None:
            for member in self.members(task.batch_id):
                self._set_status(member, status)
        if status == "FAILED":
            task.failures += 1
        task.status = status

    def _raise_priority(self, task: Known, priority: float) -> None:
        task.priority = max(task.priority, priority)
        for dep in task.deps:
            if self.tasks[dep].priority < task.priority:
                self._raise_priority(self.tasks[dep], task.priority)

    def _get_work(self, answer: dict[str, Any], current_tasks: list[str], **_other: Any) -> None:
        lost = [
            task_id for task_id, task in self.tasks.items() if task.status == "RUNNING" and task_id not in current_tasks
        ]
        while (orphaned := self.batch_without_runner()) is not None:
            for member in self.members(orphaned):
                member.status = "PENDING"
        task_id, batch_id = answer["task_id"], answer.get("batch_id")
        if lost:
            assert task_id in lost, f"{answer} instead of one of {lost}"
            return
        ready = self.ready()
        if batch_id is not None:
            ids = answer["batch_task_ids"]
            assert len(ids) == self._batch_size(ids[0], ready) > 1, f"a batch of {ids} out of {ready}"
            assert set(ids) <= set(ready), f"a batch of {ids} out of {ready}"
            for member_id in ids:
                self.tasks[member_id].status = "BATCH_RUNNING"
                self.tasks[member_id].batch_id = batch_id
        elif task_id is not None:
            assert task_id in ready, f"{task_id} is not one of {ready}"
            assert self._batch_size(task_id, ready) == 1, f"{task_id} alone, out of {ready}"
            self.tasks[task_id].status = "RUNNING"
            self.tasks[task_id].batch_id = None

    def _batch_size(self, task_id: str, ready: list[str]) -> float:
        family = family_of(task_id)
        most = self.batchers[family][1] if family in self.batchers else 1
        return min(most, sum(family_of(other) == family for other in ready))

    def _forgive_failures(self, task_id: str, **_other: Any) -> None:
        self.tasks[task_id].status = "PENDING"

    def _mark_as_done(self, task_id: str, **_other: Any) -> None:
        self.tasks[task_id].status = "DONE"

    def _add_worker(self, info: dict[str, Any], **_other: Any) -> None:
        self.info |= info

    def _add_task_batcher(
        self, task_family: str, batched_args: list[str], max_batch_size: float, **_other: Any
    ) -> None:
        self.batchers[task_family] = (tuple(batched_args), max_batch_size)

    def _update_resource(self, amount: int, **_other: Any) -> None:
        self.amount = amount

    def _send_scheduler_message(self, content: Any, **_other: Any) -> None:
        self.messages.append(content)

    def _ping(self, answer: dict[str, Any], **_other: Any) -> None:
        told = [message["kwargs"]["content"] for message in answer["rpc_messages"]]
        assert told == self.messages, f"the worker was told {told} instead of {self.messages}"
        self.messages = []

    def _add_scheduler_message_response(self, task_id: str, message_id: str, response: Any, **_other: Any) -> None:
        self.tasks[task_id].responses[message_id] = response

    def _get_scheduler_message_response(self, answer: dict[str, Any], task_id: str, message_id: str) -> None:
        response = self.tasks[task_id].responses.pop(message_id, None)
        assert answer == {"response": response}

    # What may have become of a call without answer

    def after(self, method: str, arguments: dict[str, Any], seen: dict[str, Any]) -> Model:
        """What is known if the call was carried out, and led to what was seen (in the words of ``picture_of``)."""
        answer: dict[str, Any] = {}
        if method == "get_work":
            answer = self._work_seen(seen["tasks"], arguments["current_tasks"])
        elif method == "ping":
            answer = {"rpc_messages": [{"kwargs": {"content": content}} for content in self.messages]}
        elif method == "get_scheduler_message_response":
            answer = {"response": self.tasks[arguments["task_id"]].responses.get(arguments["message_id"])}
        changed = self.copy()
        changed.apply(method, arguments, answer)
        return changed

    def _work_seen(self, seen: dict[str, Any], current_tasks: list[str]) -> dict[str, Any]:
        """The answer to ``get_work`` that must have been given, as far as the tasks tell."""
        lost = [task_id for task_id in self.with_status("RUNNING") if task_id not in current_tasks]
        if lost:
            return {"task_id": lost[0]}
        # Members of a batch that nobody runs have been given back first, and may have been handed out anew.
        orphaned = self.batch_without_runner()
        batches: dict[str, list[str]] = {}
        for task_id, (status, *_, run, _resources, _responses) in seen.items():
            known = self.tasks.get(task_id)
            if status == "RUNNING" and (known is None or known.status != "RUNNING"):
                return {"task_id": task_id}
            if status == "BATCH_RUNNING" and (
                known is None or known.status != "BATCH_RUNNING" or known.batch_id in (orphaned,)
            ):
                batches.setdefault(run[1], []).append(task_id)
        for batch_id, ids in batches.items():
            return {"task_id": None, "batch_id": batch_id, "batch_task_ids": ids}
        return {"task_id": None}


def family_of(task_id: str) -> str:
    """The family of one of our tasks: its id up to the last dot."""
    return task_id.rpartition(".")[0]


def _is_failed_runner(task_id: str, status: str) -> bool:
    """Whether the scheduler may forget the task at any time."""
    return family_of(task_id).endswith(".run") and status == "FAILED"


def picture_of(scheduler: Scheduler, worker_id: str) -> dict[str, Any]:
    """All that a scheduler holds of one worker and its tasks, in the words of ``Model.picture``."""
    state = scheduler.state
    worker = state.workers.get(worker_id)
    tasks = {
        task.id: (
            task.status,
            task.priority,
            tuple(sorted(task.deps)),
            task.expl,
            len(task.failures or ()),
            (task.worker_running, task.batch_id) if task.status in RUNS else None,
            dict(task.resources),
            dict(task.scheduler_message_responses or {}),
        )
        for task in scheduler.tasks.values()
        if task.id.startswith(f"{worker_id}.") and not _is_failed_runner(task.id, task.status)
    }
    return {
        "tasks": tasks,
        "info": {} if worker is None else dict(worker.info),
        "messages": [] if worker is None else [message["kwargs"]["content"] for message in worker.rpc_messages],
        "batchers": dict(state.batches.batchers.get(worker_id, {})),
        "amount": state.pool.totals.get(worker_id),
    }
