"""The WSGI application: wires settings, history, metrics, service and blueprints together."""

from __future__ import annotations

import atexit
import logging
from dataclasses import dataclass

from flask import Flask, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from luigiviz.config import Settings, load_settings
from luigiviz.engine.views import Overview
from luigiviz.metrics import Metrics
from luigiviz.service import Service
from luigiviz.store.history import History
from luigiviz.web import (
    actions,
    api,
    badge,
    cors,
    graph,
    health,
    history,
    layout,
    metrics,
    proxy,
    resources,
    root,
    security,
    tasks,
    workers,
)

logger = logging.getLogger(__name__)

BLUEPRINTS = (
    root.bp,
    api.bp,
    health.bp,
    layout.bp,
    tasks.bp,
    graph.bp,
    badge.bp,
    workers.bp,
    resources.bp,
    actions.bp,
    history.bp,
    metrics.bp,
)


@dataclass(frozen=True, slots=True)
class Luigiviz:
    """The parts of a running application, as ``app.extensions["luigiviz"]``."""

    settings: Settings
    service: Service
    history: History | None
    metrics: Metrics

    def close(self) -> None:
        """Stop threads, and write what waits to be written; once is enough, more does no harm."""
        atexit.unregister(self.close)
        self.service.close()
        if self.history is not None:
            self.history.close()


def create_app(settings: Settings | None = None) -> Flask:
    """Make the application; without ``settings`` they are read from Luigi's configuration files.

    Raises SettingsError if the configuration has a value that cannot be used.
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
    security.init_app(app)
    cors.init_app(app, settings.cors)
    proxy.init_app(app, settings.trusted_proxies)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    app.register_error_handler(HTTPException, _answer_error)
    parts.service.start()
    # WSGI has no way to tell an application that its server ends.
    atexit.register(parts.close)
    return app


def _answer_error(error: HTTPException) -> ResponseReturnValue:
    """Answer an error as JSON to clients of the API, and as a page to people."""
    return api.refuse_http(error) if request.path.startswith("/api/") else layout.error_page(error)


def _wire(settings: Settings) -> Luigiviz:
    history = History(settings.history_url) if settings.history_url else None

    def overview() -> Overview:
        return service.overview()

    counted = Metrics(settings.prometheus, overview=overview, history=history)
    service = Service(settings.scheduler, settings.resources, history=history, metrics=counted)
    return Luigiviz(settings, service, history, counted)
