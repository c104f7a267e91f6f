"""A call as bytes in and bytes out: what ``/api/`` answers, whichever way the request came in."""

from __future__ import annotations

import json
import logging
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import orjson

from luigiviz.engine import EngineError, UnknownMethodError
from luigiviz.service import NotServingError

if TYPE_CHECKING:
    from luigiviz.metrics import Metrics
    from luigiviz.service import Service

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/json; charset=UTF-8"
#: The form field or query parameter that holds the arguments.
FIELD = "data"

#: Values that are nested deeper than this could not be written down, or read again: JSON libraries have limits.
_MOST_NESTED = 500
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class BadRequestError(Exception):
    """The request does not hold one JSON object."""

    code = "bad_request"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: an HTTP status, JSON, and when to try again."""

    status: int
    body: bytes
    retry_after: int | None = None


def answer(service: Service, metrics: Metrics, method: str, body: bytes, query: bytes) -> Reply:
    """Carry out a call whose arguments are in a urlencoded form or, failing that, in the query."""
    try:
        text = _field(body, query)
    except BadRequestError as error:
        return refusal(400, error.code, str(error))
    return answer_text(service, metrics, method, text)


def answer_text(service: Service, metrics: Metrics, method: str, text: str | None) -> Reply:
    """Carry out a call whose arguments are JSON in a text; None: there are none."""
    started = time.perf_counter()
    try:
        result = service.call(method, _arguments(text))
    except UnknownMethodError as error:
        return refusal(404, error.code, str(error))
    except (BadRequestError, EngineError) as error:
        return refusal(400, error.code, str(error))
    except NotServingError as error:
        return refusal(503, error.code, str(error), error.retry_after)
    metrics.observe_rpc(method, time.perf_counter() - started)
    return Reply(200, b'{"response":' + dump(result) + b"}")


def refusal(status: int, code: str, message: str, retry_after: int | None = None) -> Reply:
    """Refuse a request, in the one form that all errors of the API have."""
    return Reply(status, dump({"error": {"code": code, "message": message}}), retry_after)


def dump(value: Any) -> bytes:
    """Return a value as JSON.

    orjson is several times faster, but refuses whole numbers beyond 64 bits.
    """
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value).encode("ascii")


def _field(body: bytes, query: bytes) -> str | None:
    """Return the arguments as text; a form's field wins over the query's."""
    try:
        values = _parse(body).get(FIELD) or _parse(query).get(FIELD)
    except UnicodeDecodeError as error:
        raise BadRequestError(f"the request is not UTF-8: {error.reason} at byte {error.start}") from error
    except ValueError as error:
        raise BadRequestError(f"the request is not a form: {error}") from error
    return values[-1] if values else None


def _parse(encoded: bytes) -> dict[str, list[str]]:
    if not encoded:
        return {}
    return parse_qs(encoded.decode("utf-8"), keep_blank_values=True, encoding="utf-8", errors="strict")


def _arguments(text: str | None) -> dict[str, Any]:
    """Return a call's arguments; without any: none.

    Raises BadRequestError: not JSON, not an object, or nested too deeply.
    """
    if text is None:
        return {}
    try:
        arguments = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadRequestError(f"{FIELD} is not JSON: {error}") from error
    if not isinstance(arguments, dict):
        raise BadRequestError(f"{FIELD} must be a JSON object, not {type(arguments).__name__}")
    if _ESCAPED_SURROGATE.search(text):
        _refuse_lone_surrogates(arguments)
    if text.count("[") + text.count("{") > _MOST_NESTED:
        _refuse_deep_nesting(arguments)
    return arguments


def _refuse_deep_nesting(arguments: dict[str, Any]) -> None:
    level: list[Any] = [arguments]
    for _ in range(_MOST_NESTED):
        inner = (value.values() if isinstance(value, dict) else value for value in level)
        level = [item for items in inner for item in items if isinstance(item, dict | list)]
        if not level:
            return
    raise BadRequestError(f"{FIELD} is nested deeper than {_MOST_NESTED} times")


def _refuse_lone_surrogates(arguments: dict[str, Any]) -> None:
    """Refuse half a character, which no link, database or page could hold; whole pairs have become one character."""
    try:
        json.dumps(arguments, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        raise BadRequestError(f"{FIELD} is not Unicode: it has a surrogate without its partner") from error
