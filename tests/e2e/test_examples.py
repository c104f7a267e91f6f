"""What the guide tells people to type works."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import PipelineFactory
from tests.e2e.harness import SMILE
from tests.support.server import ROOT, server_environ

pytestmark = pytest.mark.e2e

#: The line of the guide, as it is typed in the root of a clone.
LINE = "PYTHONPATH=. .venv/bin/luigi --module examples.hello HelloPipeline --scheduler-port 8082"


def test_the_guide_shows_the_line_that_is_tested_here() -> None:
    guide = (ROOT / "docs" / "getting-started.md").read_text(encoding="utf-8")
    assert LINE in guide.replace("\\\n", "")


def test_the_hello_pipeline_runs_once_and_is_done_the_second_time(pipeline_on: PipelineFactory, tmp_path: Path) -> None:
    pipeline = pipeline_on()
    clone = tmp_path / "clone"
    shutil.copytree(ROOT / "examples", clone / "examples", ignore=shutil.ignore_patterns("__pycache__"))

    first, second = (_type_the_line(clone, pipeline.server.port) for _ in range(2))
    assert SMILE in first
    assert "4 ran successfully" in first
    assert SMILE in second
    assert "Did not run any tasks" in second
    letter = clone / "build" / "hello" / "first" / "letter.txt"
    assert letter.read_text() == "Hello Ada!\nHello Grace!\nHello Linus!\n"
    families = [task["name"] for task in pipeline.tasks().values() if task["status"] == "DONE"]
    assert sorted(families) == ["Greeting", "Greeting", "Greeting", "HelloPipeline"]


def _type_the_line(clone: Path, port: int) -> str:
    """Run the guide's line in ``clone``, with this environment's luigi, the test's port and less patience."""
    setting, _, *arguments = shlex.split(LINE.replace("8082", str(port)))
    name, value = setting.split("=")
    luigi = str(Path(sys.executable).with_name("luigi"))
    run = subprocess.run(
        [luigi, *arguments, "--Greeting-seconds", "0.1"],
        cwd=clone,
        env=server_environ(clone, {name: value, "no_proxy": "*"}),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout + run.stderr
