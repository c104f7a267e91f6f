"""kill -9 at random moments, under load."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

from tests.conftest import ServerFactory
from tests.faults.load import Client, Load, finish
from tests.faults.looking import CONFIG, load, wait_until_ready

#: `make torture` asks for more.
KILLS = int(os.environ.get("LUIGIVIZ_TEST_KILLS", "50"))
SEED = os.environ.get("LUIGIVIZ_TEST_SEED", "faults")
_CLIENTS = 5


def test_after_kill_9_every_acknowledged_call_is_there_and_no_call_is_half_there(
    server_factory: ServerFactory, tmp_path: Path
) -> None:
    print(f"LUIGIVIZ_TEST_SEED={SEED}")  # shown if this fails
    random = Random(SEED)
    folder = tmp_path / "server"
    url = f"sqlite:///{folder}/live.db"
    clients = [Client(f"w{n}", f"{SEED} {n}", pauses=n == 0) for n in range(_CLIENTS)]
    server = server_factory(CONFIG, args=["--database-url", url], folder=folder)
    for _ in range(KILLS):
        running = Load(clients, server.port)
        # Where in a call or a commit the end comes is left to chance.
        running.wait_for_answers(random.randrange(10, 400))
        server.kill()
        running.join()
        found = load(url)
        for client in clients:
            client.verify(found)
        assert "Traceback" not in server.output
        server = server_factory(CONFIG, args=["--database-url", url], folder=folder, port=server.port)
        wait_until_ready(server)
        listed = server.rpc("task_list", status="", upstream_status="", limit=False)
        assert {task_id: task["status"] for task_id, task in listed.items()} == {
            task.id: task.status
            for task in found.tasks.values()
            if task.remove is None  # the server forgets the others at once
        }
    finish(clients, server.port)
