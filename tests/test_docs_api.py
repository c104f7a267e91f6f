"""docs/api.md names every address and every method with its arguments, and its examples work as they stand."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from luigiviz.app import create_app
from luigiviz.config import Settings
from luigiviz.engine.rpc import METHODS
from tests.conftest import ServerFactory
from tests.support.polling import wait_for

DOCUMENT = Path(__file__).parents[1] / "docs" / "api.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")
#: A method and an address.
Route = tuple[str, str]


def _rows(heading: str) -> Iterator[list[str]]:
    """The cells of all tables whose first heading is ``heading``."""
    inside = False
    for line in TEXT.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" |")] if line.startswith("|") else []
        if not cells:
            inside = False
        elif cells[0] == heading:
            inside = True
        elif inside and not line.startswith("|--"):
            yield cells


def _names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def _calls() -> dict[str, list[str]]:
    """The arguments cell of each method."""
    return {_names(row[0])[0]: row[1:2] for row in _rows("method") if row[0].startswith("`")}


def _documented_routes() -> set[Route]:
    rows = [row for row in _rows("method") if not row[0].startswith("`")]
    return {(method, address) for row in rows for method in row[0].split(", ") for address in _names(row[1])}


def _routes(folder: Path) -> set[Route]:
    app = create_app(Settings(state_dir=folder))
    app.extensions["luigiviz"].close()
    return {
        (method, re.sub(r"<\w+:(\w+)>", r"<\1>", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD"}
        if method != "OPTIONS" or rule.rule.startswith("/api/")
    }


def test_every_address_is_documented_and_no_other(tmp_path: Path) -> None:
    served, documented = _routes(tmp_path), _documented_routes()
    assert served - documented == set(), "docs/api.md lacks these"
    assert documented - served == set(), "docs/api.md has these, which do not exist"


def test_every_method_is_documented_and_no_other() -> None:
    assert _calls().keys() == METHODS.keys()


@pytest.mark.parametrize("method", METHODS)
def test_a_methods_arguments_are_documented_with_what_they_take(method: str) -> None:
    (cell,) = _calls()[method] or [""]
    required = {name for name, argument in METHODS[method].items() if argument.required}
    assert set(_names(cell)) == METHODS[method].keys()
    assert set(re.findall(r"\*\*`(\w+)`\*\*", cell)) == required
    types = {(name, row[1]) for row in _rows("argument") for name in _names(row[0])}
    assert {(name, argument.kind.words) for name, argument in METHODS[method].items()} <= types


def _examples() -> Iterator[tuple[str, str]]:
    """Commands and what they print."""
    for block in re.findall(r"^```console\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL):
        for example in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = example.partition("\n")
            yield command, output


def _as_pattern(output: str) -> re.Pattern[str]:
    parts = (re.escape(part) for part in re.split(r"\n?…\n?", output.strip()))
    return re.compile(".*".join(parts), re.DOTALL)


def test_the_examples_work_as_they_stand(server_factory: ServerFactory) -> None:
    config = re.search(r"^```ini\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    assert config
    server = server_factory(config[1], args=["--history"])

    def output_of(command: str) -> str:
        assert command.startswith("curl -s ")
        local = command.replace("http://localhost:8082", server.url).replace("curl -s ", "curl -sS ", 1)
        done = subprocess.run(["bash", "-c", local], capture_output=True, text=True, timeout=30)
        told = f"{local}\n{done.stderr}the server's exit status: {server.process.poll()}, its output:\n{server.output}"
        assert done.returncode == 0, told
        return done.stdout.strip().replace("\r", "")

    examples = list(_examples())
    assert {"task_list", "dep_graph", "fetch_error", "re_enable_task"} <= {
        word for command, _ in examples for word in re.findall(r"/api/(\w+)", command)
    }
    for command, expected in examples:
        pattern = _as_pattern(expected)
        if "/history/" in command:  # written behind the call's back
            wait_for(lambda c=command, p=pattern: p.fullmatch(output_of(c)), command)  # type: ignore[misc]
        else:
            printed = output_of(command)
            assert pattern.fullmatch(printed), f"{command}\nprinted\n{printed}\nand not\n{expected}"
