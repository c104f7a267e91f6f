"""Links: where a task, a worker or a history page lives, for names that may hold any character.

Task ids are percent-encoded as one path segment, slashes included, so that neither browsers nor routers fold them.
The ids ``.`` and ``..`` cannot be written so (browsers resolve ``%2e%2e`` as well); they go into the query string.
"""

from __future__ import annotations

from hashlib import blake2s
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from flask import Flask, request, url_for
from werkzeug.routing import BaseConverter

#: Ids that a URL path cannot carry.
_DOT_SEGMENTS = frozenset({".", ".."})

#: Schemes that a page may turn into a link. Everything else (javascript:, data:, file:, ...) is shown as text.
_LINK_SCHEMES = frozenset({"http", "https", "ftp"})


class TaskIdConverter(BaseConverter):
    """The rest of the path, whatever it holds: leading, doubled and trailing slashes, line breaks, NUL."""

    part_isolating = False
    regex = "(?s:.+)"
    weight = 200

    def to_url(self, value: object) -> str:
        """Percent-encode everything that is not a letter, a digit or one of ``-._~``."""
        return quote(str(value), safe="")


def init_app(app: Flask) -> None:
    """Teach the app's router ``<taskid:...>`` and the templates our links. Call it before blueprints are registered."""
    app.url_map.merge_slashes = False
    app.url_map.converters["taskid"] = TaskIdConverter
    for link in (
        task_url,
        graph_url,
        worker_url,
        family_url,
        grid_url,
        history_url,
        external_url,
        element_id,
        this_url,
    ):
        app.add_template_global(link)


def task_url(task_id: str, **query: object) -> str:
    """The page of one task."""
    if task_id in _DOT_SEGMENTS:
        return url_for("tasks.index", task_id=task_id, **query)  # type: ignore[arg-type]
    return url_for("tasks.show", task_id=task_id, **query)  # type: ignore[arg-type]


def graph_url(task_id: str, suffix: str = "", **query: object) -> str:
    """The graph around a task: the page, or with a suffix (``.svg``, ``.png``, ``.dot``, ``.json``) the document."""
    if task_id + suffix in _DOT_SEGMENTS:
        return url_for("graph.index", task_id=task_id, **query)  # type: ignore[arg-type]
    return url_for("graph.show", task_id=task_id + suffix, **query)  # type: ignore[arg-type]


def worker_url(worker: str) -> str:
    """The page of a worker."""
    if not worker or worker in _DOT_SEGMENTS:
        return url_for("workers.index", worker=worker)
    return url_for("workers.show", worker=worker)


def family_url(family: str) -> str:
    """The task table, reduced to one family."""
    return url_for("tasks.index", family=family)


def grid_url(family: str, **query: object) -> str:
    """A family as a grid."""
    if not family or family in _DOT_SEGMENTS:
        return url_for("grid.index", family=family, **query)  # type: ignore[arg-type]
    return url_for("grid.show", family=family, **query)  # type: ignore[arg-type]


def history_url(task_id: str) -> str:
    """The past runs of a task."""
    if task_id in _DOT_SEGMENTS:
        return url_for("history.index", task_id=task_id)
    return url_for("history.by_task_id", task_id=task_id)


def element_id(prefix: str, name: str) -> str:
    """A stable HTML id for something whose name may hold any character."""
    return f"{prefix}-{blake2s(name.encode('utf-8', 'surrogatepass'), digest_size=8).hexdigest()}"


def external_url(url: str | None) -> str | None:
    """The URL if a page may link to it, else None. Workers send what they like: only known, harmless schemes pass."""
    if not url or any(ord(char) <= 0x20 for char in url):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme.lower() in _LINK_SCHEMES and parts.netloc else None


def this_url() -> str:
    """The page that is being shown, as a local path with its query: where a form leads back to."""
    if request.endpoint is None or request.method != "GET":
        return url_for("tasks.index")
    # Not as arguments of url_for: a field may be called "endpoint" or "_scheme".
    query = [(name, value) for name, value in request.args.items(multi=True) if name != "notice"]
    page = url_for(request.endpoint, **(request.view_args or {}))
    return f"{page}?{urlencode(query)}" if query else page


def local_url(target: str | None) -> str:
    """The target if it is a path of this application, else the dashboard: never a way to another site."""
    home = url_for("tasks.index")
    if not target or any(ord(char) <= 0x20 for char in target) or "\\" in target:
        return home
    try:
        parts = urlsplit(target)
    except ValueError:
        return home
    if parts.scheme or parts.netloc or target.startswith("//") or not target.startswith(f"{request.script_root}/"):
        return home
    return target


def with_query(url: str, **changes: str | None) -> str:
    """The URL with query parameters replaced; None takes one out."""
    parts = urlsplit(url)
    query = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in changes]
    query += [(name, value) for name, value in changes.items() if value is not None]
    return urlunsplit(parts._replace(query=urlencode(query)))
