"""``/``: where luigid's users start, and what its health checks ask."""

from __future__ import annotations

from flask import Blueprint, Response, request

bp = Blueprint("root", __name__)


@bp.route("/", methods=["GET", "HEAD"])
def index() -> Response:
    """Redirect to the dashboard's old address, relative so that any prefix works; HEAD answers that we are alive."""
    if request.method == "HEAD":
        return Response(status=204)
    response = Response(status=302, headers={"Location": "static/visualiser/index.html"})
    response.autocorrect_location_header = False
    return response
