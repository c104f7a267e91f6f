"""The history pages: past runs by time, family, task and parameters, each also as JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec

from flask import Blueprint, Response, abort, make_response, render_template, request, url_for
from werkzeug.exceptions import HTTPException

from luigiviz.store.errors import HistoryUnavailableError
from luigiviz.store.runs import RunFilter, RunPage
from luigiviz.web.current import get_history
from luigiviz.web.history_json import (
    answer,
    family_as_json,
    page_as_json,
    refuse,
    run_as_json,
    wants_json,
    with_twin,
)
from luigiviz.web.history_query import PAGE_SIZES, PERIOD_WORDS, HistoryQuery, read_query

if TYPE_CHECKING:
    from luigiviz.store.history import History

bp = Blueprint("history", __name__)

#: Most parameters that one can search for at once.
MAX_PARAMS = 50
#: Seconds after which to try again while the database is away.
RETRY_AFTER = 10
#: Names that a URL's path cannot carry: browsers resolve them.
DOT_SEGMENTS = frozenset({".", ".."})

P = ParamSpec("P")


def page(view: Callable[P, Response]) -> Callable[P, Response]:
    """Make a view that has a JSON twin: errors take the form of the answer, and both forms name each other."""

    @wraps(view)
    def answer_in_either_form(*args: P.args, **kwargs: P.kwargs) -> Response:
        as_json = wants_json()
        try:
            response = view(*args, **kwargs)
        except HistoryUnavailableError as error:
            response = _unavailable(str(error), as_json)
        except HTTPException as error:
            if not as_json:
                raise
            code = {400: "bad_request", 404: "not_found"}.get(error.code or 500, "error")
            response = refuse(error.code or 500, code, error.description or "")
        return with_twin(response)

    return answer_in_either_form


@bp.app_template_global()
def family_history_url(family: str) -> str:
    """The past runs of a family."""
    if family in DOT_SEGMENTS:
        return url_for("history.index", name=family)
    return url_for("history.by_name", name=family)


@bp.app_template_global()
def tasklist_url(family: str) -> str:
    """The running times of a family."""
    if family in DOT_SEGMENTS:
        return url_for("history.index", name=family)
    return url_for("history.tasklist_family", name=family)


@bp.get("/history")
@page
def index() -> Response:
    """Recent runs, those with the newest event first; ``name`` and ``task_id`` narrow it down."""
    history = get_history()
    if history is None:
        return _off(200)
    family, task_id = request.args.get("name") or None, request.args.get("task_id") or None
    kept = {name: value for name, value in (("name", family), ("task_id", task_id)) if value}
    query = read_query(default_period="all" if kept else "24h")
    found = _find(history, RunFilter(family=family, task_id=task_id), query)
    return _runs_page(
        found, query, url_for("history.index"), kept, "history/index.html", family=family, task_id=task_id
    )


@bp.get("/history/by_name/<taskid:name>")
@page
def by_name(name: str) -> Response:
    """The runs of a family."""
    history = get_history()
    if history is None:
        return _off(404)
    query = read_query(default_period="all")
    found = _find(history, RunFilter(family=name), query)
    if not found.total and not (query.is_narrow and history.by_name(name, limit=1).total):
        abort(404, f"The history has no run of {name}.")
    path = url_for("history.by_name", name=name)
    return _runs_page(found, query, path, {}, "history/by_name.html", family=name)


@bp.get("/history/by_task_id/<taskid:task_id>")
@page
def by_task_id(task_id: str) -> Response:
    """The runs of a task: its attempts."""
    history = get_history()
    if history is None:
        return _off(404)
    query = read_query(default_period="all")
    found = _find(history, RunFilter(task_id=task_id), query)
    if not found.total and not (query.is_narrow and history.by_task_id(task_id, limit=1).total):
        abort(404, f"The history has no run of the task {task_id}.")
    path = url_for("history.by_task_id", task_id=task_id)
    return _runs_page(found, query, path, {}, "history/by_task_id.html", task_id=task_id)


@bp.get("/history/by_params/<taskid:name>")
@page
def by_params(name: str) -> Response:
    """The runs of a family whose parameters have the values that ``data``, a JSON object, gives."""
    history = get_history()
    if history is None:
        return _off(404)
    data = request.args.get("data", "{}")
    wanted = _read_params(data)
    query = read_query(default_period="all")
    found = _find(history, RunFilter(family=name, params=wanted), query)
    if not found.total and not history.by_name(name, limit=1).total:
        abort(404, f"The history has no run of {name}.")
    path = url_for("history.by_params", name=name)
    return _runs_page(found, query, path, {"data": data}, "history/by_params.html", family=name, wanted=wanted)


@bp.get("/history/by_id/<int:record_id>")
@page
def by_id(record_id: int) -> Response:
    """One run: its parameters and all its events."""
    history = get_history()
    if history is None:
        return _off(404)
    run = history.by_id(record_id)
    if run is None:
        abort(404, f"The history has no record {record_id}.")
    if wants_json():
        return answer({"run": run_as_json(run)})
    return make_response(render_template("history/run.html", run=run))


@bp.get("/tasklist")
@page
def tasklist() -> Response:
    """The families that have a history."""
    history = get_history()
    if history is None:
        return _off(200)
    families = history.families()
    if wants_json():
        return answer({"families": [family_as_json(family) for family in families]})
    return make_response(render_template("history/tasklist.html", families=families))


@bp.get("/tasklist/<taskid:name>")
def tasklist_family(name: str) -> Response:
    """The running times of a family's latest runs; ``format=svg`` is the chart alone."""
    return _chart(name) if request.args.get("format") == "svg" else _family_page(name)


