"""Runs that ended long ago are forgotten, and nothing else is."""

from __future__ import annotations

from sqlalchemy import func, select

from luigiviz.store.database import open_engine
from luigiviz.store.retention import BATCH, Retention
from luigiviz.store.schema import TaskEvent, TaskParameter, TaskRecord
from tests.store.conftest import NOON, OpenHistory, event, write
from tests.support.polling import wait_for

DAY = 86_400.0


def test_runs_that_are_too_old_go_with_all_that_belongs_to_them(open_history: OpenHistory, history_url: str) -> None:
    history = open_history()
    numbers = range(BATCH + 30)
    for number in numbers:
        at = NOON - (10 * DAY if number % 2 else 1 * DAY)
        write_run = [event("RUNNING", at, f"T{number}", params={"n": "1"}), event("DONE", at + 60, f"T{number}")]
        history.record(write_run)
    write(history, event("RUNNING", NOON, "still running"))
    engine = open_engine(history_url)
    retention = Retention(engine, days=5, clock=lambda: NOON)
    assert retention.tidy() < 1
    assert retention.tidy() < 1
    assert retention.tidy() > 60
    left = {f"T{number}" for number in numbers if number % 2 == 0} | {"still running"}
    with engine.connect() as connection:
        assert set(connection.scalars(select(TaskRecord.task_id))) == left
        for table in (TaskEvent, TaskParameter):
            orphans = select(func.count()).where(table.task_id.not_in(select(TaskRecord.id)))
            assert connection.scalar(orphans) == 0
    engine.dispose()


def test_the_history_deletes_by_itself_and_goes_on_recording(open_history: OpenHistory) -> None:
    before = open_history()
    write(before, event("RUNNING", 1_000_000.0, "long ago"), event("DONE", 1_000_060.0, "long ago"))
    write(before, event("RUNNING", 4_000_000_000.0, "far ahead"))
    before.close()
    history = open_history(retention_days=1)
    wait_for(lambda: [run.task_id for run in history.find().runs] == ["far ahead"], "the old run to be deleted")
    write(history, event("RUNNING", 4_000_000_001.0, "long ago"))
    assert {run.task_id for run in history.find().runs} == {"far ahead", "long ago"}
