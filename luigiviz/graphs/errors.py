"""What goes wrong when a graph is drawn, in words for the person who looks at it."""

from __future__ import annotations


class GraphError(Exception):
    """A graph that cannot be drawn: what happened, and what one can do about it."""

    def __init__(self, message: str, advice: str) -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice


class GraphvizMissingError(GraphError):
    """There is no ``dot`` to run."""


class GraphTimeoutError(GraphError):
    """``dot`` took longer than it may."""


class GraphBusyError(GraphError):
    """Too many graphs are being drawn already."""


class GraphvizFailedError(GraphError):
    """``dot`` crashed, or answered what makes no sense."""
