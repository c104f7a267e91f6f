"""What clients send is checked whole, before anything changes."""

from __future__ import annotations

import math
from typing import Any

import pytest

from luigiviz.engine import InvalidArgumentError, UnknownMethodError
from luigiviz.engine.rpc import METHODS
from tests.engine.conftest import MakeScheduler


def test_all_methods_of_luigis_scheduler_are_there_and_no_other() -> None:
    from luigi.scheduler import RPC_METHODS

    assert set(METHODS) == set(RPC_METHODS)
    assert len(METHODS) == 39


def test_every_method_of_the_table_is_a_method_of_the_scheduler(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler()
    assert [name for name in METHODS if not callable(getattr(scheduler, name, None))] == []


def test_an_unknown_method_is_refused_by_name(make_scheduler: MakeScheduler) -> None:
    with pytest.raises(UnknownMethodError, match="'drop_everything'"):
        make_scheduler().call("drop_everything", {})


def test_a_name_of_the_scheduler_that_is_no_rpc_method_is_refused(make_scheduler: MakeScheduler) -> None:
    with pytest.raises(UnknownMethodError):
        make_scheduler().call("next_deadline", {})


@pytest.mark.parametrize(
    ("method", "arguments", "complaint"),
    [
        ("add_task", {"task_id": "A"}, "worker is missing"),
        ("add_task", {"worker": "w"}, "task_id is missing"),
        ("add_task", {"worker": "w", "task_id": 7}, "task_id must be a string, not 7"),
        ("add_task", {"worker": "w", "task_id": "A", "status": "SLEEPING"}, "status must be one of"),
        ("add_task", {"worker": "w", "task_id": "A", "priority": None}, "priority must be a number"),
        ("add_task", {"worker": "w", "task_id": "A", "priority": math.nan}, "priority must be a number"),
        ("add_task", {"worker": "w", "task_id": "A", "deps": "B"}, "deps must be a list of strings"),
        ("add_task", {"worker": "w", "task_id": "A", "deps": [["B"]]}, "deps must be a list of strings"),
        ("add_task", {"worker": "w", "task_id": "A", "resources": {"gpu": -1}}, "resources must be an object"),
        ("add_task", {"worker": "w", "task_id": "A", "resources": {"gpu": "2"}}, "resources must be an object"),
        ("add_task", {"worker": "w", "task_id": "A", "params": ["x"]}, "params must be an object"),
        ("add_task", {"worker": "w", "task_id": "A", "retry_policy_dict": {"retry_count": "3"}}, "retry_policy_dict"),
        ("add_worker", {"worker": "w", "info": "many"}, "info must be an object or a list of pairs"),
        ("get_work", {"worker": None}, "worker must be a string"),
        ("ping", {}, "worker is missing"),
        ("task_list", {"status": ["DONE"]}, "status must be a string"),
        ("task_list", {"max_shown_tasks": "10"}, "max_shown_tasks must be a number"),
        ("update_resources", {"gpu": "two"}, "the amount of 'gpu' must be a number"),
        ("decrease_running_task_resources", {"task_id": "A", "decrease_resources": {"gpu": "1"}}, "decrease_resources"),
    ],
)
def test_a_wrong_argument_is_named_and_changes_nothing(
    make_scheduler: MakeScheduler, method: str, arguments: dict[str, Any], complaint: str
) -> None:
    scheduler = make_scheduler({"gpu": 2})
    scheduler.add_task(worker="first", task_id="There")
    version = scheduler.state.version
    with pytest.raises(InvalidArgumentError, match=complaint):
        scheduler.call(method, arguments)
    assert scheduler.state.version == version
    assert list(scheduler.tasks) == ["There"]
    assert list(scheduler.workers) == ["first"]


def test_arguments_that_a_method_does_not_know_are_ignored(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler()
    scheduler.call("add_task", {"worker": "w", "task_id": "A", "invented_in_2030": {"x": 1}})
    assert scheduler.call("count_pending", {"worker": "w", "invented_in_2030": 1})["n_pending_tasks"] == 1


def test_what_real_clients_send_is_taken(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler()
    scheduler.call("add_worker", {"worker": "w", "info": [["salt", 1], ["workers", 2]]})
    scheduler.call("add_worker", {"worker": "w", "info": {"workers": 3}})
    call = {"worker": "w", "task_family": "F", "batched_args": ["x"], "max_batch_size": math.inf}
    scheduler.call("add_task_batcher", call)
    scheduler.call("add_task", {"worker": "w", "task_id": "A", "deps": ("B",), "expl": '"text"', "runnable": None})
    assert scheduler.workers["w"].info == {"salt": 1, "workers": 3}
    assert scheduler.tasks["A"].deps == ("B",)


def test_a_resource_may_have_any_name(make_scheduler: MakeScheduler) -> None:
    scheduler = make_scheduler()
    scheduler.call("update_resources", {"self": 1, "resources": 2})
    assert scheduler.call("update_resource", {"resource": "self", "amount": 3}) is True
    assert scheduler.state.pool.totals == {"self": 3, "resources": 2}
