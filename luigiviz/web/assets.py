"""Static files that browsers may keep for good: every address carries a checksum of the file."""

from __future__ import annotations

from functools import cache
from hashlib import blake2s
from pathlib import Path

from flask import Flask, Response, request

_YEAR = 365 * 24 * 3600


def init_app(app: Flask) -> None:
    """Add the checksum to every address of a static file, and let what carries one be kept."""
    folder = Path(app.static_folder or "")

    def add_checksum(endpoint: str, values: dict[str, object]) -> None:
        filename = values.get("filename")
        if endpoint == "static" and isinstance(filename, str):
            values["v"] = _checksum(folder / filename)

    def allow_keeping(response: Response) -> Response:
        # A sprite is asked for again with every icon that a poll brings in; without this each costs a request.
        if request.endpoint == "static" and "v" in request.args and response.status_code in (200, 304):
            response.headers["Cache-Control"] = f"public, max-age={_YEAR}, immutable"
        return response

    app.url_defaults(add_checksum)
    app.after_request(allow_keeping)


@cache
def _checksum(path: Path) -> str | None:
    """A short digest of the file as it was when first asked for; None if there is no such file."""
    return blake2s(path.read_bytes(), digest_size=6).hexdigest() if path.is_file() else None
