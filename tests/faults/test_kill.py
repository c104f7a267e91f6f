"""kill -9 at random moments, under load."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from luigiviz.engine import Scheduler
from tests.conftest import ServerFactory
from tests.faults.load import Client, Load, finish
from tests.faults.looking import CONFIG, load, load_copy, wait_until_ready

#: `make torture` asks for more.
KILLS = int(os.environ.get("LUIGIVIZ_TEST_KILLS", "50"))
SEED = os.environ.get("LUIGIVIZ_TEST_SEED", "faults")
_CLIENTS = 5


def test_after_kill_9_every_acknowledged_call_is_there_and_no_call_is_half_there(
    server_factory: ServerFactory, tmp_path: Path
) -> None:
    database = tmp_path / "server" / "live.db"
    kill_again_and_again(
        server_factory, f"sqlite:///{database}", tmp_path, KILLS, lambda: load_copy(database, tmp_path / "copy")
    )


@pytest.mark.postgres
def test_after_kill_9_a_state_in_postgresql_is_as_complete(
    server_factory: ServerFactory, postgres_url: str, tmp_path: Path
) -> None:
    kill_again_and_again(server_factory, postgres_url, tmp_path, max(1, KILLS // 10), lambda: load(postgres_url))


@pytest.mark.mariadb
def test_after_kill_9_a_state_in_mariadb_is_as_complete(
    server_factory: ServerFactory, mariadb_url: str, tmp_path: Path
) -> None:
    kills = max(1, KILLS // 16)
    kill_again_and_again(server_factory, mariadb_url, tmp_path, kills, lambda: load(mariadb_url))


def kill_again_and_again(
    start: ServerFactory, url: str, folder: Path, kills: int, look: Callable[[], Scheduler]
) -> None:
    """Kill a server under load and start it again, and compare what is there each time."""
    print(f"LUIGIVIZ_TEST_SEED={SEED}")  # shown if this fails
    random = Random(SEED)
    clients = [Client(f"w{n}", f"{SEED} {n}", pauses=n == 0) for n in range(_CLIENTS)]
    # The lease of a dead leader runs out soon.
    options: dict[str, Any] = {"args": ["--database-url", url], "env": {"LUIGIVIZ_LEASE_SECONDS": "1"}}
    server = start(CONFIG, folder=folder / "server", **options)
    for _ in range(kills):
        wait_until_ready(server)
        running = Load(clients, server.port)
        # Where in a call or a commit the end comes is left to chance.
        running.wait_for_answers(random.randrange(10, 400))
        server.kill()
        running.join()
        found = look()
        for client in clients:
            client.verify(found)
        assert "Traceback" not in server.output
        server = start(CONFIG, folder=folder / "server", port=server.port, **options)
        wait_until_ready(server)
        listed = server.rpc("task_list", status="", upstream_status="", limit=False)
        assert {task_id: task["status"] for task_id, task in listed.items()} == {
            task.id: task.status
            for task in found.tasks.values()
            if task.remove is None  # the server forgets the others at once
        }
    finish(clients, server.port)
