"""The history pages' filter, as a URL: period, dates, status and page to and from the query string."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from urllib.parse import urlencode

from flask import abort, request

from luigiviz.store.events import EVENT_STATUSES
from luigiviz.store.runs import RunFilter

#: The periods that one can pick, in seconds; None: all of history.
PERIODS: dict[str, float | None] = {
    "1h": 3600.0,
    "24h": 86_400.0,
    "7d": 7 * 86_400.0,
    "30d": 30 * 86_400.0,
    "all": None,
}
PERIOD_WORDS = {"1h": "Hour", "24h": "24 hours", "7d": "7 days", "30d": "30 days", "all": "All"}
PAGE_SIZES = (25, 50, 100, 250, 500)
DEFAULT_SIZE = 50
_LARGEST_PAGE = 1_000_000_000


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """What part of the history a page shows."""

    #: A key of ``PERIODS``, counted back from now; "" if dates are given instead.
    period: str
    #: First and last day, inclusive, in the server's zone.
    first: date | None
    last: date | None
    #: The last event's name; "": any.
    status: str
    #: From 1.
    page: int
    size: int
    #: What ``period`` is if the URL does not say.
    default_period: str

    @property
    def offset(self) -> int:
        """How many runs come before the page."""
        return (self.page - 1) * self.size

    @property
    def is_narrow(self) -> bool:
        """Whether runs may be hidden by the filter."""
        return self.period != "all" or bool(self.status)

    def narrow(self, base: RunFilter, now: float) -> RunFilter:
        """Add this filter to another one; ``now`` is in seconds since the epoch."""
        seconds = PERIODS.get(self.period)
        since = now - seconds if seconds is not None else None
        if self.first is not None:
            since = _midnight(self.first)
        until = _midnight(self.last + timedelta(days=1)) if self.last is not None else None
        return replace(base, since=since, until=until, status=self.status or None)

    def arguments(self, **changes: object) -> dict[str, str]:
        """Give the query string's fields that differ from what they are if left out."""
        query = replace(self, **changes)  # type: ignore[arg-type]
        fields = {
            "period": query.period if query.period not in ("", query.default_period) else "",
            "from": query.first.isoformat() if query.first else "",
            "until": query.last.isoformat() if query.last else "",
            "status": query.status,
            "size": str(query.size) if query.size != DEFAULT_SIZE else "",
            "page": str(query.page) if query.page != 1 else "",
        }
        return {name: value for name, value in fields.items() if value}

    def url(self, path: str, kept: Mapping[str, str], **changes: object) -> str:
        """Give the address of ``path`` with this filter, changed, and the fields ``kept``."""
        fields = {**kept, **self.arguments(**changes)}
        return f"{path}?{urlencode(fields)}" if fields else path


def read_query(default_period: str) -> HistoryQuery:
    """Read the request's filter; 400 says which part makes no sense."""
    args = request.args
    first, last = _day("from"), _day("until")
    period = args.get("period") or ("" if first or last else default_period)
    if period and period not in PERIODS:
        abort(400, f"The period is one of {', '.join(PERIODS)}, not {period[:40]!r}.")
    if first or last:
        period = ""
    if first and last and last < first:
        abort(400, f"{last} comes before {first}.")
    status = args.get("status", "")
    if status and status not in EVENT_STATUSES:
        abort(400, f"History knows the statuses {', '.join(EVENT_STATUSES)}, not {status[:40]!r}.")
    size = _number("size", DEFAULT_SIZE)
    if size not in PAGE_SIZES:
        abort(400, f"A page can have {', '.join(map(str, PAGE_SIZES))} runs, not {size}.")
    return HistoryQuery(period, first, last, status, _number("page", 1), size, default_period)


def _number(name: str, default: int) -> int:
    text = request.args.get(name) or str(default)
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text[:12]) <= _LARGEST_PAGE:
        abort(400, f"{text[:40]!r} makes no sense as a {name}.")
    return int(text[:12])


def _day(name: str) -> date | None:
    text = request.args.get(name)
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        abort(400, f"{text[:40]!r} is no date; dates look like 2026-11-24.")
    if not 1970 < day.year < 9999:
        abort(400, f"There is no history of {day}.")
    return day


def _midnight(day: date) -> float:
    return datetime(day.year, day.month, day.day).timestamp()
