"""Live fragments: a poll carries the version that it shows, and is answered 204 as long as that still stands.

A version alone would leave "3 min ago" and running times as they were. So a fragment also says until when its text is
true, in seconds of the scheduler's clock; a poll after that draws it anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import floor

from flask import Response, make_response, render_template, request

from luigiviz.engine.statuses import BATCH_RUNNING, RUNNING
from luigiviz.engine.views import Overview, TaskRow
from luigiviz.web.current import get_service

#: Seconds for which relative times may stand: with running tasks in sight, and without.
RUNNING_PERIOD = 5.0
CALM_PERIOD = 30.0


def is_unchanged() -> bool:
    """Whether the poll's version (``v``) is still current, and its text (``until``) still true."""
    known = request.args.get("v", type=int)
    service = get_service()
    if known is None or known != service.version():
        return False
    until = request.args.get("until", type=int)
    return until is None or service.overview().now < until


def valid_until(overview: Overview, rows: Iterable[TaskRow] = ()) -> int:
    """When a fragment that shows these rows says something wrong, in whole seconds of the scheduler's clock."""
    is_running = any(row.status in (RUNNING, BATCH_RUNNING) for row in rows)
    return floor(overview.now + (RUNNING_PERIOD if is_running else CALM_PERIOD))


def fragment(template: str, **context: object) -> Response:
    """Render a fragment. No white space around it, which morphing would pile up; never cached."""
    response = make_response(render_template(template, **context).strip())
    response.headers["Cache-Control"] = "no-store"
    return response
