"""Makes plans from a seed: each has a taste of its own, so that together they get into every corner.

Each plan draws which features of the scheduler it uses, and how much (swarm testing): a plan with everything at once
rarely gets deep into anything. Most steps are those of workers that keep to Luigi's protocol, some are arbitrary calls.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

from tests.conformance.steps import Advance, AskForWork, Call, CallWithBatch, Crash, Plan, Report, Step

FEATURES = (
    "assistants",
    "batches",
    "claims",
    "disable",
    "dynamic",
    "floats",
    "jumps",
    "messages",
    "odd ids",
    "pause",
    "policies",
    "priorities",
    "resources",
    "steer",
    "still",
    "vanish",
    "visibilities",
)

_ODD_IDS = ("a/b c", "é∀(x=1)", "F(", "_F_1", "..", "a#?%20", "", "F_1__99914b932b", "|", "A" * 60)
_ANY_STATUS = ("PENDING", "DONE", "FAILED", "RUNNING", "SUSPENDED", "UNKNOWN", "DISABLED", "BATCH_RUNNING")


class _Taste:
    """What one plan is like: its features, tasks, workers and numbers."""

    def __init__(self, random: Random) -> None:
        self.random = random
        keep = random.choice((0.2, 0.5, 0.8))
        self.features = {feature for feature in FEATURES if random.random() < keep}
        self.circular = random.random() < 0.03
        number = random.choice((2, 4, 4, 7, 7, 12, 20))
        self.task_ids = [f"F{n % 3}_{n}" for n in range(number)]
        if self.has("odd ids"):
            for n, odd in enumerate(random.sample(_ODD_IDS, min(number, 4))):
                self.task_ids[n] = odd
        self.workers = [f"w{n}" for n in range(random.choice((1, 2, 2, 3, 5)))]
        self.assistants = self.workers[: len(self.workers) // 2] if self.has("assistants") else []
        self.families = random.choice((["F"], ["F", "G"], ["F", "G.H", ""]))
        self.resources = ["r", "s", "t"][: random.choice((1, 1, 2, 3))]
        self.edges = random.choice((0.05, 0.2, 0.4))
        self.specs = {task_id: self._spec(n) for n, task_id in enumerate(self.task_ids)}
        self.pauses = [0, 0, 0.5, 1, 3, 5, 10, 61] if not self.has("still") else [0, 0, 0, 0, 1, 61]
        if self.has("jumps"):
            self.pauses += [600, 601, 900, 901, 86401, 1_000_000]
        if random.random() < 0.1:
            self.pauses += [0.1, 0.3, 0.7, 9.9]

    def has(self, feature: str) -> bool:
        return feature in self.features

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def amounts(self) -> dict[str, float]:
        random = self.random
        if not self.has("resources") or self.chance(0.3):
            return {}
        amounts: tuple[float, ...] = (0, 1, 1, 1, 2, 3)
        if self.has("floats"):
            amounts += (0.5, 1.5)
        return {name: random.choice(amounts) for name in self.resources if self.chance(0.6)}

    def priority(self) -> float:
        choices: tuple[float, ...] = (0,)
        if self.has("priorities"):
            choices += (0, 1, 1, 2, 5, -1)
            if self.has("floats"):
                choices += (0.5, 1.5, 1e9)
        return self.random.choice(choices)

    def policy(self) -> dict[str, Any]:
        random = self.random
        policy: dict[str, Any] = {}
        if self.chance(0.6):
            policy["retry_count"] = random.choice((None, 1, 1, 2, 3))
        if self.chance(0.4):
            policy["disable_hard_timeout"] = random.choice((None, 0, 5, 100))
        if self.chance(0.4):
            policy["disable_window"] = random.choice((None, 0, 5, 1000))
        return policy

    def deps(self, number: int) -> list[str]:
        earlier = self.task_ids if self.circular else self.task_ids[:number]
        deps = [task_id for task_id in earlier if self.chance(self.edges)]
        self.random.shuffle(deps)
        return deps

    def _spec(self, number: int) -> dict[str, Any]:
        """Describe a task as its own class would."""
        random = self.random
        family = random.choice(self.families)
        spec: dict[str, Any] = {
            "deps": self.deps(number),
            "priority": self.priority(),
            "resources": self.amounts(),
            "family": family,
            "module": random.choice(("m", None)),
            "params": {"n": str(number), "x": random.choice("12")},
            "runnable": self.chance(0.9),
        }
        if self.has("batches"):
            spec["batchable"] = self.chance(0.8)
            spec["resources"] = random.choice((spec["resources"], {}, {"r": 1}))
        if self.has("policies") and self.chance(0.6):
            spec["retry_policy_dict"] = self.policy()
        if self.has("messages"):
            spec["accepts_messages"] = self.chance(0.5)
        if self.has("visibilities"):
            spec["param_visibilities"] = {"n": random.choice((0, 0, 1, 2)), "x": random.choice((0, 1, 2))}
        return spec

    def worker(self) -> str:
        return self.random.choice(self.workers)

    def task(self) -> str:
        return self.random.choice(self.task_ids)

    def any_task(self) -> str:
        return "nobody knows this" if self.chance(0.03) else self.task()


def _config(taste: _Taste) -> dict[str, Any]:
    random = taste.random
    config: dict[str, Any] = {}

    def maybe(name: str, *values: Any, probability: float = 0.4) -> None:
        if random.random() < probability:
            config[name] = random.choice(values)

    maybe("retry_delay", 0.0, 0.5, 10.0, 900.0, -1.0, probability=0.7)
    maybe("remove_delay", 0.0, 5.0, 600.0, probability=0.6)
    maybe("worker_disconnect_delay", 0.0, 5.0, 60.0, probability=0.5)
    if taste.has("disable"):
        maybe("retry_count", 0, 1, 2, 3, probability=0.8)
        maybe("disable_window", 0, 5, 3600)
        maybe("disable_hard_timeout", 0, 5, 100)
        maybe("disable_persist", 0, 10, 86400, probability=0.8)
    maybe("stable_done_cooldown_secs", 0, 3, 10)
    maybe("max_shown_tasks", 1, 3, 10, probability=0.15)
    maybe("max_graph_nodes", 1, 2, 5, probability=0.15)
    maybe("prune_on_get_work", True, probability=0.3)
    maybe("pause_enabled", False, probability=0.1)
    maybe("send_messages", False, probability=0.1)
    maybe("record_task_history", True, probability=0.1)
    return config


def _announce(taste: _Taste) -> Step:
    """A worker announces a task as Luigi's worker does, sometimes with something left out or changed."""
    task_id, worker = taste.task(), taste.worker()
    args: dict[str, Any] = {"worker": worker, "task_id": task_id, **taste.specs[task_id]}
    if worker in taste.assistants and taste.chance(0.5):
        args["assistant"] = True
    what = taste.random.random()
    if what < 0.1:
        args |= {"status": "DONE", "deps": None, "runnable": False}
    elif what < 0.13:
        args |= {"status": "UNKNOWN", "deps": None, "runnable": False}
    elif what < 0.16 and taste.has("disable"):
        args["status"] = "DISABLED"
    elif what < 0.3:
        for name in taste.random.sample(sorted(args.keys() - {"worker", "task_id"}), 2):
            del args[name]
    elif what < 0.4:
        args["priority"] = taste.priority()
    elif what < 0.45:
        args["deps"] = taste.deps(taste.task_ids.index(task_id))
    elif what < 0.5:
        args["resources"] = taste.random.choice((None, taste.amounts()))
    return Call("add_task", args)


