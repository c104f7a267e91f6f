"""The demo runs to its planned end, stays for a look around, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.parse
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.polling import wait_for
from tests.support.server import ROOT, server_environ

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(os.environ.get("LUIGIVIZ_E2E_SERVER") == "luigid", reason="the demo brings its own server"),
]

#: Families that do not end with all of their tasks DONE.
UNFINISHED = {
    "marketing.Campaign": {"PENDING"},
    "marketing.SendNewsletter": {"DISABLED"},
    "reports.Margins": {"PENDING"},
    "suppliers.SupplierPrices": {"PENDING"},
}


def test_the_demo_ends_with_its_pipeline_when_told_to(tmp_path: Path) -> None:
    with _demo(tmp_path, "--exit-when-done") as demo:
        assert demo.wait(timeout=120) == 0, _output(tmp_path)
    last = _output(tmp_path).strip().splitlines()[-1]
    assert re.sub(r"\d+ done, ", "", last) == "2 pending, 1 disabled, 1 upstream_disabled"
    assert _left_behind(tmp_path) == []


def test_the_demo_ends_with_the_planned_statuses_and_stays_until_ctrl_c(tmp_path: Path) -> None:
    with _demo(tmp_path) as demo:
        wait_for(lambda: "The pipeline has ended" in _output(tmp_path) or demo.poll(), "the pipeline's end", 120)
        found = re.search(r"luigiviz is at (http://\S+)", _output(tmp_path))
        assert found, _output(tmp_path)
        statuses = _statuses_by_family(found.group(1))
        [attempts] = [int(path.read_text()) for path in tmp_path.rglob("*.attempts") if path.read_text() != "1"]

        demo.send_signal(signal.SIGINT)
        assert demo.wait(timeout=60) == 0, _output(tmp_path)
    done = {family for family, found_statuses in statuses.items() if found_statuses == {"DONE"}}
    assert {family: statuses[family] for family in statuses.keys() - done} == UNFINISHED
    assert {"shop.Nightly", "reports.WeeklyReport", "reports.CategoryReport", "ml.TrainRecommender"} <= done
    assert attempts == 3
    assert _left_behind(tmp_path) == []


def test_the_demo_says_that_its_port_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, _demo(tmp_path, "--port", _port(taken)) as demo:
        assert demo.wait(timeout=60) == 1
    assert "Choose another port" in _output(tmp_path)


@contextmanager
def _demo(folder: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``luigiviz demo`` fast and small, with its temporary folder below ``folder``."""
    command = [sys.executable, "-m", "luigiviz", "demo", "--port", "0", "--speed", "50", "--days", "2", *options]
    environ = server_environ(folder, {"TMPDIR": str(folder)})
    with (folder / "demo.log").open("wb") as log:
        demo = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield demo
    finally:
        if demo.poll() is None:
            demo.terminate()
            demo.wait(timeout=60)


def _port(listener: socket.socket) -> str:
    return str(listener.getsockname()[1])


def _output(folder: Path) -> str:
    return (folder / "demo.log").read_text(encoding="utf-8", errors="replace")


def _statuses_by_family(url: str) -> dict[str, set[str]]:
    data = urllib.parse.urlencode({"data": json.dumps({"status": "", "upstream_status": ""})})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{url}api/task_list?{data}", timeout=30) as answer:
        tasks: dict[str, Any] = json.load(answer)["response"]
    statuses: dict[str, set[str]] = defaultdict(set)
    for task in tasks.values():
        statuses[task["name"]].add(task["status"])
    return dict(statuses)


def _left_behind(folder: Path) -> list[str]:
    """The demo's temporary folders, and the processes that were started in them."""
    mark = str(folder / "luigiviz-demo-").encode()
    processes = []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            content = environ.read_bytes()
        except OSError:  # it has ended meanwhile, or is somebody else's
            continue
        if mark in content:
            processes.append(environ.parent.name)
    return processes + [str(path) for path in folder.glob("luigiviz-demo-*")]
