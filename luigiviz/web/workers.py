"""The workers: who is connected, what they run, how to steer them; all of them as cards, and a page for each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, abort, make_response, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from luigiviz.engine import queries
from luigiviz.engine.statuses import DONE, FAILED
from luigiviz.engine.views import TaskPage, TaskQuery, WorkerView
from luigiviz.web.current import get_service
from luigiviz.web.layout import get_overview
from luigiviz.web.live import fragment, is_unchanged, valid_until
from luigiviz.web.medians import usual_seconds
from luigiviz.web.urls import worker_url

bp = Blueprint("workers", __name__)

#: A worker is late once this share of the time until its disconnection has passed without a check-in.
LATE_SHARE = 0.5

PAGE_SIZE = 48

#: Tasks of each kind that a worker's page lists.
LISTED = 20

#: What workers can be sorted by, each with whether one wants the largest values first.
_SORTS: dict[str, tuple[Callable[[WorkerView], Any], bool]] = {
    "started": (lambda worker: worker.started, True),
    "check-in": (lambda worker: worker.last_active, False),
    "host": (lambda worker: (worker.host or worker.name, worker.pid or ""), False),
    "running": (lambda worker: worker.num_running, True),
    "pending": (lambda worker: worker.num_pending, True),
    "messages": (lambda worker: worker.num_unread_rpc_messages, True),
}
SORT_WORDS = {
    "started": "Newest first",
    "check-in": "Longest silence first",
    "host": "Host",
    "running": "Most running first",
    "pending": "Most pending first",
    "messages": "Most unread messages first",
}


def is_silent(last_active: float, patience: float, now: float) -> bool:
    """Whether a worker that checked in then, and is waited for so many seconds, is late enough to worry."""
    return patience > 0 and now - last_active > patience * LATE_SHARE


def is_late(worker: WorkerView, now: float) -> bool:
    """Whether a worker has been silent for long enough to worry."""
    return is_silent(worker.last_active, worker.disconnect_at - worker.last_active, now)


def _matches(worker: WorkerView, terms: list[str]) -> bool:
    text = " ".join(
        part for part in (worker.name, worker.host, worker.pid, worker.username, worker.first_task_display_name) if part
    ).casefold()
    return all(term in text for term in terms)


def _read_args() -> tuple[str, str, int]:
    search, sort, page = (
        request.args.get("q", "").strip(),
        request.args.get("sort") or "started",
        request.args.get("page", "1"),
    )
    if sort not in _SORTS:
        abort(400, f"Workers can be sorted by {', '.join(_SORTS)}, not by {sort[:40]!r}.")
    if not page.isdecimal() or not 1 <= int(page[:9]) <= 1_000_000:
        abort(400, f"There is no page {page[:40]!r}.")
    return search, sort, int(page)


def _args(search: str, sort: str, page: int = 1) -> dict[str, object]:
    args: dict[str, object] = {"q": search} if search else {}
    if sort != "started":
        args["sort"] = sort
    if page != 1:
        args["page"] = page
    return args


def _context() -> dict[str, object]:
    search, sort, page = _read_args()
    overview = get_overview()
    workers = get_service().worker_views()
    terms = [term.casefold() for term in search.split()]
    found = [worker for worker in workers if _matches(worker, terms)]
    key, largest_first = _SORTS[sort]
    found.sort(key=key, reverse=largest_first)
    page = max(1, min(page, -(-len(found) // PAGE_SIZE)))
    shown = found[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    until = valid_until(overview, (row for worker in shown for row in worker.running))
    args = _args(search, sort, page)
    return {
        "workers": shown,
        "num_found": len(found),
        "num_workers": len(workers),
        "num_late": sum(is_late(worker, overview.now) for worker in workers),
        "search": search,
        "sort": sort,
        "sort_words": SORT_WORDS,
        "page": page,
        "page_size": PAGE_SIZE,
        "page_link": lambda number: url_for("workers.index", **_args(search, sort, number)),  # type: ignore[arg-type]
        "late": {worker.name for worker in shown if is_late(worker, overview.now)},
        "poll_url": url_for("workers.cards", **args, v=overview.version, until=until),  # type: ignore[arg-type]
        "back": url_for("workers.index", **args),  # type: ignore[arg-type]
        "scheduler_url": request.url_root.rstrip("/"),
    }


@bp.get("/workers")
def index() -> BaseResponse | str:
    """The workers, newest first. With ``worker`` in the query: that one, for ids that a path cannot carry."""
    worker = request.args.get("worker")
    if worker:
        return show(worker)
    return render_template("workers/index.html", **_context())


@bp.get("/fragments/workers")
def cards() -> Response:
    """The live part of the page."""
    if is_unchanged():
        return Response(status=204)
    return fragment("workers/_cards.html", **_context())


def _tasks(worker: str, status: str) -> TaskPage:
    query = TaskQuery(worker=worker, statuses=frozenset({status}), page_size=LISTED)
    return get_service().task_page(query)


def _detail_context(name: str) -> dict[str, object]:
    overview = get_overview()
    worker = get_service().read(lambda state, now: queries.worker_view(state, name, now))
    failed, done = _tasks(name, FAILED), _tasks(name, DONE)
    running = () if worker is None else worker.running
    return {
        "name": name,
        "worker": worker,
        "failed": failed,
        "done": done,
        "left": get_service().read(lambda state, now: queries.left_to(state, name, LISTED, now)),
        "usual": usual_seconds(row.family for row in (*running, *done.rows)),
        "late": {name} if worker is not None and is_late(worker, overview.now) else set(),
        "poll_url": url_for("workers.live", worker=name, v=overview.version, until=valid_until(overview, running)),
        "back": worker_url(name),
    }


@bp.get("/workers/<taskid:worker>")
def show(worker: str) -> BaseResponse | str:
    """One worker, and the tasks that it ran last. It may have left, and is remembered by its tasks alone."""
    context = _detail_context(worker)
    page = render_template("workers/show.html", **context)
    failed, done = context["failed"], context["done"]
    assert isinstance(failed, TaskPage)
    assert isinstance(done, TaskPage)
    if context["worker"] is None and not failed.total and not done.total:
        return make_response(page, 404)
    return page


@bp.get("/fragments/worker")
def live() -> Response:
    """The live part of a worker's page."""
    if is_unchanged():
        return Response(status=204)
    return fragment("workers/_live.html", **_detail_context(request.args.get("worker", "")))
