"""The link to a task's log, made from ``[luigiviz] log_url``."""

from __future__ import annotations

from string import Formatter
from urllib.parse import quote

from flask import Flask

from luigiviz.config.values import PARAM_FIELD
from luigiviz.engine.views import TaskRow
from luigiviz.web.current import get_service, get_settings
from luigiviz.web.filters import worker_host
from luigiviz.web.urls import external_url


def init_app(app: Flask) -> None:
    """Give templates ``log_url(row)``."""
    app.add_template_global(log_url)


def log_url(row: TaskRow) -> str | None:
    """Where a task's log is; None without the setting, or where something that the address names is not known."""
    template = get_settings().log_url
    if template is None:
        return None
    pieces = []
    for literal, field, _, _ in Formatter().parse(template):
        pieces.append(literal)
        if field is not None:
            value = _value(row, field)
            if value is None:
                return None
            pieces.append(quote(value, safe=""))
    return external_url("".join(pieces))


def _value(row: TaskRow, field: str) -> str | None:
    if field.startswith(PARAM_FIELD):
        value = row.params.get(field.removeprefix(PARAM_FIELD))
        return None if value is None else str(value)
    if field == "host":
        return None if row.worker_running is None else worker_host(row.worker_running) or _told_host(row.worker_running)
    return {"task_id": row.task_id, "family": row.family, "worker": row.worker_running}[field]


def _told_host(worker: str) -> str | None:
    """The host that a worker with an id of another kind told."""
    known = get_service().read(lambda state, _now: lambda: state.workers.get(worker))
    if known is None:
        return None
    host = known.info.get("host", known.host)
    return None if host is None else str(host)
