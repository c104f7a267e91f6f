"""Runs a plan on both schedulers and compares every answer and all that they remember."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from tests.conformance import snapshots
from tests.conformance.reference import TASK_STATUSES, UPSTREAM_STATUSES, FakeClock, patched_luigi
from tests.conformance.sides import LuigiSide, Side
from tests.conformance.steps import Advance, AskForWork, Call, CallWithBatch, Crash, Plan, Report, Step

MakeSide = Callable[[dict[str, Any], dict[str, float], FakeClock], Side]

#: The parts of an answer that hang on upstream status: not defined in Luigi where dependencies run in a circle.
_COUNTS = ("n_pending_tasks", "n_unique_pending", "n_pending_last_scheduled", "running_tasks")
_GRAPHS = frozenset({"graph", "dep_graph", "inverse_dep_graph"})

#: What can be asked without naming a task or worker.
LOOKS: tuple[Call, ...] = (
    Call("graph", {}),
    Call("task_list", {}),
    Call("worker_list", {}),
    Call("resource_list", {}),
    *(Call("task_list", {"status": status, "limit": False}) for status in TASK_STATUSES),
    *(Call("task_list", {"status": "PENDING", "upstream_status": upstream}) for upstream in UPSTREAM_STATUSES),
    Call("task_list", {"upstream_status": "UPSTREAM_FAILED", "limit": False}),
    Call("task_list", {"search": "a"}),
    Call("task_list", {"status": "PENDING", "search": "F 1"}),
    Call("task_list", {"max_shown_tasks": 2}),
    Call("task_list", {"status": "PENDING", "upstream_status": "UPSTREAM_DISABLED", "max_shown_tasks": 1}),
    Call("worker_list", {"include_running": False}),
    Call("task_search", {"task_str": "a"}),
    Call("is_paused", {}),
)


class Difference(AssertionError):
    """The engine did something else than Luigi."""


class LuigiRaisedError(Exception):
    """Luigi raised on a call for which nobody knew that it would: the harness has to learn about it."""


@dataclass
class _Given:
    """A task that a worker was told to run."""

    task_id: str
    family: str
    module: str | None
    params: dict[str, Any]
    assistant: bool


class Run:
    """One plan, carried out on both schedulers."""

    def __init__(self, plan: Plan, make_side: MakeSide, *, thorough: bool = False) -> None:
        self.plan = plan
        #: Take every look after every step, rather than a few of them in turn.
        self.thorough = thorough
        self.clock = FakeClock()
        self.calls = 0
        #: Calls and pauses as they were made: a plan that does not depend on answers.
        self.made: list[Step] = []
        #: How often a call was left out because Luigi would have raised.
        self.left_out: Counter[str] = Counter()
        self._make_side = make_side
        self._given: dict[str, list[_Given]] = {}
        self._described: dict[str, dict[str, Any]] = {}
        self._batch_ids: list[str] = []
        self._messages: tuple[list[str], list[str]] = ([], [])
        self._turn = 0
        self._steps = 0

    def __enter__(self) -> Self:
        """Make both schedulers and give Luigi's the fake clock."""
        self._patch = patched_luigi(self.clock)
        self._patch.__enter__()
        self.luigi = LuigiSide(self.plan.config, self.plan.resources, self.clock)
        self.engine = self._make_side(self.plan.config, self.plan.resources, self.clock)
        return self

    def __exit__(self, *raised: Any) -> None:
        """Give Luigi its clock back."""
        self._patch.__exit__(*raised)

    def execute(self) -> None:
        """Carry out all steps; raise ``Difference`` at the first difference."""
        with self:
            for step in self.plan.steps:
                self.take(step)

    def take(self, step: Step) -> None:
        """Carry out one step; raise ``Difference`` if the schedulers differ."""
        self._take(step)
        self._steps += 1
        if self.plan.look_every and self._steps % self.plan.look_every == 0:
            self._look_and_prune()

    # Steps

    def _take(self, step: Step) -> None:
        match step:
            case Advance(seconds):
                self.clock.now += seconds
                self.made.append(step)
            case Call(method, args):
                self._call(method, args)
            case CallWithBatch(method, args, number):
                batch_id = self._batch_ids[number % len(self._batch_ids)] if self._batch_ids else "no such batch"
                self._call(method, args | {"batch_id": batch_id})
            case AskForWork():
                self._ask_for_work(step)
            case Report():
                self._report(step)
            case Crash(worker):
                self._given.pop(worker, None)

    def _ask_for_work(self, step: AskForWork) -> None:
        given = self._given.setdefault(step.worker, [])
        args: dict[str, Any] = {"worker": step.worker, "host": f"host of {step.worker}", "assistant": step.assistant}
        if step.tell_current:
            args["current_tasks"] = [run.task_id for run in given]
        answer = self._call("get_work", args)
        if step.lose_answer or not answer:
            return
        if answer.get("task_id") is not None:
            task_id, params = answer["task_id"], answer["task_params"]
        elif "batch_id" in answer:
            # As Luigi's worker does: make one task of the batch and announce that it runs.
            task_id = f"{answer['task_family']}(of {' '.join(answer['batch_task_ids'])})"
            params = {name: str(value) for name, value in answer["task_params"].items()}
            self._described.setdefault(task_id, self._described.get(answer["batch_task_ids"][0], {}))
            call = {"worker": step.worker, "task_id": task_id, "family": answer["task_family"], "params": params}
            call |= {"module": answer["task_module"], "status": "RUNNING", "batch_id": answer["batch_id"]}
            self._call("add_task", call)
        else:
            return
        if all(run.task_id != task_id for run in given):
            given.append(_Given(task_id, answer["task_family"], answer["task_module"], params, step.assistant))

    def _report(self, step: Report) -> None:
        given = self._given.get(step.worker)
        if not given:
            return
        run = given[step.number % len(given)]
        if not step.keep:
            given.remove(run)
        args: dict[str, Any] = {"worker": step.worker, "task_id": run.task_id, "status": step.status, "runnable": None}
        args |= {"family": run.family, "module": run.module, "params": run.params, "assistant": run.assistant}
        args |= {"expl": step.expl, "new_deps": list(step.new_deps or ())}
        self._call("add_task", args | self._described.get(run.task_id, {}))

    # Calls

    def _call(self, method: str, args: dict[str, Any]) -> Any:
        reason = self.luigi.scheduler.why_it_would_raise(method, args)
        if reason is not None:
            self.left_out[reason] += 1
            return None
        self.made.append(Call(method, args))
        if method == "add_task" and "resources" in args and args.get("status", "PENDING") == "PENDING":
            described: dict[str, Any] = {
                name: args[name] for name in ("resources", "retry_policy_dict") if name in args
            }
            self._described[args["task_id"]] = described
        answer = self._compare(method, args)
        if method == "get_work" and "batch_id" in answer:
            self._batch_ids.append(answer["batch_id"])
        self._compare_memories()
        self._look()
        return answer

    def _compare(self, method: str, args: dict[str, Any]) -> Any:
        """Call both; return the answer if it is the same."""
        self.calls += 1
        sent = json.dumps(args)
        try:
            theirs = self.luigi.call(method, self._arguments(sent, 0))
        except Exception as error:
            raise LuigiRaisedError(f"{method}({sent}) at {self.clock.now}") from error
        theirs = self._normal(method, theirs, 0)
        try:
            ours = self.engine.call(method, self._arguments(sent, 1))
        except Exception as error:
            raise Difference(f"{method}({sent})\nluigi answers {theirs!r}\nthe engine raises {error!r}") from error
        ours = self._normal(method, ours, 1)
        if theirs != ours and not _same_json(theirs, ours) and not self._is_excused(method, args, theirs, ours):
            raise Difference(f"{method}({sent})\n{_describe(theirs, ours)}")
        return theirs

    def _arguments(self, sent: str, side: int) -> dict[str, Any]:
        args: dict[str, Any] = json.loads(sent)
        message = args.get("message_id")
        if isinstance(message, str) and message.startswith("message-"):
            number = int(message.removeprefix("message-"))
            if number < len(self._messages[side]):
                args["message_id"] = self._messages[side][number]
        return args

    def _normal(self, method: str, answer: Any, side: int) -> Any:
        """Return an answer with nothing in it that hangs on chance."""
        messages = self._messages[side]
        if method in _GRAPHS:
            return {task_id: node | {"deps": sorted(node["deps"])} for task_id, node in answer.items()}
        if method == "re_enable_task" and answer:
            return answer | {"deps": sorted(answer["deps"])}
        if method in ("count_pending", "get_work"):
            answer = dict(answer)
            answer["running_tasks"] = sorted(answer["running_tasks"], key=lambda run: str(run["task_id"]))
        elif method == "send_scheduler_message" and answer["message_id"] is not None:
            messages.append(answer["message_id"])
            return {"message_id": len(messages)}
        elif method == "ping":
            return [self._normal_message(message, messages) for message in answer["rpc_messages"]]
        return answer

    @staticmethod
    def _normal_message(message: dict[str, Any], messages: list[str]) -> Any:
        if message["name"] != "dispatch_scheduler_message":
            return message
        return message["name"], message["kwargs"] | {"message_id": messages.index(message["kwargs"]["message_id"])}

    # Comparing without calling

    def _is_excused(self, method: str, args: dict[str, Any], theirs: Any, ours: Any) -> bool:
        """Tell whether answers differ only in upstream status, while dependencies run in a circle."""
        if method == "task_list" and args.get("upstream_status"):
            return self.luigi.scheduler.has_cycle()
        if method in ("count_pending", "get_work"):
            theirs, ours = ({name: side[name] for name in side if name not in _COUNTS} for side in (theirs, ours))
            return bool(theirs == ours) and self.luigi.scheduler.has_cycle()
        return False

    def _compare_memories(self) -> None:
        theirs, ours = self.luigi.tasks(), self.engine.tasks()
        if theirs != ours or list(theirs) != list(ours):
            difference = snapshots.describe_difference(theirs, ours)
            if difference:
                raise Difference(f"after {self.made[-1]!r} the memories differ:\n{difference}")
        if self.luigi.events != self.engine.events:
            raise Difference(
                f"{self.made[-1]!r} made other events:\nluigi  {self.luigi.events!r}\nengine {self.engine.events!r}"
            )
        self.luigi.events.clear()
        self.engine.events.clear()

    def _look(self) -> None:
        """Look at both without pruning: at everything, or at a few things in turn."""
        self._turn += 1
        workers = list(self.luigi.scheduler._state._active_workers)
        looks = [Call("count_pending", {"worker": worker}) for worker in workers]
        tasks = list(self.luigi.scheduler._state._tasks)
        if self.thorough:
            looks += LOOKS
            looks += [
                Call(method, {"task_id": task}) for task in tasks for method in ("dep_graph", "inverse_dep_graph")
            ]
        else:
            looks = looks[self._turn % len(looks) :][:1] if looks else []
            looks.append(LOOKS[self._turn % len(LOOKS)])
        with self.luigi.frozen(), self.engine.frozen():
            self._compare_looks(looks)
        if self.thorough or self._turn % 8 == 0:
            self._compare_orders()
            self.engine.check()

    def _compare_looks(self, looks: list[Call]) -> None:
        for method, args in looks:
            calls = self.calls
            try:
                self._compare(method, args)
            except Difference as difference:
                raise Difference(f"looking after {self.made[-1]!r}: {difference}") from difference
            self.calls = calls

    def _compare_orders(self) -> None:
        theirs, ours = self.luigi.orders(), self.engine.orders()
        for status in ("PENDING", "RUNNING", "BATCH_RUNNING"):
            if theirs[status] != ours[status]:
                raise Difference(
                    f"after {self.made[-1]!r} the order of {status} tasks differs:\n"
                    f"luigi  {theirs[status]}\nengine {ours[status]}"
                )

    def _look_and_prune(self) -> None:
        """Ask for everything, as people do: this prunes."""
        self._turn += 1
        tasks = list(self.luigi.scheduler._state._tasks)
        looks = [LOOKS[(self._turn * 5 + n) % len(LOOKS)] for n in range(5)]
        if tasks:
            task_id = tasks[self._turn % len(tasks)]
            looks.append(Call("dep_graph", {"task_id": task_id, "include_done": self._turn % 3 > 0}))
            looks.append(Call("inverse_dep_graph", {"task_id": task_id, "include_done": self._turn % 2 > 0}))
            looks.append(Call("fetch_error", {"task_id": task_id}))
        for method, args in looks:
            self._call(method, args)


def _same_json(theirs: Any, ours: Any) -> bool:
    """Tell whether two answers are the same on the wire."""
    return json.dumps(theirs, sort_keys=True) == json.dumps(ours, sort_keys=True)


def _describe(theirs: Any, ours: Any) -> str:
    """Show two answers; of objects, only the parts that differ."""
    while isinstance(theirs, dict) and isinstance(ours, dict) and theirs.keys() == ours.keys():
        different = [name for name in theirs if theirs[name] != ours[name]]
        if len(different) != 1 or not isinstance(theirs[different[0]], dict):
            theirs, ours = ({name: side[name] for name in different} for side in (theirs, ours))
            break
        theirs, ours = theirs[different[0]], ours[different[0]]
    return f"luigi  answers {theirs!r}\nengine answers {ours!r}"
