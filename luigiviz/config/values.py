"""How the text of a setting becomes a value.

Each parser takes what a file has (text from luigi.cfg and the environment; text, numbers, booleans and lists from
luigi.toml), gives the typed value, and raises ValueError that says what would be right.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from string import Formatter
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

Parser = Callable[[object], object]


def boolean(raw: object) -> bool:
    """``true`` or ``false`` in any case, which are Luigi's spellings."""
    spelled = str(raw).strip().lower()
    if spelled not in ("true", "false"):
        raise ValueError("expected true or false")
    return spelled == "true"


def integer(raw: object) -> int:
    """A whole number."""
    if isinstance(raw, bool) or not isinstance(raw, (int, float, str)):
        raise ValueError("expected a whole number")
    try:
        value = int(raw)
    except (ValueError, OverflowError):
        raise ValueError("expected a whole number") from None
    if isinstance(raw, float) and value != raw:
        raise ValueError("expected a whole number")
    return value


def number(raw: object) -> float:
    """A number; seconds may have a fraction."""
    if isinstance(raw, bool) or not isinstance(raw, (int, float, str)):
        raise ValueError("expected a number")
    try:
        value = float(raw)
    except ValueError:
        raise ValueError("expected a number") from None
    if math.isnan(value):
        raise ValueError("expected a number")
    return value


def amount(raw: object) -> float:
    """How much there is of a resource: zero or more, an int where it is whole."""
    value = number(raw)
    if value < 0 or math.isinf(value):
        raise ValueError("expected a number that is zero or more")
    return int(value) if value.is_integer() else value


def text(raw: object) -> str:
    """Any text."""
    if not isinstance(raw, (str, int, float)):
        raise ValueError("expected text")
    return str(raw)


def optional_text(raw: object) -> str | None:
    """Text; empty stands for nothing, as in Luigi."""
    return text(raw) or None


def optional_path(raw: object) -> Path | None:
    """A path, ``~`` being the home directory; empty stands for nothing."""
    return path(raw) if text(raw) else None


def path(raw: object) -> Path:
    """A path that is not empty, ``~`` being the home directory."""
    written = text(raw)
    if not written.strip():
        raise ValueError("expected a path")
    return Path(written).expanduser().absolute()


def database_url(raw: object) -> str | None:
    """The SQLAlchemy URL of a database; empty stands for nothing."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    url = optional_text(raw)
    if url is None:
        return None
    try:
        make_url(url)
    except ArgumentError:
        raise ValueError("expected the URL of a database, such as sqlite:////srv/luigi/history.db") from None
    return url


#: The value of ``database_url`` that keeps the state in memory only.
MEMORY = "memory"


def state_url(raw: object) -> str | None:
    """The SQLAlchemy URL of a database, or ``memory``; empty stands for the default."""
    from sqlalchemy import make_url

    if str(raw).strip().lower() == MEMORY:
        return MEMORY
    url = database_url(raw)
    if (
        url is not None
        and make_url(url).get_backend_name() == "sqlite"
        and make_url(url).database in (None, "", ":memory:")
    ):
        return MEMORY
    return url


def strings(raw: object) -> tuple[str, ...]:
    """A list of texts: written as JSON in luigi.cfg, as a list in luigi.toml."""
    value = raw
    if isinstance(raw, str):
        try:
            value = json.loads(raw)
        except ValueError:
            value = None
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
        raise ValueError('expected a JSON list of strings, such as ["a", "b"]')
    return tuple(value)


def origins(raw: object) -> tuple[str, ...]:
    """A list of origins without ``*`` and ``null``, which Luigi ignores here."""
    return tuple(origin for origin in strings(raw) if origin not in ("*", "null"))


def time_zone(raw: object) -> ZoneInfo | None:
    """A time zone by its name in the IANA database; empty stands for the machine's own."""
    name = optional_text(raw)
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError("expected the name of a time zone, such as Europe/Berlin or UTC") from None


#: What a link to logs can name; ``params.<name>`` is a parameter of the task.
LOG_FIELDS = ("task_id", "family", "host", "worker")
PARAM_FIELD = "params."


def log_template(raw: object) -> str | None:
    """The address of a task's log with fields in braces; empty stands for nothing."""
    template = optional_text(raw)
    if template is None:
        return None
    known = f"{', '.join(f'{{{field}}}' for field in LOG_FIELDS)} and {{{PARAM_FIELD}<name>}}"
    try:
        fields = [
            (name, spec, conversion) for _, name, spec, conversion in Formatter().parse(template) if name is not None
        ]
    except ValueError:
        raise ValueError(f"expected a URL with fields in braces: {known}") from None
    for name, spec, conversion in fields:
        if spec or conversion or not (name in LOG_FIELDS or (name.startswith(PARAM_FIELD) and name != PARAM_FIELD)):
            raise ValueError(f"there is no field {{{name}}}; there are {known}")
    parts = urlsplit(template)
    if parts.scheme not in ("http", "https") or not parts.netloc or "{" in parts.netloc:
        raise ValueError("expected a URL that starts with http:// or https:// and a host without fields")
    return template


def between(parser: Callable[[object], float], least: float, most: float = math.inf) -> Parser:
    """Make a parser of numbers from ``least`` to ``most``."""
    wanted = f"a number from {least:g} to {most:g}" if most < math.inf else f"a number of at least {least:g}"

    def parse(raw: object) -> object:
        value = parser(raw)
        if not least <= value <= most or math.isinf(value):
            raise ValueError(f"expected {wanted}")
        return value

    return parse


def choice(names: Sequence[str], *, upper: bool = False) -> Parser:
    """Make a parser of one of ``names``; with ``upper``, spelled in any case."""

    def parse(raw: object) -> object:
        name = str(raw).upper() if upper else str(raw)
        if name not in names:
            raise ValueError(f"expected one of {', '.join(names)}")
        return name

    return parse


def metrics_collector(raw: object) -> str:
    """A name of Luigi's metrics collectors; ``default`` is Luigi's other name of ``none``."""
    name = str(choice(("none", "default", "prometheus", "datadog", "custom"))(raw))
    return "none" if name == "default" else name
