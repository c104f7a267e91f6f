"""A dependency graph on its way to a document: nodes in a stable order, with labels and numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from luigiviz.engine.statuses import TRUNCATED
from luigiviz.engine.views import GraphNode, GraphView
from luigiviz.graphs.labels import Label, label_of
from luigiviz.graphs.layout import Shape

#: Builds the address that a node leads to; None for no link.
NodeLink = Callable[[GraphNode], str | None]


@dataclass(frozen=True, slots=True)
class Drawing:
    """Nodes with their labels, and edges by number, from what runs first to what runs after it."""

    view: GraphView
    nodes: tuple[GraphNode, ...]
    labels: tuple[Label, ...]
    edges: tuple[tuple[int, int], ...]

    @property
    def shape(self) -> Shape:
        """What the layout depends on."""
        return Shape(tuple((label.width, label.height) for label in self.labels), self.edges)


def drawing_of(view: GraphView) -> Drawing:
    """Sort the graph, so that the same tasks are always laid out the same way."""
    nodes = tuple(sorted(view.nodes, key=lambda node: (node.family, node.display_name, node.task_id)))
    numbers = {node.task_id: number for number, node in enumerate(nodes)}
    edges = sorted(
        {
            (numbers[dependency], numbers[task])
            for task, dependency in view.edges
            if task in numbers and dependency in numbers
        }
    )
    return Drawing(view, nodes, tuple(map(label_of, nodes)), tuple(edges))


def element_id(task_id: str) -> str:
    """Return an identifier for the node's element that is the same in every rendering."""
    return "node-" + hashlib.sha256(task_id.encode(errors="surrogatepass")).hexdigest()[:16]


def extent(view: GraphView) -> str:
    """Say in a sentence how much of the graph is shown."""
    cut = sum(node.status == TRUNCATED for node in view.nodes)
    whole = _tasks(len(view.nodes) - cut)
    if not view.truncated:
        return f"{whole} shown."
    return f"{whole} shown, and {_tasks(cut)} cut off by the limit: what lies beyond is left out."


def _tasks(number: int) -> str:
    return "1 task" if number == 1 else f"{number} tasks"
