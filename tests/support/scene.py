"""A scheduler with one of everything in it: all statuses, odd names, workers, resources, messages.

It is made by RPC calls only, so the same scene can be put into an application in this process and into a real server.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

#: ``call(method, **arguments)``: an RPC call and its answer.
Call = Callable[..., Any]

WORKER = "Worker(salt=0123456789, workers=2, host=etl-07.example, username=luigi, pid=4123)"
SECOND_WORKER = "Worker(salt=9876543210, workers=1, host=etl-08.example, username=luigi, pid=77)"
HOSTILE_WORKER = "Worker<img src=x onerror=alert(1)>\u202e/../%2F?#&"

#: What a hostile worker might send as error, message or parameter.
SCRIPT = "<script>alert('x')</script>"

#: Ids that pages must show as text, and link to.
ODD_IDS = (
    "A(b=c/d)?#é",
    "../x",
    "..",
    ".",
    "%2F",
    "/",
    "//host/path",
    "a//b/",
    SCRIPT,
    'quote" onmouseover="alert(1)',
    "x&amp;y=1;z",
    "\u202eright to left",
    "🎉",
    "line\nbreak",
    "nul\x00nul",
    "back\\slash",
    "report.svg",
    "javascript:alert(1)",
    "z" * 10_000,
)

DONE = "ingest.Orders_europe"
RUNNING = "ml.Train_1"
FAILED = "warehouse.Clean_1"
UPSTREAM_FAILED = "reports.Daily_1"
DISABLED = "marketing.Newsletter_1"
UPSTREAM_DISABLED = "marketing.Campaign_1"
PENDING = "reports.Margins_1"
UNKNOWN = "suppliers.Prices_1"
BATCH_MEMBERS = ("warehouse.Load_orders", "warehouse.Load_products")
BATCH = "warehouse.Load_orders_products"

#: The status that pages show for each of them.
STATUS_OF = {
    DONE: "DONE",
    RUNNING: "RUNNING",
    FAILED: "FAILED",
    UPSTREAM_FAILED: "UPSTREAM_FAILED",
    DISABLED: "DISABLED",
    UPSTREAM_DISABLED: "UPSTREAM_DISABLED",
    PENDING: "PENDING",
    UNKNOWN: "UNKNOWN",
    BATCH_MEMBERS[0]: "BATCH_RUNNING",
    BATCH: "RUNNING",
}

ERROR = f"Traceback (most recent call last):\n  ValueError: {SCRIPT} “no euros”"
TRACKING_URL = "https://cluster.example/job?id=7&x=y"
STATUS_MESSAGE = f"Epoch 3 of 30 {SCRIPT}"


def load_scene(call: Call) -> None:
    """Put the scene into a scheduler that is empty and has send_messages on."""
    _workers(call)
    _resources(call)
    _finished(call)
    _running(call)
    _waiting(call)
    for number, task_id in enumerate(ODD_IDS):
        _add(call, HOSTILE_WORKER, task_id, family=f"odd.{task_id[:40]}", params={"id": task_id, SCRIPT: str(number)})


def run_task(call: Call, worker: str, task_id: str, **description: Any) -> None:
    """Announce a task, and have it handed out to the worker at once."""
    _add(call, worker, task_id, **{"priority": 1000, **description})
    answer = call("get_work", worker=worker, host="etl-07.example")
    assert answer["task_id"] == task_id, answer


def finish_task(call: Call, worker: str, task_id: str, status: str, **description: Any) -> None:
    """Announce a task, run it and end it so."""
    run_task(call, worker, task_id, **description)
    _add(call, worker, task_id, **{**description, "status": status})


def _add(call: Call, worker: str, task_id: str, **description: Any) -> None:
    defaults = {"family": task_id.partition("_")[0], "module": "shop.pipeline", "params": {}, "deps": []}
    call("add_task", worker=worker, task_id=task_id, **{**defaults, **description})


def _workers(call: Call) -> None:
    info = {"host": "etl-07.example", "pid": 4123, "username": "luigi", "workers": 2, "first_task": UPSTREAM_FAILED}
    call("add_worker", worker=WORKER, info=list(info.items()))
    call("add_worker", worker=SECOND_WORKER, info={"host": "etl-08.example", "pid": 77, "workers": 1})
    call("add_worker", worker=HOSTILE_WORKER, info={"host": SCRIPT, "pid": SCRIPT, "username": SCRIPT})
    call("set_worker_processes", worker=SECOND_WORKER, n=3)


def _resources(call: Call) -> None:
    call("update_resources", gpu=1, database=4)
    call("update_resource", resource=SCRIPT, amount=2)


def _finished(call: Call) -> None:
    for region in ("europe", "asia", "americas"):
        finish_task(
            call, WORKER, f"ingest.Orders_{region}", "DONE", params={"date": "2026-11-23", "region": region}, priority=5
        )
    finish_task(call, WORKER, FAILED, "FAILED", params={"date": "2026-11-23"}, deps=[DONE], expl=json.dumps(ERROR))
    _add(call, WORKER, UPSTREAM_FAILED, params={"date": "2026-11-23"}, deps=[FAILED])
    policy = {"retry_count": 1}
    finish_task(call, WORKER, DISABLED, "FAILED", retry_policy_dict=policy, expl=json.dumps("452 no storage"))
    _add(call, WORKER, UPSTREAM_DISABLED, deps=[DISABLED])


def _running(call: Call) -> None:
    run_task(
        call,
        WORKER,
        RUNNING,
        params={"days": "5", "dry_run": "False", "note": 'it\'s "quoted"; $HOME', "long": "y" * 300},
        resources={"gpu": 1},
        accepts_messages=True,
    )
    call("set_task_progress_percentage", task_id=RUNNING, progress_percentage=37.5)
    call("set_task_status_message", task_id=RUNNING, status_message=STATUS_MESSAGE)
    call("add_task_batcher", worker=SECOND_WORKER, task_family="warehouse.Load", batched_args=["table"])
    for member in BATCH_MEMBERS:
        table = member.rpartition("_")[2]
        _add(call, SECOND_WORKER, member, params={"table": table}, batchable=True, resources={"database": 1})
    answer = call("get_work", worker=SECOND_WORKER, host="etl-08.example")
    _add(
        call,
        SECOND_WORKER,
        BATCH,
        family="warehouse.Load",
        params={"table": "orders,products"},
        status="RUNNING",
        batch_id=answer["batch_id"],
        tracking_url=TRACKING_URL,
    )


def _waiting(call: Call) -> None:
    _add(call, WORKER, PENDING, deps=[UNKNOWN], params={"date": "2026-11-23"}, resources={"gpu": 1}, priority=3)
