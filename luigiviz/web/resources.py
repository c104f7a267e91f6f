"""The resources page: what is limited, who uses it, and how to change the limit."""

from __future__ import annotations

from flask import Blueprint, Response, render_template, url_for

from luigiviz.web.current import get_service
from luigiviz.web.layout import get_overview
from luigiviz.web.live import fragment, is_unchanged, valid_until

bp = Blueprint("resources", __name__)


def _context() -> dict[str, object]:
    overview = get_overview()
    resources = get_service().resource_views()
    rows = (row for resource in resources for row in resource.consumers)
    poll_url = url_for("resources.rows", v=overview.version, until=valid_until(overview, rows))
    return {"resources": resources, "poll_url": poll_url, "back": url_for("resources.index")}


@bp.get("/resources")
def index() -> str:
    """All resources, by name."""
    return render_template("resources/index.html", **_context())


@bp.get("/fragments/resources")
def rows() -> Response:
    """The live part of the page."""
    if is_unchanged():
        return Response(status=204)
    return fragment("resources/_rows.html", **_context())
