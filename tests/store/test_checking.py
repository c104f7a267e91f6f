"""A database of the live state is looked through: what is wrong is said, and nothing is changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from luigiviz.engine import Scheduler, SchedulerConfig
from luigiviz.engine.documents import mark_everything, take_changes
from luigiviz.engine.journal import Journal
from luigiviz.store.checking import Findings, look_through
from luigiviz.store.database import open_engine
from luigiviz.store.errors import LiveStateRefusedError
from luigiviz.store.live.livestore import LiveStore
from tests.store.conftest import KINDS, url_of

#: What is done with rows once they are read needs no third database.
ON_SOME = pytest.mark.parametrize("url", KINDS[:2], indirect=True)


def make_state(url: str, tasks: int = 30) -> None:
    """Write a state as a server does."""
    scheduler = Scheduler(SchedulerConfig(), {"db": 2}, lambda: 1_000_000.0)
    call = scheduler.call
    for worker in ("w1", "w2\x00"):
        call("add_worker", {"worker": worker, "info": {"workers": 2}})
    call("add_task_batcher", {"worker": "w1", "task_family": "T", "batched_args": ["n"]})
    for number in range(tasks):
        deps = [f"T{number - 1}", "missing\x00"] if number else []
        arguments = {"worker": "w1", "task_id": f"T{number}", "family": "T", "deps": deps, "priority": number}
        call("add_task", arguments)
    call("add_task", {"worker": "w1", "task_id": "big", "priority": 10**25, "params": {"x": "\x00"}})
    call("get_work", {"worker": "w1"})
    call("update_resource", {"resource": "db", "amount": 7})
    journal = scheduler.state.journal = Journal()
    mark_everything(scheduler.state, journal)
    store = LiveStore(url)
    store.open()
    assert store.try_to_lead()
    store.commit(take_changes(scheduler.state))
    store.close()


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with a state."""
    found = url_of(request.param, request, tmp_path / "state.db")
    make_state(found)
    return found


def change(url: str, statement: str, **values: Any) -> None:
    engine = open_engine(url)
    with engine.begin() as connection:
        assert connection.execute(text(statement), values).rowcount
    engine.dispose()


def change_document(url: str, table: str, **changes: Any) -> None:
    """Change the document with the lowest number of a table, and leave its columns as they are."""
    engine = open_engine(url)
    with engine.connect() as connection:
        seq, document = connection.execute(text(f"SELECT seq, document FROM {table} ORDER BY seq")).first() or (0, "")
    engine.dispose()
    content = json.loads(document) | changes
    change(url, f"UPDATE {table} SET document = :new WHERE seq = :seq", new=json.dumps(content), seq=seq)


def problems(url: str) -> str:
    return "\n".join(look_through(url).problems)


def test_a_state_that_a_server_wrote_is_in_order(url: str) -> None:
    findings = look_through(url)
    assert findings.problems == []
    assert len(findings.tasks) == 32
    assert findings.tasks[2][1] == ("T1", "missing\x00") or ("T1", "missing\x00") in [
        deps for _, deps in findings.tasks
    ]
    assert [worker["id"] for worker in findings.workers] == ["w1", "w2\x00"]
    assert len(findings.batchers) == 1
    assert findings.values["resources"]["edits"] == {"db": [7, 2]}


@ON_SOME
@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE luigiviz_task SET document = '{' WHERE seq = 1", "luigiviz_task 1 (T0): its document is no JSON"),
        ("UPDATE luigiviz_task SET document = '7' WHERE seq = 1", "its document is 7"),
        ("UPDATE luigiviz_task SET document = '{}' WHERE seq = 1", "its document has no 'id' of the right kind"),
        ("UPDATE luigiviz_task SET status = 'DONE' WHERE seq = 1", "the column status says 'DONE', the document"),
        ("UPDATE luigiviz_task SET priority = 5 WHERE seq = 1", "the column priority says 5.0, the document 29"),
        ("UPDATE luigiviz_task SET seq = 99 WHERE seq = 1", "luigiviz_task 99 (T0): its document has the number 1"),
        ("DELETE FROM luigiviz_task WHERE task_id = 'T7'", "2 dependencies of a task that is not there"),
        ("DELETE FROM luigiviz_dependency WHERE position = 0 AND dep_id = 'T3'", "position 1 follows -1"),
        (
            "UPDATE luigiviz_worker SET worker_id = 'x' WHERE seq = 1",
            "the column worker_id says 'x', the document 'w1'",
        ),
        ("UPDATE luigiviz_worker SET document = 'null' WHERE seq = 1", "luigiviz_worker 1 (w1): its document is null"),
        ("UPDATE luigiviz_batcher SET document = '[]'", "luigiviz_batcher 1 (w1): its document is []"),
        ("UPDATE luigiviz_value SET document = '' WHERE name = 'resources'", "luigiviz_value resources: its document"),
    ],
)
def test_a_row_that_is_wrong_is_named(url: str, statement: str, words: str) -> None:
    change(url, statement)
    assert words in problems(url)


@ON_SOME
@pytest.mark.parametrize(
    ("table", "changes", "words"),
    [
        ("luigiviz_task", {"id": "other"}, "the column task_id says 'T0', the document 'other'"),
        ("luigiviz_task", {"time": "noon"}, "no 'time' of the right kind"),
        ("luigiviz_task", {"order": True}, "no 'order' of the right kind"),
        ("luigiviz_worker", {"started": None}, "no 'started' of the right kind"),
        ("luigiviz_batcher", {"families": []}, "no 'families' of the right kind"),
    ],
)
def test_a_document_that_says_something_else_than_its_row_is_named(
    url: str, table: str, changes: dict[str, Any], words: str
) -> None:
    change_document(url, table, **changes)
    assert words in problems(url)


def test_of_many_problems_of_a_kind_the_first_are_told(url: str) -> None:
    change(url, "UPDATE luigiviz_task SET status = 'DISABLED'")
    found = look_through(url).problems
    assert len(found) == 21
    assert found[-1] == "… and 12 more of this kind"


def test_looking_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "state.db"
    make_state(f"sqlite:///{file}")
    before = file.read_bytes(), sorted(path.name for path in tmp_path.iterdir())
    look_through(f"sqlite:///{file}")
    assert (file.read_bytes(), sorted(path.name for path in tmp_path.iterdir())) == before
    with pytest.raises(LiveStateRefusedError, match="there is no database"):
        look_through(f"sqlite:///{tmp_path}/missing/state.db")
    assert not (tmp_path / "missing").exists()


def test_damage_to_the_file_is_told(tmp_path: Path) -> None:
    file = tmp_path / "state.db"
    make_state(f"sqlite:///{file}", tasks=300)
    content = bytearray(file.read_bytes())
    place = content.index(b"T150")
    page = place // 4096
    content[page * 4096 : page * 4096 + 8] = b"\xaa" * 8
    file.write_bytes(content)
    try:
        found = problems(f"sqlite:///{file}")
    except LiveStateRefusedError as error:
        found = str(error)
    assert "is damaged" in found


def test_databases_of_other_programs_and_versions_are_refused(url: str) -> None:
    change(url, "UPDATE luigiviz_schema SET version_num = '9998'")
    with pytest.raises(LiveStateRefusedError, match="have version 9998"):
        look_through(url)
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE luigiviz_schema"))
    engine.dispose()
    with pytest.raises(LiveStateRefusedError, match="holds no live state"):
        look_through(url)


def test_an_empty_state_is_in_order(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/state.db"
    store = LiveStore(url)
    store.open()
    assert look_through(url) == Findings()
    store.close()
