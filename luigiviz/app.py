"""The WSGI application: wires settings, history, metrics, service and blueprints together."""

from __future__ import annotations

import atexit
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Flask, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, ServiceUnavailable

from luigiviz.config import Settings, load_settings
from luigiviz.engine.views import Overview
from luigiviz.metrics import Metrics
from luigiviz.service import Keeper, NotServingError, Service
from luigiviz.store.errors import StoreError
from luigiviz.store.live.livestore import LiveStore
from luigiviz.web import (
    actions,
    api,
    badge,
    bulk,
    cors,
    fastpath,
    graph,
    grid,
    health,
    history,
    layout,
    metrics,
    pipelines,
    proxy,
    resources,
    root,
    security,
    tasks,
    workers,
)

if TYPE_CHECKING:
    from luigiviz.store.history import History

logger = logging.getLogger(__name__)

BLUEPRINTS = (
    root.bp,
    api.bp,
    health.bp,
    layout.bp,
    tasks.bp,
    pipelines.bp,
    graph.bp,
    grid.bp,
    badge.bp,
    workers.bp,
    resources.bp,
    actions.bp,
    bulk.bp,
    history.bp,
    metrics.bp,
)


@dataclass(frozen=True, slots=True)
class Luigiviz:
    """The parts of a running application, as ``app.extensions["luigiviz"]``."""

    settings: Settings
    service: Service
    keeper: Keeper | None
    history: History | None
    metrics: Metrics

    def close(self) -> None:
        """Stop threads, and write what waits to be written; once is enough, more does no harm."""
        atexit.unregister(self.close)
        if self.keeper is not None:
            self.keeper.close()
        self.service.close()
        if self.history is not None:
            self.history.close()


def create_app(settings: Settings | None = None) -> Flask:
    """Make the application; without ``settings`` they are read from Luigi's configuration files.

    Raises:
        SettingsError: The configuration has a value that cannot be used.
        StoreError: A database cannot be used as it is.
    """
    settings = settings or load_settings()
    parts = _wire(settings)
    app = Flask("luigiviz")
    app.extensions["luigiviz"] = parts
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    # Flask's own limit for a form field is 500 kB, which the description of a task may exceed.
    app.config["MAX_FORM_MEMORY_SIZE"] = settings.max_body_bytes
    # Task ids may hold slashes in any number and place.
    app.url_map.merge_slashes = False
    app.json.sort_keys = False  # type: ignore[attr-defined]
    layout.init_app(app)
    pipelines.init_app(app)
    security.init_app(app)
    cors.init_app(app, settings.cors)
    fastpath.init_app(app)
    proxy.init_app(app, settings.trusted_proxies)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    app.register_error_handler(HTTPException, _answer_error)
    app.register_error_handler(NotServingError, _answer_not_serving)
    parts.service.start()
    if parts.keeper is not None:
        parts.keeper.start()
    # WSGI has no way to tell an application that its server ends.
    atexit.register(parts.close)
    return app


def _answer_error(error: HTTPException) -> ResponseReturnValue:
    """Answer an error as JSON to clients of the API, and as a page to people."""
    return api.refuse_http(error) if request.path.startswith("/api/") else layout.error_page(error)


def _answer_not_serving(error: NotServingError) -> ResponseReturnValue:
    """Answer that the scheduler cannot be asked now, and when to try again."""
    if request.path.startswith("/api/"):
        return api.refuse_not_serving(error)
    return layout.error_page(ServiceUnavailable(str(error), retry_after=error.retry_after))


def _wire(settings: Settings) -> Luigiviz:
    with _naming("[task_history] db_connection"):
        history = _history(settings.history_url, settings.history_retention_days) if settings.history_url else None
    with _naming("[luigiviz] database_url"):
        store = None if settings.database_url is None else _live_store(settings, settings.database_url)

    def overview() -> Overview | None:
        try:
            return service.overview()
        except NotServingError:
            return None

    counted = Metrics(settings.prometheus, overview=overview, history=history)
    service = Service(
        settings.scheduler,
        settings.resources,
        store=store,
        history=history,
        metrics=counted,
        relaxed=settings.durability == "relaxed",
    )
    keeper = None
    if store is not None:
        keeper = Keeper(service, store, state_path=_path(settings.scheduler.state_path))
        with _naming("[luigiviz] database_url"):
            keeper.open()
    return Luigiviz(settings, service, keeper, history, counted)


def _history(url: str, retention_days: float) -> History:
    # Imported late: a start without a history need not wait for SQLAlchemy's mapper.
    from luigiviz.store.history import History

    return History(url, retention_days=retention_days)


def _path(text: str) -> Path | None:
    return Path(text).expanduser() if text else None


def _live_store(settings: Settings, url: str) -> LiveStore:
    return LiveStore(
        url, durability=settings.durability, lease_seconds=settings.lease_seconds, address=settings.public_url
    )


@contextmanager
def _naming(setting: str) -> Iterator[None]:
    """Say which setting names the database that cannot be used."""
    try:
        yield
    except StoreError as error:
        raise type(error)(f"{setting}: {error}") from error
