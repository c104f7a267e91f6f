"""docs/pages.md names every page of the menu, every parameter of the task table, every column and every action."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from luigiviz.engine.views import TaskQuery
from luigiviz.web.bulk import ACTIONS
from luigiviz.web.pipelines import MAX_CLOSURE
from luigiviz.web.tasklist import COLUMNS, PAGE_SIZES, query_args

TEXT = (Path(__file__).parents[1] / "docs" / "pages.md").read_text(encoding="utf-8")

EVERYTHING = TaskQuery(
    statuses=frozenset({"DONE"}),
    family="F",
    namespace="n",
    worker="w",
    runner="r",
    search="s",
    param="p",
    value="v",
    sort="family",
    descending=True,
    page=2,
    page_size=25,
)


def named_first(heading: str) -> set[str]:
    """What the first cells of the table below a heading name."""
    table = TEXT.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell) or [cell]}


def test_every_parameter_of_the_task_table_is_documented() -> None:
    assert named_first("The task table") - {"parameter"} == {*query_args(EVERYTHING), "col", "fam", "select"}


def test_every_action_is_documented() -> None:
    assert named_first("Actions") - {"action"} == {action.word for action in ACTIONS.values()}


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.key)
def test_every_column_is_documented(column: object) -> None:
    assert f"`{column.key}`" in TEXT  # type: ignore[attr-defined]


def test_limits_are_as_documented() -> None:
    assert f"{MAX_CLOSURE:,} tasks" in TEXT
    assert f"{', '.join(map(str, PAGE_SIZES[:-1]))} or {PAGE_SIZES[-1]}" in TEXT