def _claim(taste: _Taste) -> Step:
    """Somebody claims anything about a task."""
    random = taste.random
    number = random.randrange(len(taste.task_ids))
    args: dict[str, Any] = {"worker": taste.worker(), "task_id": taste.task_ids[number]}
    options: dict[str, Callable[[], Any]] = {
        "status": lambda: random.choice(_ANY_STATUS),
        "runnable": lambda: random.choice((True, False, None)),
        "deps": lambda: random.choice((None, [], taste.deps(number))),
        "new_deps": lambda: random.choice((None, [], taste.deps(number))),
        "expl": lambda: random.choice((None, '"what went wrong"', "é")),
        "resources": lambda: random.choice((None, {}, taste.amounts())),
        "priority": taste.priority,
        "family": lambda: random.choice((*taste.families, "")),
        "module": lambda: random.choice((None, "m2")),
        "params": lambda: random.choice((None, {}, {"n": "1", "y": "2"})),
        "param_visibilities": lambda: random.choice((None, {}, {"n": 1}, {"y": 2, "n": 0})),
        "accepts_messages": lambda: random.choice((None, True, False)),
        "assistant": lambda: random.choice((True, False)),
        "tracking_url": lambda: random.choice((None, "http://example.org/1")),
        "batchable": lambda: random.choice((None, True, False)),
        "retry_policy_dict": lambda: random.choice((None, {}, taste.policy())),
        "owners": lambda: ["somebody"],
        "a_newer_argument": lambda: 1,
    }
    share = random.choice((0.1, 0.3, 0.6))
    args |= {name: make() for name, make in options.items() if taste.chance(share)}
    if taste.has("batches") and taste.chance(0.15):
        return CallWithBatch("add_task", args, random.randrange(5))
    return Call("add_task", args)


