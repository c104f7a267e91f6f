"""Live pages: the header asks by time, everything else only when the header's answer says that there is news.

The header of an open page is its heart. It asks with the state's version that it shows, and is answered 204 as long as
that stands. When it is drawn anew, the answer's ``HX-Trigger`` tells the other live parts of the page, and each asks
for itself. So an idle page costs one small request at a time, and a page whose server is away keeps asking with the
heart alone: all else rests until an answer comes.

A version alone would leave "3 min ago" and running times as they were. So a part also says until when its text is true,
in seconds of the scheduler's clock; a request after that draws it anew. A part that is dear to draw says until when it
rests whatever happens; the heart beats once more after every change, so that such a part gets to show the end of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import floor

from flask import Response, make_response, render_template, request

from luigiviz.engine.statuses import BATCH_RUNNING, RUNNING
from luigiviz.engine.views import Overview, TaskRow
from luigiviz.web.current import get_service, get_settings

#: Seconds for which relative times may stand: with running tasks in sight, and without.
RUNNING_PERIOD = 5.0
CALM_PERIOD = 30.0
#: Seconds until the heart beats again although nothing happens.
BEAT = 15.0
#: In periods of the heart's questions: after a change, and while tasks run, it beats again after so many, ...
BEAT_AFTER_CHANGE = 2.5
#: ... and a part that is dear to draw rests for so many, which is less.
REST = 2.0

#: The event that tells a page's parts to ask.
NEWS = "luigiviz-news"


def is_unchanged() -> bool:
    """Whether the request's version (``v``) is current and its text true (``until``), or its part rests (``rests``)."""
    known, rests = request.args.get("v", type=int), request.args.get("rests", type=int)
    service = get_service()
    if known is None:
        return False
    if rests is not None and service.now() < rests:
        return True
    if known != service.version():
        return False
    until = request.args.get("until", type=int)
    return until is None or service.now() < until


def valid_until(overview: Overview, rows: Iterable[TaskRow] = ()) -> int:
    """When a fragment that shows these rows says something wrong, in whole seconds of the scheduler's clock."""
    is_running = any(row.status in (RUNNING, BATCH_RUNNING) for row in rows)
    return floor(overview.now + (RUNNING_PERIOD if is_running else CALM_PERIOD))


def rest_until(overview: Overview) -> int:
    """Until when a fragment that is dear to draw rests, in whole seconds of the scheduler's clock."""
    return floor(overview.now + REST * get_settings().poll_seconds)


def next_beat(overview: Overview) -> int:
    """When the heart is drawn anew although nothing changes, in whole seconds of the scheduler's clock.

    Soon after a change and while tasks run, so that running times go on and what rested catches up.
    """
    # Drawn in time, and with the version that the page had: nothing happened since the last beat.
    is_calm = request.args.get("v", type=int) == overview.version and not _num_running(overview)
    return floor(overview.now + (BEAT if is_calm else BEAT_AFTER_CHANGE * get_settings().poll_seconds))


def _num_running(overview: Overview) -> int:
    return overview.counts[RUNNING] + overview.counts[BATCH_RUNNING]


def fragment(template: str, **context: object) -> Response:
    """Render a fragment. No white space around it, which morphing would pile up; never cached."""
    response = make_response(render_template(template, **context).strip())
    response.headers["Cache-Control"] = "no-store"
    return response
