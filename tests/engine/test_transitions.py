"""The table of transitions is complete, and says what the scheduler does."""

from __future__ import annotations

import itertools

import pytest

from luigiviz.engine import Scheduler
from luigiviz.engine.statuses import DISABLED, DONE, FAILED, RUNNING, STATUSES, UNKNOWN
from luigiviz.engine.transitions import RULES, Rule, set_status
from tests.engine.conftest import MakeScheduler


def _task_with(scheduler: Scheduler, status: str) -> None:
    scheduler.add_task(worker="w", task_id="T", family="F")
    task = scheduler.tasks["T"]
    if status == RUNNING:
        scheduler.get_work(worker="w")
    elif status == UNKNOWN:
        set_status(scheduler.state, task, UNKNOWN, 0.0)
    else:
        set_status(scheduler.state, task, status, 0.0)
    assert task.status == status


def test_the_table_has_a_rule_for_every_pair() -> None:
    assert set(RULES) == set(itertools.product(STATUSES, STATUSES))


@pytest.mark.parametrize(("current", "claimed"), sorted(RULES))
def test_a_claim_leads_where_the_table_says(make_scheduler: MakeScheduler, current: str, claimed: str) -> None:
    scheduler = make_scheduler()
    _task_with(scheduler, current)
    task = scheduler.tasks["T"]
    failures = len(task.failures or ())
    set_status(scheduler.state, task, claimed, 1.0)
    rule = RULES[current, claimed]
    assert task.status == (current if rule is Rule.IGNORE else claimed)
    assert len(task.failures or ()) == failures + (rule is Rule.FAIL)


@pytest.mark.parametrize("claimed", [status for status in STATUSES if status not in (DISABLED, DONE)])
def test_only_success_overrides_a_disable_by_the_scheduler(make_scheduler: MakeScheduler, claimed: str) -> None:
    scheduler = make_scheduler(retry_count=1)
    _task_with(scheduler, "PENDING")
    task = scheduler.tasks["T"]
    set_status(scheduler.state, task, FAILED, 0.0)
    assert task.status == DISABLED
    set_status(scheduler.state, task, claimed, 1.0)
    assert task.status == DISABLED
    set_status(scheduler.state, task, DONE, 2.0)
    assert (task.status, task.failures, task.scheduler_disable_time) == (DONE, None, None)
