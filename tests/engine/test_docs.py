"""What the documentation says about the engine is what the engine does."""

from __future__ import annotations

import re
from pathlib import Path

from luigiviz.engine.documents import UNLESS_EMPTY, UNLESS_NONE
from luigiviz.engine.statuses import STATUSES
from luigiviz.engine.transitions import RULES

ARCHITECTURE = Path(__file__).resolve().parents[2] / "docs" / "architecture.md"


def test_the_documented_table_of_transitions_is_the_one_in_code() -> None:
    lines = [f"| current \\ claimed | {' | '.join(STATUSES)} |", "|" + "---|" * (len(STATUSES) + 1)]
    for current in STATUSES:
        lines.append(f"| {current} | {' | '.join(RULES[current, claimed].value for claimed in STATUSES)} |")
    text = ARCHITECTURE.read_text(encoding="utf-8")
    documented = text.split("<!-- transitions: begin -->")[1].split("<!-- transitions: end -->")[0]
    assert documented.strip() == "\n".join(lines)


def test_every_key_of_a_tasks_document_is_documented() -> None:
    others = {"seq", "id", "status", "order", "time", "updated", "public", "held", "retry_policy"}
    keys = others | {"workers", "stakeholders", *UNLESS_EMPTY, *UNLESS_NONE}
    table = ARCHITECTURE.read_text(encoding="utf-8").split("A task's document has these keys")[1].split("\n\n")[1]
    first_cells = "".join(line.split("|")[1] for line in table.splitlines()[2:])
    assert set(re.findall(r"`(\w+)`", first_cells)) == keys


def test_every_module_of_the_engine_is_named() -> None:
    text = ARCHITECTURE.read_text(encoding="utf-8")
    modules = {path.stem for path in (ARCHITECTURE.parents[1] / "luigiviz" / "engine").glob("[a-z]*.py")}
    unnamed = {
        "config",
        "errors",
        "events",
        "interning",
        "messages",
        "serialize",
        "statuses",
        "views",
        "scheduler",
        "state",
    }
    assert {module for module in modules - unnamed if f"`{module}" not in text} == set()