def _report(taste: _Taste) -> Step:
    random = taste.random
    status = random.choices(("DONE", "FAILED", "PENDING", "SUSPENDED", "RUNNING"), (5, 4, 1, 0.5, 0.5))[0]
    new_deps: tuple[str, ...] | None = None
    if taste.has("dynamic") and taste.chance(0.3):
        status = random.choice(("PENDING", "SUSPENDED", status))
        new_deps = tuple(taste.deps(random.randrange(len(taste.task_ids))))
    expl = random.choice((None, '""', '"Traceback"'))
    return Report(taste.worker(), random.randrange(4), status, new_deps, expl, keep=taste.chance(0.05))


def _ask_for_work(taste: _Taste) -> Step:
    worker = taste.worker()
    assistant = worker in taste.assistants and taste.chance(0.9)
    return AskForWork(worker, assistant, tell_current=taste.chance(0.85), lose_answer=taste.chance(0.08))


def _get_work(taste: _Taste) -> Step:
    args: dict[str, Any] = {"worker": taste.worker()}
    if taste.chance(0.5):
        args["current_tasks"] = taste.random.choice((None, [], [taste.task()], taste.task_ids))
    if taste.chance(0.2):
        args["assistant"] = taste.chance(0.7)
    if taste.chance(0.2):
        args["host"] = "elsewhere"
    return Call("get_work", args)


def _advance(taste: _Taste) -> Step:
    return Advance(taste.random.choice(taste.pauses))


def _ping(taste: _Taste) -> Step:
    return Call("ping", {"worker": taste.worker()})


def _worker_info(taste: _Taste) -> Step:
    random = taste.random
    info: Any = {"workers": random.choice((0, 1, 1, 2, 3)), "host": "h", "username": "me", "first_task": taste.task()}
    if taste.has("assistants") and taste.chance(0.3):
        info["assistant"] = random.choice((True, False))
    if taste.chance(0.3):
        info = [[name, value] for name, value in info.items()]
    return Call("add_worker", {"worker": taste.worker(), "info": info})


