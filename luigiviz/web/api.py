"""``/api/<method>``: Luigi's RPC over HTTP. Arguments are one JSON object, answers ``{"response": …}``."""

from __future__ import annotations

import json
import logging
import re
import time
from typing import Any
from urllib.parse import parse_qs

import orjson
from flask import Blueprint, Response, current_app, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from luigiviz.engine import EngineError, InvalidArgumentError, UnknownMethodError
from luigiviz.service import NotServingError
from luigiviz.web.current import get_service

logger = logging.getLogger(__name__)

bp = Blueprint("api", __name__)

#: The form field or query parameter that holds the arguments.
FIELD = "data"

_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class BadRequestError(Exception):
    """The request does not hold one JSON object."""

    code = "bad_request"


@bp.route("/api/<path:method>", methods=["GET", "POST"], provide_automatic_options=False)
def call(method: str) -> Response:
    """Carry out a call."""
    started = time.perf_counter()
    try:
        answer = get_service().call(method, _arguments())
    except UnknownMethodError as error:
        return _refuse(404, error.code, str(error))
    except (BadRequestError, InvalidArgumentError) as error:
        return _refuse(400, error.code, str(error))
    current_app.extensions["luigiviz"].metrics.observe_rpc(method, time.perf_counter() - started)
    return Response(b'{"response":' + dump(answer) + b"}", content_type="application/json; charset=UTF-8")


@bp.route("/api/<path:method>", methods=["OPTIONS"], provide_automatic_options=False)
def options(method: str) -> Response:
    """Answer a preflight request; CORS headers are added where they are due."""
    return Response(status=204, headers={"Allow": "GET, POST, OPTIONS"})


@bp.errorhandler(HTTPException)
def refuse_http(error: HTTPException) -> Response:
    """Answer what Flask refuses (a body that is too large, a wrong HTTP method) in our form."""
    if isinstance(error, RequestEntityTooLarge):
        limit = current_app.config["MAX_CONTENT_LENGTH"]
        return _refuse(413, "too_large", f"the request is larger than {limit} bytes")
    return _refuse(error.code or 500, error.name.lower().replace(" ", "_"), error.description or error.name)


@bp.errorhandler(EngineError)
def refuse_engine(error: EngineError) -> Response:
    """Answer what the engine refuses."""
    return _refuse(400, error.code, str(error))


def refuse_not_serving(error: NotServingError) -> Response:
    """Answer that the scheduler cannot be asked now; Luigi's workers try again by themselves."""
    response = _refuse(503, error.code, str(error))
    response.headers["Retry-After"] = str(error.retry_after)
    return response


def _refuse(status: int, code: str, message: str) -> Response:
    logger.info("Refused %s %s with %d: %s", request.method, request.path, status, message)
    body = dump({"error": {"code": code, "message": message}})
    return Response(body, status=status, content_type="application/json; charset=UTF-8")


def _arguments() -> dict[str, Any]:
    """Return the request's arguments; without any: none.

    Raises BadRequestError: not UTF-8, not JSON, or not an object.
    """
    text = _field()
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
    return arguments


def _refuse_lone_surrogates(arguments: dict[str, Any]) -> None:
    """Refuse half a character, which no link, database or page could hold; whole pairs have become one character."""
    try:
        json.dumps(arguments, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        raise BadRequestError(f"{FIELD} is not Unicode: it has a surrogate without its partner") from error


def _field() -> str | None:
    """Return the arguments as text; a form's field wins over the query's."""
    try:
        if request.method == "POST":
            if request.mimetype == "multipart/form-data":
                in_form = request.form.getlist(FIELD)
            else:
                in_form = _parse(request.get_data(cache=False)).get(FIELD, [])
            if in_form:
                return in_form[-1]
        in_query = _parse(request.query_string).get(FIELD)
    except UnicodeDecodeError as error:
        raise BadRequestError(f"the request is not UTF-8: {error.reason} at byte {error.start}") from error
    except ValueError as error:
        raise BadRequestError(f"the request is not a form: {error}") from error
    return in_query[-1] if in_query else None


def _parse(encoded: bytes) -> dict[str, list[str]]:
    return parse_qs(encoded.decode("utf-8"), keep_blank_values=True, encoding="utf-8", errors="strict")


def dump(value: Any) -> bytes:
    """Return a value as JSON.

    orjson is several times faster, but refuses whole numbers beyond 64 bits.
    """
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value).encode("ascii")
