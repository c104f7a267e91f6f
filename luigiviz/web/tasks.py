"""The dashboard and the page of one task."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace

from flask import Blueprint, Response, abort, make_response, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from luigiviz.engine import queries, surroundings
from luigiviz.engine.statuses import BATCH_RUNNING, DISABLED, FAILED, RUNNING
from luigiviz.engine.views import Blockers, TaskDetail, TaskRow
from luigiviz.store.errors import HistoryUnavailableError
from luigiviz.web.current import get_history, get_service
from luigiviz.web.filters import duration
from luigiviz.web.layout import get_overview
from luigiviz.web.live import fragment, is_unchanged, rest_until, valid_until
from luigiviz.web.medians import usual_seconds
from luigiviz.web.rerun import has_flags, readable_error, rerun_command
from luigiviz.web.tasklist import (
    COLUMNS,
    MAX_FAMILIES,
    PAGE_SIZES,
    SORT_WORDS,
    TableLinks,
    namespaces,
    parse_columns,
    parse_family_filter,
    parse_query,
    trouble,
)
from luigiviz.web.urls import task_url
from luigiviz.web.workers import is_silent

bp = Blueprint("tasks", __name__)

#: Statuses that ``mark_as_done`` accepts.
MARKABLE = frozenset({RUNNING, FAILED, DISABLED})

#: Levels of dependencies, and tasks each way, that a task's page counts.
LEVELS = 5
MAX_AROUND = 2000

#: What blocks a task: tasks that are looked at, and those that are named.
MAX_BLOCKED = 5000
NAMED_BLOCKERS = 10

#: Past attempts on a task's page.
ATTEMPTS = 10

#: Luigi's default for ``retry_count``, which stands for "as often as it takes".
NEVER = 999_999_999


def _boxes_context() -> dict[str, object]:
    query = parse_query()
    overview = get_overview()
    links = TableLinks(query, parse_columns(), parse_family_filter())
    return {
        "counts": overview.counts,
        "query": query,
        "links": links,
        "boxes_url": url_for("tasks.boxes", **links.args(v=overview.version)),  # type: ignore[arg-type]
    }


def _families_context() -> dict[str, object]:
    query = parse_query()
    overview = get_overview()
    links = TableLinks(query, parse_columns(), parse_family_filter())
    # Tasks that were only named as dependencies have no family: the status box "Unknown" leads to them.
    families = [family for family in get_service().families() if family.family]
    terms = links.family_filter.casefold().split()
    matching = [family for family in families if all(term in family.family.casefold() for term in terms)]
    shown = matching[:MAX_FAMILIES]
    return {
        "namespaces": namespaces(shown),
        "num_families": len(families),
        "num_hidden_families": len(matching) - len(shown),
        "trouble": trouble,
        "query": query,
        "links": links,
        "families_url": url_for("tasks.families", **links.args(v=overview.version, rests=rest_until(overview))),  # type: ignore[arg-type]
    }


def _rows_context() -> dict[str, object]:
    query = parse_query()
    overview = get_overview()
    service = get_service()
    page = service.task_page(query)
    if not page.rows and page.total:
        # Behind the last page, as when tasks were removed meanwhile: the last one is what one wants.
        query = replace(query, page=(page.total + query.page_size - 1) // query.page_size)
        page = service.task_page(query)
    links = TableLinks(query, parse_columns(), parse_family_filter())
    until = valid_until(overview, page.rows)
    return {
        "page": page,
        "query": query,
        "links": links,
        "back": links.here(),
        "markable": MARKABLE,
        "rows_url": url_for("tasks.rows", **links.args(v=overview.version, until=until)),  # type: ignore[arg-type]
        "columns": links.columns,
        "silences": _silences(page.rows),
        "usual": usual_seconds(row.family for row in page.rows),
        "scheduler_url": request.url_root.rstrip("/"),
        "num_tasks": overview.total,
    }


@bp.get("/tasks")
@bp.get("/static/visualiser/index.html", endpoint="visualiser")
def index() -> BaseResponse | str:
    """The dashboard. With ``task_id`` in the query: that task, for ids that a path cannot carry."""
    task_id = request.args.get("task_id")
    if task_id:
        return show(task_id)
    select = request.args.get("select", "")
    if select not in ("", "some", "all"):
        abort(400, f"One can select some or all, not {select[:40]!r}.")
    return render_template(
        "tasks/index.html",
        **(_boxes_context() | _families_context() | _rows_context()),
        sort_words=SORT_WORDS,
        page_sizes=PAGE_SIZES,
        all_columns=COLUMNS,
        select=select,
    )


@bp.get("/fragments/tasks/boxes")
def boxes() -> Response:
    """The status boxes."""
    if is_unchanged():
        return Response(status=204)
    return fragment("tasks/_boxes.html", **_boxes_context())


@bp.get("/fragments/tasks/families")
def families() -> Response:
    """The families of the sidebar."""
    if is_unchanged():
        return Response(status=204)
    return fragment("tasks/_families.html", **_families_context())


@bp.get("/fragments/tasks/rows")
def rows() -> Response:
    """The body of the task table, with the pager beside it."""
    if is_unchanged():
        return Response(status=204)
    return fragment("tasks/_rows.html", **_rows_context(), with_pager=True)


def _silences(rows: Iterable[TaskRow]) -> dict[str, str]:
    """What is odd about the workers of tasks that run, by worker: such a task may only seem to run."""
    workers = dict.fromkeys(row.worker_running for row in rows if row.status in (RUNNING, BATCH_RUNNING))
    service = get_service()
    seen = service.read(lambda state, _now: queries.last_check_ins(state, [name for name in workers if name]))
    now, patience = get_overview().now, service.read(lambda state, _now: lambda: state.config.worker_disconnect_delay)
    odd: dict[str, str] = {}
    for worker, last in seen.items():
        if last is None:
            odd[worker] = "not connected"
        elif is_silent(last, patience, now):
            odd[worker] = f"silent for {duration(now - last)}"
    return odd


def _detail_context(detail: TaskDetail) -> dict[str, object]:
    row = detail.row
    overview = get_overview()
    scheduler_url = request.url_root.rstrip("/")
    return {
        "detail": detail,
        "row": row,
        "error": readable_error(detail.expl),
        "command": rerun_command(row.module, row.family, row.params, scheduler_url),
        "has_flags": has_flags(row.params),
        "is_running": row.status in (RUNNING, BATCH_RUNNING),
        "can_be_marked": row.status in MARKABLE,
        "has_history": overview.has_task_history,
        "silence": _silences([row]).get(row.worker_running or ""),
        "usual": usual_seconds([row.family]).get(row.family),
        "around": get_service().read(lambda state, _now: surroundings.levels(state, row.task_id, LEVELS, MAX_AROUND)),
        "blockers": _blockers(row.task_id),
        "never": NEVER,
        "back": task_url(row.task_id),
        "live_url": url_for("tasks.live", task_id=row.task_id, v=overview.version, until=valid_until(overview, (row,))),
    }


def _blockers(task_id: str) -> Blockers:
    return get_service().read(
        lambda state, now: surroundings.blockers(state, task_id, MAX_BLOCKED, NAMED_BLOCKERS, now),
    )


@bp.get("/tasks/<taskid:task_id>")
def show(task_id: str) -> BaseResponse | str:
    """Everything that is known about a task."""
    detail = get_service().task_detail(task_id)
    if detail is None:
        return make_response(_unknown(task_id, "tasks/unknown.html"), 404)
    message_id = request.args.get("message")
    answer = _answer(task_id, message_id) if message_id else None
    return render_template(
        "tasks/show.html",
        **_detail_context(detail),
        **_attempts_context(task_id),
        message_id=message_id,
        answer=answer,
    )


def _attempts_context(task_id: str) -> dict[str, object]:
    history, overview = get_history(), get_overview()
    url = url_for("tasks.attempts", task_id=task_id, v=overview.version, rests=rest_until(overview))
    if history is None:
        return {"runs": None, "attempts_url": url}
    try:
        runs = history.by_task_id(task_id, limit=ATTEMPTS)
    except HistoryUnavailableError as error:
        return {"runs": None, "attempts_trouble": str(error), "attempts_url": url}
    return {"runs": runs, "attempts_url": url}


@bp.get("/fragments/task/attempts")
def attempts() -> Response:
    """The past attempts of a task, from the history."""
    if is_unchanged():
        return Response(status=204)
    task_id = request.args.get("task_id", "")
    return fragment("tasks/_attempts.html", task_id=task_id, **_attempts_context(task_id))


def _unknown(task_id: str, template: str) -> str:
    return render_template(template, task_id=task_id, has_history=get_overview().has_task_history)


@bp.get("/fragments/task")
def live() -> Response:
    """The live part of a task's page."""
    if is_unchanged():
        return Response(status=204)
    task_id = request.args.get("task_id", "")
    detail = get_service().task_detail(task_id)
    if detail is None:
        # No error: htmx would leave the old picture standing.
        return fragment("tasks/_gone.html", task_id=task_id, has_history=get_overview().has_task_history)
    return fragment("tasks/_live.html", **_detail_context(detail))


def _answer(task_id: str, message_id: str) -> str | None:
    """The answer to a message, or None as long as there is none. The scheduler hands it out once."""
    result = get_service().call("get_scheduler_message_response", {"task_id": task_id, "message_id": message_id})
    response = result.get("response") if isinstance(result, Mapping) else None
    if response is None or isinstance(response, str):
        return response
    return json.dumps(response, ensure_ascii=False, indent=2)


@bp.get("/fragments/message")
def message() -> Response:
    """The answer to a message, as soon as the task has sent it."""
    answer = _answer(request.args.get("task_id", ""), request.args.get("message_id", ""))
    if answer is None:
        return Response(status=204)
    return fragment("tasks/_answer.html", answer=answer)
