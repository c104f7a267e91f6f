"""What was recorded is written before the process ends, whatever server runs the application."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
import subprocess
import sys
import urllib.request
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode

import pytest

from luigiviz.store.history import History
from tests.support.polling import wait_for
from tests.support.server import server_environ

_TASKS = 50


def _call(url: str, method: str, **arguments: object) -> None:
    data = urlencode({"data": json.dumps(arguments)}).encode()
    with urllib.request.urlopen(f"{url}/api/{method}", data, timeout=30) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_under_waitress_serve_no_event_is_lost_at_the_end(tmp_path: Path, number: signal.Signals) -> None:
    database, log = tmp_path / "history.db", tmp_path / "log"
    (tmp_path / "luigi.cfg").write_text(
        f"[scheduler]\nrecord_task_history = true\n[task_history]\ndb_connection = sqlite:///{database}\n"
    )
    command = [sys.executable, "-m", "waitress", "--listen=127.0.0.1:0", "--call", "luigiviz:create_app"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=tmp_path, env=server_environ(tmp_path), stdout=output, stderr=subprocess.STDOUT
        )
    try:
        url = wait_for(lambda: re.search(r"http://127\.0\.0\.1:\d+", log.read_text()), "waitress to listen").group()
        with closing(sqlite3.connect(database)) as somebody:
            somebody.execute("BEGIN IMMEDIATE")  # so that the events wait
            for task in range(_TASKS):
                _call(url, "add_task", worker="w", task_id=f"T{task}", family="T", status="DONE")
            assert somebody.execute("SELECT count(*) FROM tasks").fetchone() == (0,)
            process.send_signal(number)
            somebody.rollback()
        assert process.wait(timeout=30) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()
    history = History(f"sqlite:///{database}")
    try:
        assert history.find().total == _TASKS
    finally:
        history.close()
