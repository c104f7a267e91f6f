"""The history pages' JSON twins: the same data, in one shape each."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import Response, abort, jsonify, request, url_for

from luigiviz.store.runs import FamilyRuns, HistoryRun, RunPage
from luigiviz.web.filters import iso

HTML, JSON = "text/html", "application/json"


def wants_json() -> bool:
    """Whether the request asks for JSON: ``?format=json``, or an ``Accept`` header that prefers it to HTML."""
    wanted = request.args.get("format", "")
    if wanted in ("json", "html"):
        return wanted == "json"
    if wanted:
        abort(400, f"The format is html or json, not {wanted[:40]!r}.")
    return request.accept_mimetypes.best_match([HTML, JSON], default=HTML) == JSON


def with_twin(response: Response) -> Response:
    """Tell where the other form of this answer is, and that ``Accept`` chooses between them."""
    other, mimetype = ("html", HTML) if response.mimetype == JSON else ("json", JSON)
    fields = [(name, value) for name, value in request.args.items(multi=True) if name != "format"]
    page = url_for(str(request.endpoint), **(request.view_args or {}))
    address = f"{page}?{urlencode([*fields, ('format', other)])}"
    response.headers.add("Link", f'<{address}>; rel="alternate"; type="{mimetype}"')
    response.vary.add("Accept")
    response.headers["Cache-Control"] = "no-store"
    return response


def answer(body: dict[str, Any], status: int = 200) -> Response:
    """Give ``body`` as JSON."""
    response = jsonify(body)
    response.status_code = status
    return response


def refuse(status: int, code: str, message: str) -> Response:
    """Give an error in the shape that all our JSON errors have."""
    return answer({"error": {"code": code, "message": message}}, status)


def run_as_json(run: HistoryRun) -> dict[str, Any]:
    """Give a run; times are seconds since the epoch."""
    return {
        "id": run.record_id,
        "task_id": run.task_id,
        "name": run.family,
        "host": run.host,
        "params": dict(run.params),
        "status": run.status,
        "outcome": run.outcome,
        "started": run.started,
        "finished": run.finished,
        "run_seconds": run.run_seconds,
        "events": [{"name": event.name, "at": event.at, "time": iso(event.at)} for event in run.events],
    }


def page_as_json(page: RunPage) -> dict[str, Any]:
    """Give a page of runs."""
    return {
        "runs": [run_as_json(run) for run in page.runs],
        "total": page.total,
        "page": page.offset // page.limit + 1,
        "size": page.limit,
    }


def family_as_json(family: FamilyRuns) -> dict[str, Any]:
    """Give a family's numbers."""
    return {
        "name": family.family,
        "runs": family.runs,
        "done": family.done,
        "failed": family.failed,
        "last_event_at": family.last_event_at,
    }
