"""Status badges of families, to be embedded in wiki pages."""

from __future__ import annotations

from flask import Blueprint, Response

from luigiviz.engine.statuses import UNKNOWN
from luigiviz.graphs.badge import badge, family_badge
from luigiviz.web.current import get_service
from luigiviz.web.embedding import SVG_TYPE, picture, revalidated

bp = Blueprint("badge", __name__)


@bp.get("/badge/<taskid:family>.svg")
def show(family: str) -> Response:
    """Answer with the badge of a family; one without tasks has a badge that says so, with status 404."""
    for count in get_service().families():
        if count.family == family:
            return revalidated(picture(family_badge(count), SVG_TYPE))
    response = picture(badge(family, "no tasks", UNKNOWN), SVG_TYPE, 404)
    response.headers["Cache-Control"] = "no-store"
    return response
