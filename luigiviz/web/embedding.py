"""Answers that are made to be put into other pages: pictures that are asked for again each time, and sent once."""

from __future__ import annotations

from flask import Response, request

from luigiviz.web.current import get_settings

SVG_TYPE = "image/svg+xml"

# The document brings its own stylesheet; nothing in it may run or load anything.
_SVG_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def picture(body: bytes | str, media_type: str, status: int = 200) -> Response:
    """Return a document of this media type, with a policy of its own if it is SVG."""
    response = Response(body, status=status, mimetype=media_type)
    if media_type == SVG_TYPE:
        ancestors = get_settings().frame_ancestors
        response.headers["Content-Security-Policy"] = f"{_SVG_POLICY}; frame-ancestors {ancestors}"
    return response


def revalidated(response: Response) -> Response:
    """Let caches keep the answer but ask each time; what they have already is answered 304."""
    response.headers["Cache-Control"] = "no-cache"
    response.add_etag()
    response.make_conditional(request)
    return response
