"""The comparison over HTTP measures both programs, call by call."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.support.server import ROOT


@pytest.mark.e2e
def test_both_programs_are_measured_with_one_client_and_with_several() -> None:
    command = [sys.executable, "-m", "bench.over_http", "--tasks", "40", "--clients", "1", "2", "--seconds", "0.01"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    rows = re.findall(r"^ +40 +(\d)  (\S.*?) +([\d,]+) +([\d,.]+) +([\d.]+)x$", done.stdout, re.MULTILINE)
    calls = ["add_task, known", "ping", "task_list", "get_work + add_task"]
    assert [(clients, call) for clients, call, *_ in rows if clients == "2"] == [("2", call) for call in calls]
    assert {call for clients, call, *_ in rows if clients == "1"} == {"add_task, new", *calls}
    assert all(float(rate.replace(",", "")) > 0 for row in rows for rate in row[2:4])
