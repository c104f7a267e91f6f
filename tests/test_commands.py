"""The commands that look after a database, each run for real."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import luigi.scheduler
import pytest

from tests.conftest import ServerFactory
from tests.support.server import ServerProcess
from tests.test_cli import luigiviz


@pytest.fixture
def state_file(tmp_path: Path) -> Path:
    """A state file of luigid's."""
    file = tmp_path / "luigid.pickle"
    scheduler = luigi.scheduler.Scheduler(state_path=str(file))
    scheduler.add_worker("w1", {"workers": 2})
    for number in range(4):
        scheduler.add_task(worker="w1", task_id=f"T{number}", family="T", deps=[f"T{number - 1}"] if number else [])
    scheduler.add_task(worker="w1", task_id="T0", status="DONE", family="T")
    scheduler.add_task(worker="w2", task_id="F", status="FAILED", family="F", expl="oh")
    scheduler.add_task_batcher(worker="w1", task_family="T", batched_args=["n"], max_batch_size=5)
    scheduler.dump()
    return file


@pytest.fixture
def server(server_factory: ServerFactory) -> ServerProcess:
    """A server with a few tasks."""
    server = server_factory()
    for number in range(20):
        server.rpc("add_task", worker="w", task_id=f"T{number}", family="T", deps=[f"T{number - 1}"] if number else [])
    return server


def test_a_state_is_imported_once_and_served(state_file: Path, server_factory: ServerFactory, tmp_path: Path) -> None:
    folder = tmp_path / "moved"
    folder.mkdir()
    before = state_file.read_bytes()
    done = luigiviz(folder, "import-state", str(state_file))
    assert done.returncode == 0, done.stderr
    assert "5 tasks: 1 DONE, 1 FAILED, 3 PENDING" in done.stdout
    assert "2 workers" in done.stdout
    assert "batchers of 1 worker" in done.stdout
    again = luigiviz(folder, "import-state", str(state_file))
    assert again.returncode == 1
    assert "holds a state already (5 tasks, 2 workers)" in again.stderr
    checked = luigiviz(folder, "check")
    assert (checked.returncode, checked.stdout) == (0, "ok: 5 tasks, 3 dependencies, 2 workers\n")
    server = server_factory(folder=folder)
    tasks = server.rpc("task_list", status="", upstream_status="")
    assert {task_id: task["status"] for task_id, task in tasks.items()} == {
        "T0": "DONE",
        "T1": "PENDING",
        "T2": "PENDING",
        "T3": "PENDING",
        "F": "FAILED",
    }
    assert server.rpc("get_work", worker="w1")["task_id"] == "T1"
    assert state_file.read_bytes() == before


def test_a_state_is_imported_into_the_database_that_is_named(
    state_file: Path, postgres_url: str, tmp_path: Path
) -> None:
    done = luigiviz(tmp_path, "import-state", str(state_file), "--database-url", postgres_url)
    assert done.returncode == 0, done.stderr
    checked = luigiviz(tmp_path, "check", "--database-url", postgres_url)
    assert checked.stdout == "ok: 5 tasks, 3 dependencies, 2 workers\n"
    assert not (tmp_path / "state").exists()


def test_nothing_is_imported_while_a_server_uses_the_database(state_file: Path, server: ServerProcess) -> None:
    refused = luigiviz(server.folder, "import-state", str(state_file))
    assert refused.returncode == 1
    assert "only one luigiviz can work on an SQLite file" in refused.stderr


def test_a_file_that_is_no_state_is_refused_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("hello")
    refused = luigiviz(tmp_path, "import-state", "other")
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert "no state file" in refused.stderr
    assert not (tmp_path / "state").exists()


def test_a_running_server_is_copied_and_checked(server: ServerProcess, server_factory: ServerFactory) -> None:
    folder = server.folder.parent / "second"
    (folder / "state").mkdir(parents=True)
    copy = folder / "state" / "state.db"
    done = luigiviz(server.folder, "backup", str(copy))
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{copy}: {copy.stat().st_size:,} bytes\n"
    assert "--force" in luigiviz(server.folder, "backup", str(copy)).stderr
    assert luigiviz(server.folder, "backup", "--force", str(copy)).returncode == 0
    for place in (server.folder, folder):
        checked = luigiviz(place, "check")
        assert checked.returncode == 0, checked.stderr
        assert checked.stdout.startswith("ok: 20 tasks, 19 dependencies, 1 worker")
    second = server_factory(folder=folder)
    assert len(second.rpc("task_list", status="", upstream_status="")) == 20
    server.rpc("add_task", worker="w", task_id="after", family="T")


def test_what_is_wrong_with_a_database_is_said(server: ServerProcess) -> None:
    server.stop()
    file = server.folder / "state" / "state.db"
    with closing(sqlite3.connect(file)) as database:
        database.execute("UPDATE luigiviz_task SET status = 'DONE' WHERE task_id = 'T3'")
        database.commit()
    checked = luigiviz(server.folder, "check")
    assert checked.returncode == 1
    assert "(T3): the column status says 'DONE', the document 'PENDING'" in checked.stderr
    assert "luigiviz: 1 problem; a backup" in checked.stderr
    assert checked.stdout == ""


def test_a_state_that_no_scheduler_can_have_is_told(server: ServerProcess) -> None:
    server.stop()
    with closing(sqlite3.connect(server.folder / "state" / "state.db")) as database:
        seq, text = database.execute("SELECT seq, document FROM luigiviz_task WHERE task_id = 'T3'").fetchone()
        for change, words in (
            ({"status": "LOST"}, "has no known status"),
            ({"retry_policy": [1]}, "no scheduler can be made of it"),
        ):
            document = json.loads(text) | change
            row = (json.dumps(document), document["status"], seq)
            database.execute("UPDATE luigiviz_task SET document = ?, status = ? WHERE seq = ?", row)
            database.commit()
            checked = luigiviz(server.folder, "check")
            assert checked.returncode == 1
            assert words in checked.stderr


def test_without_a_database_there_is_nothing_to_look_after(tmp_path: Path, state_file: Path) -> None:
    for command in (["check"], ["backup", "copy.db"], ["import-state", str(state_file)]):
        refused = luigiviz(tmp_path, *command, "--database-url", "memory")
        assert refused.returncode == 1
        assert "in memory only" in refused.stderr
    assert "there is no database" in luigiviz(tmp_path, "check").stderr
    assert "there is no database" in luigiviz(tmp_path, "backup", "copy.db").stderr
