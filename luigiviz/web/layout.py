"""What every page shares: the scheduler's state in the header, notices, links and error pages."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, Flask, Response, g, render_template, request
from werkzeug.exceptions import HTTPException

from luigiviz.engine.statuses import (
    BATCH_RUNNING,
    DISABLED,
    DISPLAY_STATUSES,
    DONE,
    FAILED,
    PENDING,
    RUNNING,
    TRUNCATED,
    UNKNOWN,
    UPSTREAM_DISABLED,
    UPSTREAM_FAILED,
    UPSTREAM_MISSING_INPUT,
    UPSTREAM_RUNNING,
)
from luigiviz.engine.views import Overview
from luigiviz.version import __version__
from luigiviz.web import assets, bulk, filters, loglinks, medians, urls
from luigiviz.web.current import get_service, get_settings
from luigiviz.web.filters import number
from luigiviz.web.live import NEWS, fragment, is_unchanged, next_beat

bp = Blueprint("layout", __name__)

#: From so many seconds between two questions on, the stylesheet waits longer before it says "not updating".
SLOW_POLL = 6.0

#: Bars show what is finished first, then what goes on, what waits, and at the end what went wrong.
MIX_ORDER = (
    DONE,
    RUNNING,
    BATCH_RUNNING,
    PENDING,
    UNKNOWN,
    UPSTREAM_DISABLED,
    UPSTREAM_FAILED,
    DISABLED,
    FAILED,
)

#: What people read for each status.
STATUS_WORDS = {
    PENDING: "Pending",
    RUNNING: "Running",
    BATCH_RUNNING: "Batch running",
    DONE: "Done",
    FAILED: "Failed",
    UPSTREAM_FAILED: "Upstream failed",
    DISABLED: "Disabled",
    UPSTREAM_DISABLED: "Upstream disabled",
    UPSTREAM_RUNNING: "Upstream running",
    UPSTREAM_MISSING_INPUT: "Upstream missing input",
    UNKNOWN: "Unknown",
    TRUNCATED: "Truncated",
}

#: What an action did, by the code that its redirect carries: (tone, text). Only these can be shown.
NOTICES = {
    "forgiven": ("good", "Failures forgiven. The task is pending again."),
    "not-forgiven": ("warn", "Nothing changed: only a failed task can be forgiven."),
    "re-enabled": ("good", "The task was enabled again."),
    "not-re-enabled": ("warn", "Nothing changed: only a task that the scheduler disabled can be enabled again."),
    "marked-done": ("good", "The task was marked as done."),
    "not-marked-done": ("warn", "Nothing changed: only a running, failed or disabled task can be marked as done."),
    "task-gone": ("warn", "Nothing changed: the scheduler does not hold this task any more."),
    "paused": ("good", "The scheduler is paused. Workers finish what they run and get nothing new."),
    "resumed": ("good", "The scheduler hands out work again."),
    "worker-disabled": ("good", "The worker was disabled. It finishes what it runs and gets nothing new."),
    "worker-gone": ("warn", "Nothing changed: this worker is not connected any more."),
    "processes-set": ("good", "The worker was asked to change its number of processes. It obeys at its next check-in."),
    "resource-set": ("good", "The resource has a new total."),
    "resource-not-set": ("warn", "Nothing changed: the total must be a whole number, zero or more."),
    "message-sent": ("good", "The message is on its way to the task."),
    "message-not-sent": ("warn", "The message was not sent: sending messages is switched off."),
    "message-no-task": ("warn", "The message was not sent: the task does not run, or does not accept messages."),
}

#: What went wrong, in words for people, by HTTP status.
_ERROR_WORDS = {
    400: ("That request makes no sense here", "The address or the form holds something that this page does not know."),
    403: ("Refused", "The request came from another site, so nothing was changed."),
    404: ("Nothing here", "There is no such page, or what it showed is gone."),
    405: ("Not like that", "This address does not take that kind of request."),
    413: ("Too large", "The request is larger than this server accepts."),
    500: ("That went wrong", "An error occurred on the server. Its log has the details."),
    503: ("Not ready", "The server cannot answer right now. Workers keep trying by themselves; try again in a moment."),
}


def init_app(app: Flask) -> None:
    """Register filters, template globals and links. Call it before blueprints are registered."""
    urls.init_app(app)
    assets.init_app(app)
    filters.init_app(app)
    bulk.init_app(app)
    medians.init_app(app)
    loglinks.init_app(app)
    app.jinja_env.globals.update(
        DISPLAY_STATUSES=DISPLAY_STATUSES,
        MIX_ORDER=MIX_ORDER,
        luigiviz_version=__version__,
        current_overview=current_overview,
        notice=notice,
        is_slow=lambda: get_settings().poll_seconds > SLOW_POLL,
        next_beat=lambda: next_beat(get_overview()),
        on_news=on_news,
        poll_every=poll_every,
        status_counts=status_counts,
        status_word=status_word,
        status_icon=status_icon,
    )


def get_overview() -> Overview:
    """Counts and state of the scheduler, read once per request."""
    if "luigiviz_overview" not in g:
        g.luigiviz_overview = get_service().overview()
        g.luigiviz_now = g.luigiviz_overview.now
    overview: Overview = g.luigiviz_overview
    return overview


def current_overview() -> Overview | None:
    """What the header shows. None on error pages, which must not need a service that works."""
    return None if g.get("luigiviz_is_error") else get_overview()


def notice() -> tuple[str, str] | None:
    """Tone and text of what the last action did, if the URL says so."""
    return NOTICES.get(request.args.get("notice", ""))


def poll_every() -> str:
    """The htmx trigger of the header. Milliseconds, because htmx reads a point in ``2.0s`` as a path."""
    return f"every {max(250, int(get_settings().poll_seconds * 1000))}ms"


def on_news() -> str:
    """The htmx trigger of all other live parts: the header's event, which bubbles up to the document."""
    return f"{NEWS} from:document"


def status_word(status: str) -> str:
    """A status as people read it."""
    return STATUS_WORDS.get(status, status)


def status_counts(by_status: Mapping[str, int]) -> str:
    """Counts in words: ``3 done, 1 failed``."""
    return ", ".join(
        f"{number(by_status[status])} {status_word(status).lower()}"
        for status in DISPLAY_STATUSES
        if by_status.get(status)
    )


def status_icon(status: str) -> str:
    """The sprite's id for a status."""
    if status in (UPSTREAM_RUNNING, UPSTREAM_MISSING_INPUT):
        return "waiting"
    return status.lower() if status in STATUS_WORDS else "unknown"


@bp.get("/fragments/state")
def state() -> Response:
    """The live part of the header: paused or not, alive or not, and the title with its counts. It tells of news."""
    if is_unchanged():
        return Response(status=204)
    page_title, back = request.args.get("page", ""), request.args.get("back")
    header = fragment("layout/_state.html", page_title=page_title, back=back, partial=True)
    header.headers["HX-Trigger"] = NEWS
    return header


def error_page(error: HTTPException) -> tuple[str, int, dict[str, str]]:
    """An HTTP error as a page with the way back. For the app's error handler; the API answers in JSON instead."""
    g.luigiviz_is_error = True
    status = error.code or 500
    title, text = _ERROR_WORDS.get(status, (error.name, ""))
    # Flask's own descriptions explain HTTP; ours (given to abort) explain what happened.
    is_ours = error.description and error.description != type(error).description
    headers = {
        name: value
        for name, value in error.get_headers()
        if name.lower() in {"retry-after", "allow", "www-authenticate"}
    }
    body = render_template("errors/error.html", status=status, title=title, text=error.description if is_ours else text)
    return body, status, headers
