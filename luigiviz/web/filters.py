"""How times, durations and numbers are written on pages."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from math import isfinite

from flask import Flask, g, has_app_context, has_request_context
from markupsafe import Markup, escape

from luigiviz.web.current import get_settings
from luigiviz.web.rerun import error_line, short_error

_MINUTE, _HOUR, _DAY = 60, 3600, 86400

#: Luigi's own worker ids: ``Worker(salt=123, workers=1, host=h, username=u, pid=42)``.
_LUIGI_WORKER = re.compile(r"Worker\(.*\bhost=([^,()]+).*\bpid=(\d+)", re.DOTALL)

#: Where a name may be broken into lines: after a dot or an underscore, and before a capital after a small letter.
_SEAM = re.compile(r"(?<=[._])(?=[^._])|(?<=[a-z0-9])(?=[A-Z])")


def init_app(app: Flask) -> None:
    """Register the filters with the app's templates."""
    for writer in (
        timestamp,
        clock,
        utc,
        iso,
        ago,
        duration,
        number,
        whole,
        short_worker,
        breakable,
        error_line,
        short_error,
    ):
        app.add_template_filter(writer)
    app.add_template_global(zone_name)
    app.add_template_global(_now, "now")


def _local(seconds: float) -> datetime:
    """A moment in the zone that the settings name, or else in the machine's, which the environment variable TZ sets."""
    zone = get_settings().time_zone if has_app_context() else None
    return datetime.fromtimestamp(seconds).astimezone() if zone is None else datetime.fromtimestamp(seconds, zone)


def zone_name(seconds: float | None = None) -> str:
    """The zone of the pages' times, as in ``CET (UTC+01:00)``."""
    moment = _local(time.time() if seconds is None else seconds)
    offset = moment.strftime("%z")
    name = moment.tzname() or ""
    return name if name == "UTC" else f"{name} (UTC{offset[:3]}:{offset[3:]})"


def timestamp(seconds: float | None) -> str:
    """``2026-11-24 03:15:02 CET``: a moment (seconds since the epoch) in the pages' zone."""
    return "" if seconds is None else _local(seconds).strftime("%Y-%m-%d %H:%M:%S %Z")


def clock(seconds: float | None) -> str:
    """``03:15:02 CET`` if that was today, else the whole timestamp."""
    if seconds is None:
        return ""
    moment = _local(seconds)
    return moment.strftime("%H:%M:%S %Z") if moment.date() == _local(_now()).date() else timestamp(seconds)


def _now() -> float:
    """The scheduler's clock as the request read it, or else the machine's."""
    now = g.get("luigiviz_now") if has_request_context() else None
    return time.time() if now is None else now


def utc(seconds: float | None) -> str:
    """``2026-11-24 02:15:02 UTC``."""
    return "" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def iso(seconds: float | None) -> str:
    """``2026-11-24T02:15:02Z``, for machines."""
    return "" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def ago(seconds: float | None, now: float | None = None) -> str:
    """``3 min ago`` or ``in 3 min``, counted from the scheduler's clock."""
    if seconds is None:
        return ""
    distance = (_now() if now is None else now) - seconds
    if abs(distance) < 1:
        return "just now"
    words = _rough(abs(distance))
    return f"{words} ago" if distance > 0 else f"in {words}"


def _rough(seconds: float) -> str:
    """One unit is enough to know whether it is long ago."""
    if seconds < _MINUTE:
        return f"{int(seconds)} s"
    if seconds < _HOUR:
        return f"{int(seconds // _MINUTE)} min"
    if seconds < 2 * _DAY:
        return f"{int(seconds // _HOUR)} h"
    return f"{int(seconds // _DAY)} days"


def duration(seconds: float | None) -> str:
    """``1 h 02 min``: two units, the second one with two digits; empty for None."""
    if seconds is None:
        return ""
    if seconds < 1:
        return "< 1 s"
    whole = int(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02d} s"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02d} min"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR:02d} h"


def number(value: float | None) -> str:
    """``1,234,567`` for whole numbers, up to four digits behind the point for others, ``∞`` for what has no end."""
    if value is None:
        return ""
    if not isfinite(value):
        return "∞" if value > 0 else "-∞" if value < 0 else "?"
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:,.4f}".rstrip("0").rstrip(".")


def whole(value: float) -> int:
    """A number without its fraction; 0 for what is none."""
    return int(value) if isfinite(value) else 0


def short_worker(name: str) -> str:
    """``etl-07:4123``, host and pid of a worker with one of Luigi's own long ids; other names as they are."""
    match = _LUIGI_WORKER.match(name)
    if match is None:
        return name
    host = match[1].strip()
    is_address = host.replace(".", "").isdecimal()
    return f"{host if is_address else host.partition('.')[0]}:{match[2]}"


def worker_host(name: str) -> str | None:
    """The host in one of Luigi's own worker ids; None in other names."""
    match = _LUIGI_WORKER.match(name)
    return match[1].strip() if match else None


def breakable(name: str) -> Markup:
    """A name that lines break between its words, rather than anywhere."""
    return Markup("<wbr>").join(escape(part) for part in _SEAM.split(name))
