"""``/metrics``: the text that Prometheus scrapes."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, request

bp = Blueprint("metrics", __name__)


@bp.get("/metrics")
def index() -> Response:
    """All series, in the newest format that the scraper takes."""
    body, content_type = current_app.extensions["luigiviz"].metrics.render(request.headers.get("Accept", ""))
    response = Response(body, content_type=content_type)
    response.headers["Cache-Control"] = "no-store"
    response.vary.add("Accept")
    return response
