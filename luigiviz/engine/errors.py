"""The errors of the engine: few, and each says what was wrong and what would be right."""

from __future__ import annotations


class EngineError(Exception):
    """Base of every error that the engine raises on purpose; nothing has been changed."""

    #: A stable, machine-readable name for the API's error object.
    code = "engine_error"


class UnknownMethodError(EngineError):
    """No RPC method has this name."""

    code = "unknown_method"


class InvalidArgumentError(EngineError):
    """An argument of an RPC method is missing or has the wrong type."""

    code = "invalid_argument"
