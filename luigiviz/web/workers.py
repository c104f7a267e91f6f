"""The workers page: who is connected, what they run, and how to steer them."""

from __future__ import annotations

from flask import Blueprint, Response, render_template, request, url_for

from luigiviz.engine.views import WorkerView
from luigiviz.web.current import get_service
from luigiviz.web.layout import get_overview
from luigiviz.web.live import fragment, is_unchanged, valid_until

bp = Blueprint("workers", __name__)

#: A worker is late once this share of the time until its disconnection has passed without a check-in.
LATE_SHARE = 0.5


def is_late(worker: WorkerView, now: float) -> bool:
    """Whether a worker has been silent for long enough to worry."""
    patience = worker.disconnect_at - worker.last_active
    return patience > 0 and now - worker.last_active > patience * LATE_SHARE


def _context() -> dict[str, object]:
    overview = get_overview()
    workers = get_service().worker_views()
    poll_url = url_for(
        "workers.cards",
        v=overview.version,
        until=valid_until(overview, (row for worker in workers for row in worker.running)),
    )
    return {
        "workers": workers,
        "late": {worker.name for worker in workers if is_late(worker, overview.now)},
        "poll_url": poll_url,
        "back": url_for("workers.index"),
        "scheduler_url": request.url_root.rstrip("/"),
    }


@bp.get("/workers")
def index() -> str:
    """All workers, newest first."""
    return render_template("workers/index.html", **_context())


@bp.get("/fragments/workers")
def cards() -> Response:
    """The live part of the page."""
    if is_unchanged():
        return Response(status=204)
    return fragment("workers/_cards.html", **_context())
