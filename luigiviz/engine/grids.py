"""A family as a grid: a cell for each task, by its date and one more parameter, so that gaps and failures stand out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta

from luigiviz.engine.model import Task
from luigiviz.engine.queries import display_status
from luigiviz.engine.state import State
from luigiviz.engine.statuses import (
    BATCH_RUNNING,
    DISABLED,
    DONE,
    FAILED,
    PENDING,
    RUNNING,
    UNKNOWN,
    UPSTREAM_DISABLED,
    UPSTREAM_FAILED,
)
from luigiviz.engine.views import GridCell, GridParam, GridQuery, GridView

#: A cell with several tasks shows the status that asks most for a look.
_WORST_FIRST = (
    FAILED,
    DISABLED,
    UPSTREAM_FAILED,
    UPSTREAM_DISABLED,
    RUNNING,
    BATCH_RUNNING,
    UNKNOWN,
    PENDING,
    DONE,
)
_RANK = {status: rank for rank, status in enumerate(_WORST_FIRST)}

#: What Luigi's date parameters look like: a month, a day, an hour, a minute, a second, a week, an interval of days.
_DATE_LIKE = re.compile(
    r"\d{4}(-\d\d(-\d\d([T ]\d\d(:?\d\d(:?\d\d)?)?)?)?|-?W\d\d)?"
    r"|\d{4}-\d\d-\d\d-\d{4}-\d\d-\d\d"
)
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
#: So many of a parameter's values must look like dates (a share of 1).
_MOSTLY = 0.9
#: Values of a parameter that are looked at to tell whether they are dates.
_SAMPLE = 200


def grid(state: State, query: GridQuery) -> Callable[[], GridView | None]:
    """Return a family as a grid; None if it has no tasks."""
    family = state.shelves.families.get(query.family)
    tasks = [] if family is None else list(family)
    return lambda: _grid(tasks, query) if tasks else None


def _grid(tasks: Sequence[Task], query: GridQuery) -> GridView:
    params = _params(tasks)
    names = [param.name for param in params]
    across = query.across if query.across in names else _best_across(params)
    down = query.down if query.down in names and query.down != across else None
    if down is None and query.down != "":
        down = _best_down(tasks, params, across)
    cells: dict[tuple[str, str], list[Task]] = {}
    for task in tasks:
        cells.setdefault((_value(task, down), _value(task, across)), []).append(task)
    columns = _filled(sorted({column for _, column in cells}, key=_natural))
    rows = sorted({row for row, _ in cells}, key=_natural)
    if any(param.name == across and param.is_date for param in params):
        columns.reverse()
    page = max(1, min(query.page, -(-len(columns) // query.max_columns)))
    shown_columns = columns[(page - 1) * query.max_columns : page * query.max_columns]
    shown_rows = rows[: query.max_rows]
    visible = {(row, column) for row in shown_rows for column in shown_columns}
    return GridView(
        family=query.family,
        params=params,
        across=across,
        down=down,
        columns=tuple(shown_columns),
        rows=tuple(shown_rows),
        cells={key: _cell(members) for key, members in cells.items() if key in visible},
        total=len(tasks),
        page=page,
        num_columns=len(columns),
        num_rows=len(rows),
        by_status=dict(Counter(display_status(task) for task in tasks)),
    )


def _params(tasks: Iterable[Task]) -> tuple[GridParam, ...]:
    values: dict[str, dict[str, None]] = {}
    for task in tasks:
        for name, value in task.visible_params.items():
            values.setdefault(name, {})[str(value)] = None
    return tuple(GridParam(name, len(known), _are_dates(list(known)[:_SAMPLE])) for name, known in values.items())


def _are_dates(values: Sequence[str]) -> bool:
    return sum(_DATE_LIKE.fullmatch(value) is not None for value in values) >= _MOSTLY * len(values)


def _best_across(params: Sequence[GridParam]) -> str | None:
    """Dates if there are any, or else what has most values."""
    best = max(params, key=lambda param: (param.is_date and param.num_values > 1, param.num_values), default=None)
    return None if best is None else best.name


def _best_down(tasks: Sequence[Task], params: Sequence[GridParam], across: str | None) -> str | None:
    """What tells most tasks of a column apart; among equals what has fewest values. None if nothing does."""
    columns = len({_value(task, across) for task in tasks})
    best: tuple[int, int, str] | None = None
    for param in params:
        if param.name == across or param.num_values < 2:
            continue
        cells = len({(_value(task, param.name), _value(task, across)) for task in tasks})
        candidate = (cells, -param.num_values, param.name)
        if cells > columns and (best is None or candidate[:2] > best[:2]):
            best = candidate
    return None if best is None else best[2]


def _value(task: Task, name: str | None) -> str:
    return "" if name is None else str(task.visible_params.get(name, ""))


def _natural(value: str) -> tuple[tuple[int, int, str], ...]:
    """Sort 2 before 10, and numbers before words."""
    return tuple(
        (0, int(part[:4000]), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", value) if part
    )


def _filled(columns: list[str]) -> list[str]:
    """Add the days that are missing between the first and the last, if these are days and not years apart."""
    if len(columns) < 2 or not all(_DAY.fullmatch(column) for column in columns):
        return columns
    try:
        first, last = date.fromisoformat(columns[0]), date.fromisoformat(columns[-1])
        days = (last - first).days + 1
    except ValueError:
        return columns
    # One gap in ten days is a gap; one task in ten days is another rhythm.
    if days > 10 * len(columns):
        return columns
    return [(first + timedelta(days=number)).isoformat() for number in range(days)]


def _cell(tasks: Sequence[Task]) -> GridCell:
    worst = min(tasks, key=lambda task: _RANK[display_status(task)])
    return GridCell(worst.id, display_status(worst), len(tasks))
