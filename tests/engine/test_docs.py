"""What the documentation says about the engine is what the engine does."""

from __future__ import annotations

from pathlib import Path

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
