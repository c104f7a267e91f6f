"""What keeps other sites out: security headers on every answer, and no change on a request that another site made."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, Request, Response, abort, request

from luigiviz.config import CorsSettings
from luigiviz.web.current import get_settings

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

_API = "/api/"

#: RPC methods that change nothing. All others are refused where another site's page asks for them, by GET too.
READING_METHODS = frozenset(
    {
        "dep_graph",
        "fetch_error",
        "get_running_task_resources",
        "get_task_progress_percentage",
        "get_task_status_message",
        "graph",
        "has_task_history",
        "inverse_dep_graph",
        "is_pause_enabled",
        "is_paused",
        "resource_list",
        "task_list",
        "task_search",
        "worker_list",
    }
)


def init_app(app: Flask) -> None:
    """Check and decorate every request of the app."""
    app.before_request(_refuse_foreign_changes)
    app.after_request(_add_headers)


def is_cross_site(candidate: Request) -> bool:
    """Whether a browser made this request on behalf of another site.

    Browsers say so in ``Sec-Fetch-Site`` (over HTTPS and to this machine) and in ``Origin`` (on every POST).
    A client that sends neither is no browser: Luigi's workers, curl.
    """
    site = candidate.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = candidate.headers.get("Origin")
    if origin is None:
        return False
    # The host is compared, not the scheme: a proxy that ends TLS makes it look like HTTP here.
    return urlsplit(origin).netloc.lower() != candidate.host.lower()


def content_security_policy(frame_ancestors: str) -> str:
    """The policy of every page: nothing but our own files, no inline script or style, no eval."""
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        f"form-action 'self'; base-uri 'none'; frame-ancestors {frame_ancestors}"
    )


def may_use_api(origin: str | None, settings: CorsSettings) -> bool:
    """Whether Luigi's ``[cors]`` lets pages of an origin (the header's value; None: not sent) use the API."""
    if not settings.enabled or origin is None:
        return False
    if origin == "null":
        return settings.allow_null_origin
    return settings.allow_any_origin or origin in settings.allowed_origins


def _refuse_foreign_changes() -> None:
    """Let changes come from our own pages only, and on the API also from pages that CORS allows."""
    if request.path.startswith(_API):
        if request.method == "OPTIONS" or request.path.removeprefix(_API) in READING_METHODS:
            return
        if is_cross_site(request) and not may_use_api(request.headers.get("Origin"), get_settings().cors):
            abort(403, "the request came from a page of another site that [cors] does not allow; nothing was changed")
    elif request.method not in _SAFE_METHODS and is_cross_site(request):
        abort(403, "The request came from another site, so nothing was changed.")


def _add_headers(response: Response) -> Response:
    """Set what is not set already: a view may have a policy of its own."""
    headers = response.headers
    headers.setdefault("Content-Security-Policy", content_security_policy(get_settings().frame_ancestors))
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "same-origin")
    # Pages show the state of a moment; a shared cache must not keep them. Static files have their own rules.
    if response.mimetype == "text/html":
        headers.setdefault("Cache-Control", "no-store")
    return response
