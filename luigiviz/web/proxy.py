"""Behind a reverse proxy: its headers say under which host, scheme and path people see the pages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def init_app(app: Flask, trusted_proxies: int) -> None:
    """Believe the ``X-Forwarded-…`` headers of so many proxies in a row; with 0, none.

    Only a proxy that sets these headers itself may be trusted: those of its clients would be believed otherwise.
    """
    if not trusted_proxies:
        return
    number = trusted_proxies
    inner: Any = _without_prefix(app.wsgi_app)
    app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
        inner, x_for=number, x_proto=number, x_host=number, x_prefix=number
    )


def _without_prefix(inner: WSGIApplication) -> WSGIApplication:
    """Take the prefix off the path if the proxy left it there.

    A proxy that cuts the prefix off often decodes the path too, and folds slashes; leaving it alone is safer.
    """

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        prefix = environ.get("SCRIPT_NAME", "").rstrip("/")
        environ["SCRIPT_NAME"] = prefix
        path = environ.get("PATH_INFO", "")
        if prefix and (path == prefix or path.startswith(f"{prefix}/")):
            environ["PATH_INFO"] = path[len(prefix) :]
        return inner(environ, start_response)

    return application
