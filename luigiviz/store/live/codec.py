"""Documents as text for a database, exactly: numbers of any size, infinities, NUL characters."""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

from luigiviz.store.text import clean

#: What only the standard library's JSON reads, and exactly: infinities, and whole numbers beyond 64 bits.
_BEYOND_JSON = re.compile(r"Infinity|NaN|\d{19}")
#: It also reads what is nested deeper than this, where Python's own limit lets such a thing in.
_MOST_NESTED = 1_000
#: Begins a document that holds such a thing, or a text that is written as JSON.
_EXACT = " "
_EXACT_BYTES = b" "
_AS_JSON = "\x01"

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def write_document(document: Any) -> str:
    """Write a document as JSON; texts in it may hold any character."""
    text = _encode(document)
    may_be_deep = text.count("[") + text.count("{") > _MOST_NESTED
    return _EXACT + text if may_be_deep or _BEYOND_JSON.search(text) else text


def read_document(text: str | bytes) -> Any:
    """Read what ``write_document`` wrote, as it is or in UTF-8.

    Raises ValueError: that is no JSON.
    """
    return json.loads(text) if text[:1] in (_EXACT, _EXACT_BYTES) else orjson.loads(text)


def write_text(text: str) -> str:
    """Write a text so that every database takes it; PostgreSQL refuses NUL."""
    return _AS_JSON + _encode(text) if "\x00" in text or text.startswith(_AS_JSON) else text


def read_text(text: str) -> str:
    """Read what ``write_text`` wrote."""
    return str(json.loads(text[1:])) if text.startswith(_AS_JSON) else text


def for_column(text: str) -> str:
    """Give a text for a column that only people read: what cannot be stored is replaced."""
    return clean(text)


def number_for_column(number: float) -> float:
    """Give a number for a column that only people read; MySQL has no infinities, SQLite no long whole numbers."""
    return float(max(-1e308, min(1e308, number)))
