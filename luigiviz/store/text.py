"""Text that every database takes: no NUL, no lone surrogates, no longer than its column."""

from __future__ import annotations

import hashlib
import json
import re

#: PostgreSQL refuses NUL; no database encodes half a surrogate pair (JSON can carry one).
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_DIGEST_LENGTH = 16

#: The lengths of Luigi's columns, in characters.
TASK_ID_LENGTH = 200
NAME_LENGTH = 128
HOST_LENGTH = 128
#: MySQL's TEXT, in bytes.
VALUE_BYTES = 65_535


def as_text(value: object) -> str:
    """Give a parameter's value as text: lists and objects in JSON, as Luigi's own parameters do, others by ``str``."""
    if isinstance(value, str):
        return value
    if isinstance(value, (list, dict)):
        return json.dumps(value)
    return str(value)


def clean(text: str) -> str:
    """Put U+FFFD where a character cannot be stored."""
    return _UNSTORABLE.sub(_REPLACEMENT, text)


def fit(text: str, length: int) -> str:
    """Clean ``text`` and cut it to ``length`` characters; the end of a cut text is a digest of the whole.

    So two long texts with the same beginning stay different, and the same text is always cut in the same way.
    """
    text = clean(text)
    if len(text) <= length:
        return text
    return text[: length - _DIGEST_LENGTH - 1] + "~" + _digest(text)


def fit_value(value: object) -> str:
    """Make a parameter's value storable, as ``fit`` does; the limit is in bytes."""
    text = clean(as_text(value))
    # Four bytes are the most that a character takes: nearly all texts are done here.
    if len(text) * 4 <= VALUE_BYTES:
        return text
    encoded = text.encode()
    if len(encoded) <= VALUE_BYTES:
        return text
    return encoded[: VALUE_BYTES - _DIGEST_LENGTH - 1].decode(errors="ignore") + "~" + _digest(text)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_LENGTH]