@page
def _family_page(name: str) -> Response:
    history = get_history()
    if history is None:
        return _off(404)
    runs = history.runs_of(name)
    if not runs:
        abort(404, f"The history has no run of {name}.")
    if wants_json():
        return answer({"name": name, "runs": [run_as_json(run) for run in runs]})
    times = sorted(run.run_seconds for run in runs if run.run_seconds is not None)
    chart_url = url_for("history.tasklist_family", name=name, format="svg")
    return make_response(
        render_template("history/family.html", family=name, runs=runs[::-1], times=times, chart_url=chart_url)
    )


def _chart(name: str) -> Response:
    history = get_history()
    if history is None:
        abort(404, "The history is off.")
    try:
        runs = history.runs_of(name)
    except HistoryUnavailableError as error:
        abort(503, str(error))
    if not runs:
        abort(404, f"The history has no run of {name}.")
    # Imported late: few starts end in a chart, and each would wait for pygal.
    from luigiviz.web.history_chart import POLICY, draw_chart

    response = Response(draw_chart(runs), mimetype="image/svg+xml")
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Cache-Control"] = "no-store"
    return response


def _find(history: History, base: RunFilter, query: HistoryQuery) -> RunPage:
    return history.find(query.narrow(base, time.time()), limit=query.size, offset=query.offset)


def _runs_page(
    found: RunPage, query: HistoryQuery, path: str, kept: Mapping[str, str], template: str, **context: object
) -> Response:
    """Show a page of runs; ``kept`` are the fields of the URL that are not part of the filter."""
    if wants_json():
        return answer(page_as_json(found))

    def link(**changes: object) -> str:
        return query.url(path, kept, **{"page": 1, **changes})

    return make_response(
        render_template(
            template,
            found=found,
            query=query,
            path=path,
            kept=kept,
            link=link,
            page_link=lambda number: link(page=number),
            period_words=PERIOD_WORDS,
            page_sizes=PAGE_SIZES,
            **context,
        )
    )


def _read_params(data: str) -> dict[str, Any]:
    """Read ``data``; 400 says what is wrong with it."""
    try:
        wanted = json.loads(data)
    except (ValueError, RecursionError) as error:
        abort(400, f"data is not JSON: {error}.")
    if not isinstance(wanted, dict):
        abort(400, "data must be a JSON object: the parameters' names and values.")
    if len(wanted) > MAX_PARAMS:
        abort(400, f"data can hold {MAX_PARAMS} parameters at most, not {len(wanted)}.")
    return wanted


def _off(status: int) -> Response:
    """Say that there is no history, and how to get one."""
    if wants_json():
        return refuse(404, "history_off", "The history is off. Set record_task_history=true in [scheduler].")
    return make_response(render_template("history/off.html"), status)


def _unavailable(message: str, as_json: bool) -> Response:
    if as_json:
        response = refuse(503, "history_unavailable", message)
    else:
        response = make_response(render_template("history/unavailable.html", message=message), 503)
    response.headers["Retry-After"] = str(RETRY_AFTER)
    return response
