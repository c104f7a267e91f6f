"""The grid of a family: its tasks by date and one more parameter, a coloured cell each."""

from __future__ import annotations

from flask import Blueprint, Response, abort, make_response, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from luigiviz.engine import grids
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
from luigiviz.engine.views import GridQuery
from luigiviz.web.current import get_service
from luigiviz.web.layout import get_overview
from luigiviz.web.live import fragment, is_unchanged, rest_until
from luigiviz.web.urls import grid_url

bp = Blueprint("grid", __name__)

COLUMN_COUNTS = (30, 60, 120, 366)
_DEFAULT_COLUMNS = 60

#: A cell is too small for a word: a letter stands for it, and the legend says for which.
LETTERS = {
    DONE: "D",
    RUNNING: "R",
    BATCH_RUNNING: "B",
    PENDING: "P",
    FAILED: "F",
    UPSTREAM_FAILED: "UF",
    DISABLED: "X",
    UPSTREAM_DISABLED: "UX",
    UNKNOWN: "?",
}


def _query(family: str) -> GridQuery:
    columns = request.args.get("columns", str(_DEFAULT_COLUMNS))
    if not columns.isdecimal() or int(columns[:6]) not in COLUMN_COUNTS:
        abort(400, f"A grid can have {', '.join(map(str, COLUMN_COUNTS))} columns, not {columns[:40]!r}.")
    page = request.args.get("page", "1")
    if not page.isdecimal() or not 1 <= int(page[:9]) <= 1_000_000:
        abort(400, f"There is no page {page[:40]!r}.")
    return GridQuery(
        family,
        across=request.args.get("across") or None,
        # Empty: no rows; left out: what fits best.
        down=request.args.get("down"),
        page=int(page),
        max_columns=int(columns),
    )


def _context(query: GridQuery) -> dict[str, object] | None:
    overview = get_overview()
    view = get_service().read(lambda state, _now: grids.grid(state, query))
    if view is None:
        return None
    args: dict[str, object] = {"across": query.across, "down": query.down, "columns": query.max_columns}
    poll_args = args | ({"page": view.page} if view.page > 1 else {})
    poll_args |= {"v": overview.version, "rests": rest_until(overview)}
    return {
        "view": view,
        "query": query,
        "letters": LETTERS,
        "column_counts": COLUMN_COUNTS,
        "page_link": lambda number: grid_url(query.family, **args, page=number),
        "poll_url": url_for("grid.table", family=query.family, **poll_args),  # type: ignore[arg-type]
    }


@bp.get("/grid")
def index() -> BaseResponse | str:
    """Families to choose from. With ``family`` in the query: that family, for names that a path cannot carry."""
    family = request.args.get("family")
    if family:
        return show(family)
    families = [family for family in get_service().families() if family.family]
    return render_template("grid/index.html", families=families, scheduler_url=request.url_root.rstrip("/"))


@bp.get("/grid/<taskid:family>")
def show(family: str) -> BaseResponse | str:
    """The grid of a family."""
    context = _context(_query(family))
    if context is None:
        return make_response(render_template("grid/none.html", family=family), 404)
    return render_template("grid/page.html", **context, here=grid_url(family))


@bp.get("/fragments/grid")
def table() -> Response:
    """The live part of the page."""
    if is_unchanged():
        return Response(status=204)
    context = _context(_query(request.args.get("family", "")))
    if context is None:
        # The family's last task may be gone for a moment only: what is shown stays, and is asked for again.
        return Response(status=204)
    return fragment("grid/_table.html", **context)
