"""Dependency graphs: from a view of tasks to SVG, PNG, DOT and JSON, laid out by Graphviz."""

from __future__ import annotations

from luigiviz.graphs.errors import (
    GraphBusyError,
    GraphError,
    GraphTimeoutError,
    GraphvizFailedError,
    GraphvizMissingError,
)
from luigiviz.graphs.process import DotRunner
from luigiviz.graphs.renderer import GraphRenderer

__all__ = [
    "DotRunner",
    "GraphBusyError",
    "GraphError",
    "GraphRenderer",
    "GraphTimeoutError",
    "GraphvizFailedError",
    "GraphvizMissingError",
]
