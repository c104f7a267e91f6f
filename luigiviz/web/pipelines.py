"""The pipelines page: is tonight's run fine? Every root with its progress, what blocks it, and what may be left."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from flask import Blueprint, Flask, Response, abort, current_app, render_template, request, url_for

from luigiviz.engine import pipelines as engine
from luigiviz.engine.views import Closure, PipelineQuery, TaskRow
from luigiviz.web.current import get_service
from luigiviz.web.layout import get_overview
from luigiviz.web.live import fragment, is_unchanged, rest_until, valid_until
from luigiviz.web.medians import usual_seconds

bp = Blueprint("pipelines", __name__)

#: Tasks of one pipeline that are counted at most.
MAX_CLOSURE = 20_000
_PAGE_SIZE = 20
#: Seconds for which a count stands although the state has changed, so that many open pages cost as much as one.
_FRESH_SECONDS = 3.0
#: A closure that took long to count stands for so many times as long.
_REST_FACTOR = 20.0
_MAX_KEPT = 2000

STANDING_WORDS = {engine.TROUBLED: "In trouble", engine.GOING: "Going", engine.FINISHED: "Finished"}


class Closures:
    """Counted closures, shared by all pages."""

    def __init__(self) -> None:
        """Hold nothing yet."""
        self._lock = threading.Lock()
        #: By root: the state's version, the root's status, until when it stands (the scheduler's clock), the closure.
        self._known: dict[str, tuple[int, str, float, Closure | None]] = {}

    def of(self, root: TaskRow, version: int, now: float) -> tuple[Closure | None, float | None]:
        """The closure of a root as it is, or as it was a few seconds ago; None if the root is gone.

        Beside it, if it is an old one: for how many seconds it still stands.
        """
        root_id = root.task_id
        with self._lock:
            known = self._known.get(root_id)
        if known is not None and known[0] == version:
            return known[3], None
        if known is not None and known[1] == root.status and now < known[2]:
            return known[3], known[2] - now
        begun = time.monotonic()
        found = get_service().read(lambda state, _now: engine.closure(state, root_id, MAX_CLOSURE, usual_seconds, now))
        took = time.monotonic() - begun
        with self._lock:
            if len(self._known) >= _MAX_KEPT:
                self._known.clear()
            self._known[root_id] = (version, root.status, now + max(_FRESH_SECONDS, took * _REST_FACTOR), found)
        return found, None


def init_app(app: Flask) -> None:
    """Give the app its closures."""
    app.extensions["luigiviz_closures"] = Closures()


def _closures(roots: Iterable[TaskRow], version: int, now: float) -> tuple[dict[str, Closure], float]:
    """The closures by root, and for how many seconds they may be shown: without end, if all of them are current."""
    known: Closures = current_app.extensions["luigiviz_closures"]
    found = {root.task_id: known.of(root, version, now) for root in roots}
    closures = {root_id: closure for root_id, (closure, _) in found.items() if closure is not None}
    return closures, min((seconds for _, seconds in found.values() if seconds is not None), default=math.inf)


def parse_query() -> PipelineQuery:
    """Read which pipelines the request wants; 400 says what makes no sense."""
    args = request.args
    standing, page = args.get("standing") or None, args.get("page", "1")
    if standing is not None and standing not in engine.STANDINGS:
        abort(400, f"A pipeline is {', '.join(engine.STANDINGS)}, not {standing[:40]!r}.")
    if not page.isdecimal() or not 1 <= int(page[:12]) <= 1_000_000_000:
        abort(400, f"There is no page {page[:40]!r}.")
    return PipelineQuery(
        standing=standing,
        search=args.get("q", "").strip(),
        with_single_tasks=args.get("single") == "1",
        page=int(page),
        page_size=_PAGE_SIZE,
    )


def query_args(query: PipelineQuery) -> dict[str, object]:
    """The query string of a query, without what is the default."""
    args: dict[str, object] = {}
    if query.standing is not None:
        args["standing"] = query.standing
    if query.search:
        args["q"] = query.search
    if query.with_single_tasks:
        args["single"] = 1
    if query.page != 1:
        args["page"] = query.page
    return args


def _context() -> dict[str, object]:
    query = parse_query()
    overview = get_overview()
    page = get_service().read(lambda state, now: engine.pipeline_page(state, query, now))
    if not page.rows and page.total:
        query = replace(query, page=(page.total + query.page_size - 1) // query.page_size)
        page = get_service().read(lambda state, now: engine.pipeline_page(state, query, now))

    def link(**changes: Any) -> str:
        changed = replace(query, **{"page": 1, **changes})
        return url_for("pipelines.index", **query_args(changed))  # type: ignore[arg-type]

    closures, seconds = _closures(page.rows, overview.version, overview.now)
    until = valid_until(overview, page.rows)
    if seconds < math.inf:
        until = min(until, math.ceil(overview.now + seconds))
    poll_args = query_args(query) | {"v": overview.version, "until": until, "rests": rest_until(overview)}
    return {
        "page": page,
        "query": query,
        "link": link,
        "page_link": lambda number: link(page=number),
        "closures": closures,
        "standing_words": STANDING_WORDS,
        "max_closure": MAX_CLOSURE,
        "scheduler_url": request.url_root.rstrip("/"),
        "poll_url": url_for("pipelines.rows", **poll_args),  # type: ignore[arg-type]
    }


@bp.get("/pipelines")
def index() -> str:
    """All pipelines, those in trouble first."""
    return render_template("pipelines/index.html", **_context())


@bp.get("/fragments/pipelines")
def rows() -> Response:
    """The live part of the page."""
    if is_unchanged():
        return Response(status=204)
    return fragment("pipelines/_rows.html", **_context())
