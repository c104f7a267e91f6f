"""``/api/<method>``: Luigi's RPC over HTTP. Arguments are one JSON object, answers ``{"response": …}``.

Workers' own calls take a shorter way (``fastpath``), to the same answers.
"""

from __future__ import annotations

import logging

from flask import Blueprint, Response, current_app, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge

from luigiviz.engine import EngineError
from luigiviz.service import NotServingError
from luigiviz.web import rpc
from luigiviz.web.current import get_service

logger = logging.getLogger(__name__)

bp = Blueprint("api", __name__)


@bp.route("/api/<path:method>", methods=["GET", "POST"], provide_automatic_options=False)
def call(method: str) -> Response:
    """Carry out a call."""
    if request.method == "HEAD":  # Flask's companion of GET; a question about a page must not pause the scheduler
        raise MethodNotAllowed(valid_methods=["GET", "OPTIONS", "POST"])
    service, metrics = get_service(), current_app.extensions["luigiviz"].metrics
    if request.method == "POST" and request.mimetype == "multipart/form-data" and rpc.FIELD in request.form:
        return _respond(rpc.answer_text(service, metrics, method, request.form.getlist(rpc.FIELD)[-1]))
    is_form = request.method == "POST" and request.mimetype != "multipart/form-data"
    body = request.get_data(cache=False) if is_form else b""
    return _respond(rpc.answer(service, metrics, method, body, request.query_string))


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


@bp.errorhandler(NotServingError)
def refuse_not_serving(error: NotServingError) -> Response:
    """Answer that the scheduler cannot be asked now; Luigi's workers try again by themselves."""
    return _respond(rpc.refusal(503, error.code, str(error), error.retry_after))


def _refuse(status: int, code: str, message: str) -> Response:
    return _respond(rpc.refusal(status, code, message))


def _respond(reply: rpc.Reply) -> Response:
    response = Response(reply.body, status=reply.status, content_type=rpc.CONTENT_TYPE)
    if reply.retry_after is not None:
        response.headers["Retry-After"] = str(reply.retry_after)
    if reply.status >= 400:
        logger.info("Refused %s %s with %d: %s", request.method, request.path, reply.status, reply.body.decode())
    return response
