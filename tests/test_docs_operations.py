"""docs/operations.md: its commands have options that exist, its alerts series that exist, and its SQL works."""

from __future__ import annotations

import configparser
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from click import Command, Group
from sqlalchemy import create_engine, text
from waitress.adjustments import Adjustments

from luigiviz.cli import main
from luigiviz.store.history import History
from tests.faults.balancer import documented_balancer
from tests.store.conftest import NOON, event, history_url, open_history, open_history_at, write

__all__ = ["history_url", "open_history", "open_history_at"]

FOLDER = Path(__file__).parents[1] / "docs"
TEXT = (FOLDER / "operations.md").read_text(encoding="utf-8")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def _options(command: Command) -> set[str]:
    return {name for option in command.params for name in option.opts}


def test_luigiviz_commands_have_only_options_that_exist() -> None:
    assert isinstance(main, Group)
    commands = re.findall(r"luigiviz (serve(?: [^`\n]*)?)", TEXT)
    assert len(commands) >= 3
    for command in commands:
        words = shlex.split(command)
        used = {word for word in words if word.startswith("--")}
        assert used <= _options(main.commands[words[0]]), command


def test_the_unit_starts_the_server() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(next(block for block in _blocks("ini") if "[Service]" in block))
    assert unit["Service"]["ExecStart"].split()[1] == "serve"


def test_waitress_takes_the_options_that_are_named() -> None:
    (command,) = re.findall(r"^waitress-serve (.*)$", TEXT, re.MULTILINE)
    extra = ["--no-clear-untrusted-proxy-headers", "--url-prefix=/luigi"]
    assert all(f"`{option}`" in TEXT for option in extra)
    options, (application,) = Adjustments.parse_args([*extra, *shlex.split(command)])
    assert options["call"]
    assert application == "luigiviz:create_app"


@pytest.mark.proxies
def test_haproxy_takes_its_configuration_without_a_warning(tmp_path: Path, require_haproxy: Path) -> None:
    file = tmp_path / "haproxy.cfg"
    file.write_text(documented_balancer(["127.0.0.1:8082", "127.0.0.1:8083"], bind=":8082"))
    done = subprocess.run([require_haproxy, "-c", "-f", file], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr, done.stderr


@pytest.mark.proxies
def test_nginx_takes_its_configuration_without_a_warning(tmp_path: Path, require_nginx: Path) -> None:
    paths = "".join(f"{what}_temp_path {tmp_path};" for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (location,) = _blocks("nginx")
    file = tmp_path / "nginx.conf"
    file.write_text(
        f"pid {tmp_path}/pid; error_log stderr; events {{}}\n"
        f"http {{ access_log off; {paths} server {{ listen 127.0.0.1:8080; {location} }} }}"
    )
    done = subprocess.run([require_nginx, "-t", "-p", tmp_path, "-c", file], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "[warn]" not in done.stderr, done.stderr


def test_alerts_ask_for_series_that_exist() -> None:
    (rules,) = _blocks("yaml")
    documented = set(re.findall(r"^\| `([a-z_]+)", (FOLDER / "metrics.md").read_text(), re.MULTILINE))
    used = set(re.findall(r"\b(?:luigi|luigiviz|process)_\w+", rules))
    assert {name.removesuffix("_bucket") for name in used} <= documented


@pytest.mark.parametrize("day", ["2026-11-01", "2026-11-02"])
def test_the_statements_forget_runs_before_a_day_and_no_others(history_url: str, day: str) -> None:
    history = History(history_url)
    try:
        old = event("RUNNING", NOON - 3 * 86_400, "old", params={"p": "1"}), event("DONE", NOON, "old")
        write(history, *old, event("RUNNING", NOON + 3 * 86_400, "new", params={"p": "2"}))
        engine = create_engine(history_url)
        with engine.begin() as connection:
            for statement in _blocks("sql")[0].replace("2026-01-01", day).split(";"):
                if statement.strip():
                    connection.execute(text(statement))
        engine.dispose()
        kept = {"2026-11-01": {"old", "new"}, "2026-11-02": {"new"}}[day]
        assert {run.task_id: run.params for run in history.find().runs} == {
            name: {"p": "1" if name == "old" else "2"} for name in kept
        }
    finally:
        history.close()