def _batcher(taste: _Taste) -> Step:
    random = taste.random
    args: dict[str, Any] = {"worker": taste.worker(), "task_family": random.choice(taste.families)}
    args["batched_args"] = random.choice((["n"], ["n"], ["n", "x"], [], ["absent"]))
    if taste.chance(0.7):
        args["max_batch_size"] = random.choice((float("inf"), 1, 2, 3, 0))
    return Call("add_task_batcher", args)


def _run_message(taste: _Taste) -> Step:
    """What a running task tells of itself."""
    random = taste.random
    task_id = taste.any_task()
    methods = ("set_task_status_message", "set_task_progress_percentage", "decrease_running_task_resources", "add_task")
    method = random.choice(methods)
    if method == "add_task":
        return Call(
            method, {"worker": taste.worker(), "task_id": task_id, "status": "RUNNING", "tracking_url": "http://t"}
        )
    if method == "set_task_status_message":
        return Call(method, {"task_id": task_id, "status_message": random.choice(("half", "é", None))})
    if method == "set_task_progress_percentage":
        return Call(method, {"task_id": task_id, "progress_percentage": random.choice((0, 50, 99.5, None))})
    return Call(
        method, {"task_id": task_id, "decrease_resources": taste.amounts() | random.choice(({}, {"r": -1}, {"z": 1}))}
    )


def _message(taste: _Taste) -> Step:
    random = taste.random
    task_id, message_id = taste.any_task(), f"message-{random.randrange(4)}"
    return random.choice(
        (
            Call("send_scheduler_message", {"worker": taste.worker(), "task": task_id, "content": "stop"}),
            Call("add_scheduler_message_response", {"task_id": task_id, "message_id": message_id, "response": "yes"}),
            Call("get_scheduler_message_response", {"task_id": task_id, "message_id": message_id}),
            Call("set_worker_processes", {"worker": taste.worker(), "n": random.randrange(5)}),
            Call("ping", {"worker": taste.worker()}),
        )
    )


def _steer(taste: _Taste) -> Step:
    """What people do in the pages."""
    methods = ("forgive_failures", "mark_as_done", "re_enable_task")
    return Call(taste.random.choice(methods), {"task_id": taste.any_task()})


def _change_resources(taste: _Taste) -> Step:
    random = taste.random
    name = random.choice((*taste.resources, "u"))
    if taste.chance(0.5):
        return Call("update_resource", {"resource": name, "amount": random.choice((0, 1, 2, 4, -1, 1.5))})
    return Call("update_resources", {name: random.choice((0, 1, 2, 4, 0.5))})


def _pause(taste: _Taste) -> Step:
    return Call(taste.random.choice(("pause", "unpause", "unpause", "is_paused", "is_pause_enabled")), {})


def _query(taste: _Taste) -> Step:
    random = taste.random
    task_id = taste.any_task()
    terms = ("", "f", "F", "n=1", "f N=", "é", "x", "G.H(", " ")
    task_list: dict[str, Any] = {"status": random.choice(("", *_ANY_STATUS))}
    if taste.chance(0.4):
        task_list["upstream_status"] = f"UPSTREAM_{random.choice(('FAILED', 'DISABLED', 'RUNNING', 'MISSING_INPUT'))}"
    if taste.chance(0.3):
        task_list["search"] = random.choice((*terms, None))
    if taste.chance(0.3):
        task_list["limit"] = taste.chance(0.5)
    if taste.chance(0.3):
        task_list["max_shown_tasks"] = random.choice((None, 0, 1, 2, 5))
    graph = {"task_id": task_id} | random.choice(({}, {"include_done": False}, {"include_done": True}))
    return random.choice(
        (
            Call("task_list", task_list),
            Call("task_search", {"task_str": random.choice(("", "F", "_1", "é", "nothing"))}),
            Call("dep_graph", graph),
            Call("inverse_dep_graph", graph),
            Call("graph", {}),
            Call("worker_list", random.choice(({}, {"include_running": False}))),
            Call("resource_list", {}),
            Call("prune", {}),
            Call("prune", {}),
            Call("count_pending", {"worker": random.choice((*taste.workers, "new"))}),
            Call("fetch_error", {"task_id": task_id}),
            Call("get_task_status_message", {"task_id": task_id}),
            Call("get_task_progress_percentage", {"task_id": task_id}),
            Call("get_running_task_resources", {"task_id": task_id}),
            Call("has_task_history", {}),
            Call("is_pause_enabled", {}),
            Call("update_metrics_task_started", {"task": task_id}),
            Call("report_task_statistics", {"task_id": task_id, "statistics": {"seconds": 1}}),
            Call(
                "announce_scheduling_failure",
                {"worker": taste.worker(), "task_name": "t", "family": "F", "params": {}, "expl": "e", "owners": []},
            ),
        )
    )


