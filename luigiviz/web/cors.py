"""CORS on ``/api/``: other sites' pages may read answers as Luigi's ``[cors]`` section says."""

from __future__ import annotations

from flask import Flask, Response, request
from flask_cors import CORS

from luigiviz.config import CorsSettings

_API = "/api/"


def init_app(app: Flask, settings: CorsSettings) -> None:
    """Add CORS headers to answers of the API, if they are enabled."""
    if not settings.enabled:
        return
    origins = ["*"] if settings.allow_any_origin else list(settings.allowed_origins)
    if settings.allow_null_origin and not settings.allow_any_origin:
        origins.append("null")

    def as_configured(response: Response) -> Response:
        return _as_configured(response, settings)

    # Flask calls these last to first, so that this one sees what flask-cors has done.
    app.after_request(as_configured)
    CORS(
        app,
        resources={rf"{_API}.*": {}},
        origins=origins,
        send_wildcard=settings.allow_any_origin,
        vary_header=True,
        expose_headers=_names(settings.exposed_headers),
        # Browsers refuse credentials together with a wildcard, and flask-cors refuses the combination.
        supports_credentials=settings.allow_credentials and not settings.allow_any_origin,
        automatic_options=False,
    )


def _as_configured(response: Response, settings: CorsSettings) -> Response:
    """Set what the settings word themselves, and what only Luigi distinguishes."""
    headers = response.headers
    if not request.path.startswith(_API) or "Access-Control-Allow-Origin" not in headers:
        return response
    if request.headers.get("Origin") == "null":
        if not settings.allow_null_origin:
            for name in [name for name, _ in headers if name.lower().startswith("access-control-")]:
                del headers[name]
            return response
        headers["Access-Control-Allow-Origin"] = "null"
    if "Origin" not in request.headers:
        del headers["Access-Control-Allow-Origin"]
        return response
    if headers["Access-Control-Allow-Origin"] != "*":
        # flask-cors leaves it out where only one origin is listed, but a cache must not give that answer to others.
        response.vary.add("Origin")
    if request.method == "OPTIONS":
        headers["Access-Control-Max-Age"] = str(settings.max_age)
        headers["Access-Control-Allow-Methods"] = settings.allowed_methods
        headers["Access-Control-Allow-Headers"] = settings.allowed_headers
        if settings.allow_credentials:
            headers["Access-Control-Allow-Credentials"] = "true"
    return response


def _names(header: str) -> list[str]:
    return [name for name in (part.strip() for part in header.split(",")) if name]
