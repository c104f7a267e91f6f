"""What keeps other sites out: security headers on every answer, and no change on a request that another site made."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, Request, Response, abort, request

from luigiviz.web.current import get_settings

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


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


def _refuse_foreign_changes() -> None:
    """Let changes come from our own pages only. The API decides for itself: CORS may allow others there."""
    if request.method in _SAFE_METHODS or request.blueprint == "api" or request.path.startswith("/api/"):
        return
    if is_cross_site(request):
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
