"""``/healthz`` (the process is up) and ``/readyz`` (it is ready to serve workers), for load balancers."""

from __future__ import annotations

from flask import Blueprint, Response

from luigiviz.service import NotServingError
from luigiviz.web.current import get_service

bp = Blueprint("health", __name__)


@bp.get("/healthz")
def healthz() -> Response:
    """Answer that the process is up."""
    return Response("ok\n", content_type="text/plain; charset=utf-8")


@bp.get("/readyz")
def readyz() -> Response:
    """Answer whether this instance serves workers."""
    try:
        get_service().check_ready()
    except NotServingError as error:
        headers = {"Retry-After": str(error.retry_after)}
        return Response(f"{error}\n", 503, headers, content_type="text/plain; charset=utf-8")
    return Response("ready\n", content_type="text/plain; charset=utf-8")
