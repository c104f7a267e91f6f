"""Changes by form: POST, one service call, and a redirect back with a notice. What asks first is a page of its own.

Ids travel in the query of the form's address, not in fields: browsers bend line breaks and NUL in form fields.
"""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for

from luigiviz.engine.errors import InvalidArgumentError
from luigiviz.engine.statuses import DONE, PENDING
from luigiviz.web.current import get_service, get_settings
from luigiviz.web.urls import local_url, task_url, with_query

bp = Blueprint("actions", __name__, url_prefix="/actions")

#: More processes than any worker machine has; a typing mistake must not start a thousand.
MAX_PROCESSES = 1000

#: Characters of a user's name that are kept.
MAX_NAME = 200


def _wanted(name: str) -> str:
    """A parameter of the address or the form, or 400."""
    value = request.args.get(name, request.form.get(name))
    if value is None:
        abort(400, f"The request lacks {name}.")
    return value


def _whole_number(name: str) -> int:
    """A parameter as a whole number, zero or more, or 400."""
    text = _wanted(name).strip()
    if not text.isdecimal():
        abort(400, f"{name} must be a whole number, zero or more; it was {text[:40]!r}.")
    return int(text[:18])


def _back(notice: str, **extra: str | None) -> Response:
    """Lead back to where the form was, and say what happened."""
    target = with_query(local_url(request.args.get("next")), notice=notice, **extra)
    response: Response = redirect(target, code=303)  # type: ignore[assignment]
    return response


def _call(method: str, **arguments: object) -> object:
    """Call the service; an argument that it refuses is the request's fault."""
    try:
        return get_service().call(method, arguments)
    except InvalidArgumentError as error:
        abort(400, str(error))


def _status_after(method: str, task_id: str) -> str | None:
    """The status that a call about one task answers with; None if the task is not known."""
    result = _call(method, task_id=task_id)
    status = result.get("status") if isinstance(result, Mapping) else None
    return status if isinstance(status, str) else None


@bp.post("/forgive")
def forgive() -> Response:
    """Put a failed task back to pending."""
    task_id = _wanted("task_id")
    was_failed = (detail := get_service().task_detail(task_id)) is not None and detail.row.status == "FAILED"
    status = _status_after("forgive_failures", task_id)
    if status is None:
        return _back("task-gone")
    return _back("forgiven" if was_failed and status == PENDING else "not-forgiven")


@bp.post("/re-enable")
def re_enable() -> Response:
    """Enable a task that the scheduler disabled."""
    task_id = _wanted("task_id")
    if get_service().task_detail(task_id) is None:
        return _back("task-gone")
    return _back("re-enabled" if _call("re_enable_task", task_id=task_id) else "not-re-enabled")


@bp.get("/mark-as-done")
def confirm_mark_as_done() -> str:
    """Ask before a task is marked as done: what depends on it will run."""
    task_id = _wanted("task_id")
    detail = get_service().task_detail(task_id)
    if detail is None:
        abort(404, "The scheduler does not hold this task any more.")
    back = local_url(request.args.get("next") or task_url(task_id))
    return render_template("actions/mark_as_done.html", detail=detail, back=back)


@bp.post("/mark-as-done")
def mark_as_done() -> Response:
    """Mark a running, failed or disabled task as done."""
    status = _status_after("mark_as_done", _wanted("task_id"))
    if status is None:
        return _back("task-gone")
    return _back("marked-done" if status == DONE else "not-marked-done")


def _who_asks() -> str:
    """The user as the server or a trusted proxy knows it, or else the address that the request came from."""
    name = request.remote_user
    if not name and get_settings().trusted_proxies:
        name = request.headers.get("X-Forwarded-User", "").strip()
    return (name or request.remote_addr or "somebody")[:MAX_NAME]


@bp.post("/pause")
def pause() -> Response:
    """Hand out no more work."""
    if not get_service().overview().pause_enabled:
        abort(403, "Pausing is switched off in the configuration (pause_enabled).")
    get_service().pause(_who_asks())
    return _back("paused")


@bp.post("/resume")
def resume() -> Response:
    """Hand out work again."""
    if not get_service().overview().pause_enabled:
        abort(403, "Pausing is switched off in the configuration (pause_enabled).")
    _call("unpause")
    return _back("resumed")


def _worker_is_known(worker: str) -> bool:
    """Whether a worker is connected. A call about an unknown one would make the scheduler hold a new, empty one."""
    return any(view.name == worker for view in get_service().worker_views())


@bp.get("/disable-worker")
def confirm_disable_worker() -> str:
    """Ask before a worker is disabled: it cannot be enabled again."""
    name = _wanted("worker")
    worker = next((view for view in get_service().worker_views() if view.name == name), None)
    if worker is None:
        abort(404, "This worker is not connected any more.")
    back = local_url(request.args.get("next") or url_for("workers.index"))
    return render_template("actions/disable_worker.html", worker=worker, back=back)


@bp.post("/disable-worker")
def disable_worker() -> Response:
    """Give a worker no more work."""
    worker = _wanted("worker")
    if not _worker_is_known(worker):
        return _back("worker-gone")
    _call("disable_worker", worker=worker)
    return _back("worker-disabled")


@bp.post("/set-processes")
def set_processes() -> Response:
    """Ask a worker to run so many processes."""
    worker, wanted = _wanted("worker"), _whole_number("n")
    if not 1 <= wanted <= MAX_PROCESSES:
        abort(400, f"The number of processes must be between 1 and {MAX_PROCESSES}.")
    if not _worker_is_known(worker):
        return _back("worker-gone")
    _call("set_worker_processes", worker=worker, n=wanted)
    return _back("processes-set")


@bp.post("/set-resource")
def set_resource() -> Response:
    """Change the total of a resource."""
    is_set = _call("update_resource", resource=_wanted("resource"), amount=_whole_number("amount"))
    return _back("resource-set" if is_set else "resource-not-set")


@bp.post("/send-message")
def send_message() -> Response:
    """Send a message to a running task; the task page then waits for the answer."""
    task_id, content = _wanted("task_id"), _wanted("content")
    detail = get_service().task_detail(task_id)
    if detail is None:
        return _back("task-gone")
    if not detail.row.accepts_messages or detail.row.worker_running is None:
        return _back("message-no-task")
    result = _call("send_scheduler_message", worker=detail.row.worker_running, task=task_id, content=content)
    message_id = result.get("message_id") if isinstance(result, Mapping) else None
    if not isinstance(message_id, str):
        return _back("message-not-sent")
    return _back("message-sent", message=message_id)
