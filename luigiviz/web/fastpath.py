"""A short way for workers' calls: a thousand workers ping once a second each, and all that Flask does costs the most.

What comes here is a POST of a urlencoded form to a known method that no browser has sent. Everything else goes through
Flask and the blueprint ``api``, which gives the same answers; so do these calls, but for the headers that only
browsers look at. ``before_request`` hooks do not see them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from flask import Flask

from luigiviz.engine.rpc import METHODS
from luigiviz.web import rpc

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from luigiviz.metrics import Metrics
    from luigiviz.service import Service

logger = logging.getLogger(__name__)

_PREFIX = "/api/"
_FORM = "application/x-www-form-urlencoded"
#: What browsers send with a POST; whether their requests may change anything is for Flask's hooks to say.
_BROWSER = ("HTTP_ORIGIN", "HTTP_SEC_FETCH_SITE")
_STATUS_LINES = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}


def init_app(app: Flask) -> None:
    """Put the short way in front of an app whose services are wired."""
    parts: Any = app.extensions["luigiviz"]
    limit: int = app.config["MAX_CONTENT_LENGTH"]
    app.wsgi_app = FastPath(app.wsgi_app, parts.service, parts.metrics, limit)  # type: ignore[method-assign]


class FastPath:
    """A WSGI application that answers workers' calls, and leaves the rest to another one."""

    def __init__(self, other: WSGIApplication, service: Service, metrics: Metrics, max_body_bytes: int) -> None:
        """Answer for a service; bodies that are larger are for the other application to refuse."""
        self._other = other
        self._service = service
        self._metrics = metrics
        self._max_body_bytes = max_body_bytes

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        path: str = environ["PATH_INFO"]
        if environ["REQUEST_METHOD"] != "POST" or not path.startswith(_PREFIX) or not self._is_plain(environ):
            return self._other(environ, start_response)
        method = path[len(_PREFIX) :]
        if method not in METHODS:
            return self._other(environ, start_response)
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        query: str = environ.get("QUERY_STRING", "")
        reply = rpc.answer(self._service, self._metrics, method, body, query.encode("latin-1"))
        headers = [
            ("Content-Type", rpc.CONTENT_TYPE),
            ("Content-Length", str(len(reply.body))),
            ("X-Content-Type-Options", "nosniff"),
        ]
        if reply.retry_after is not None:
            headers.append(("Retry-After", str(reply.retry_after)))
        if reply.status != HTTPStatus.OK:
            logger.info("Refused POST %s with %d: %s", path, reply.status, reply.body.decode())
        start_response(_STATUS_LINES[reply.status], headers)
        return [reply.body]

    def _is_plain(self, environ: WSGIEnvironment) -> bool:
        length: str = environ.get("CONTENT_LENGTH", "")
        return (
            environ.get("CONTENT_TYPE", "").partition(";")[0].strip() == _FORM
            and length.isascii()
            and length.isdigit()
            and int(length) <= self._max_body_bytes
            and not any(header in environ for header in _BROWSER)
        )