def _disable_worker(taste: _Taste) -> Step:
    return Call("disable_worker", {"worker": taste.random.choice((*taste.workers, "new"))})


def _crash(taste: _Taste) -> Step:
    return Crash(taste.worker())


def _recipe(taste: _Taste) -> tuple[list[Callable[[_Taste], Step]], list[float]]:
    """Say what steps a plan is made of, and how often each comes."""
    strength = taste.random.choice
    recipe: dict[Callable[[_Taste], Step], float] = {
        _announce: strength((4, 8, 16)),
        _ask_for_work: strength((3, 8)),
        _report: strength((2, 6)),
        _advance: strength((2, 5)),
        _query: strength((1, 3)),
        _ping: 1,
        _get_work: strength((0, 1, 3)),
        _worker_info: 0.5,
        _run_message: strength((0, 1)),
    }
    if taste.has("batches"):
        recipe[_batcher] = strength((1, 3))
    if taste.has("claims"):
        recipe[_claim] = strength((1, 5, 15))
    if taste.has("messages"):
        recipe[_message] = 2
    if taste.has("steer"):
        recipe[_steer] = 2
    if taste.has("resources"):
        recipe[_change_resources] = 1
        recipe[_run_message] = 2
    if taste.has("pause"):
        recipe[_pause] = 0.7
    if taste.has("vanish"):
        recipe[_disable_worker] = 0.3
        recipe[_crash] = 0.5
    return list(recipe), list(recipe.values())


#: What makes a step, by name.
STEP_MAKERS: dict[str, Callable[[_Taste], Step]] = {
    maker.__name__.removeprefix("_"): maker
    for maker in (
        *(_announce, _claim, _report, _ask_for_work, _get_work, _advance, _ping, _worker_info, _batcher),
        *(_run_message, _message, _steer, _change_resources, _pause, _query, _disable_worker, _crash),
    )
}


def make_start(random: Random) -> tuple[_Taste, Plan]:
    """Make the taste of a plan, and a plan that has only its first steps: workers that say who they are."""
    taste = _Taste(random)
    steps: list[Step] = [_worker_info(taste) for _ in taste.workers if taste.chance(0.5)]
    if taste.has("batches"):
        steps += [
            Call("add_task_batcher", {"worker": worker, "task_family": family, "batched_args": ["n"]})
            for worker in taste.workers
            for family in taste.families
            if taste.chance(0.7)
        ]
    totals: dict[str, float] = {
        name: random.choice((0, 1, 1, 2, 3, 5)) for name in taste.resources if taste.chance(0.7)
    }
    return taste, Plan(
        steps=tuple(steps),
        config=_config(taste),
        resources=totals if taste.has("resources") else {},
        look_every=random.choice((0, 10, 25)),
    )


def make_plan(seed: int | str, length: int = 120) -> Plan:
    """Make the plan that belongs to a seed."""
    random = Random(seed)
    taste, start = make_start(random)
    makers, weights = _recipe(taste)
    steps = [maker(taste) for maker in random.choices(makers, weights, k=length)]
    return replace(start, steps=(*start.steps, *steps))
