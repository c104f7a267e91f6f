"""From a graph of tasks to a document: SVG, PNG, DOT or JSON."""

from __future__ import annotations

import json
import math
import threading
from collections import OrderedDict

from luigiviz.engine.views import GraphView
from luigiviz.graphs import svg
from luigiviz.graphs.cache import LayoutCache
from luigiviz.graphs.dot import dot_source
from luigiviz.graphs.drawing import NodeLink, drawing_of
from luigiviz.graphs.layout import Layout, Shape, read_layout
from luigiviz.graphs.process import DotRunner

# A PNG of more pixels than this would take gigabytes while it is drawn.
_MAX_PIXELS = 24e6
_DPI = 120.0
_POINTS_PER_INCH = 72.0
_MAX_PNG_BYTES = 32 * 1024 * 1024


class GraphRenderer:
    """Draws graphs; safe to share between threads. All methods but ``dot`` and ``json`` may raise GraphError."""

    def __init__(self, runner: DotRunner | None = None, *, max_weight: int = 60_000) -> None:
        """Use a runner of ``dot``, and keep layouts of so many nodes and edges together."""
        self._runner = runner or DotRunner()
        self._layouts = LayoutCache(self._lay_out, max_weight=max_weight)
        self._lock = threading.Lock()
        self._pngs: OrderedDict[str, bytes] = OrderedDict()
        self._png_bytes = 0

    def inline_svg(self, view: GraphView, link: NodeLink) -> str:
        """Return an ``svg`` element to put into a page that has ``graph.css``."""
        drawing = drawing_of(view)
        return svg.inline_svg(drawing, self._layouts.get(drawing.shape), link)

    def svg(self, view: GraphView, link: NodeLink, style: str) -> bytes:
        """Return an SVG document that carries this stylesheet and a legend."""
        drawing = drawing_of(view)
        return svg.standalone_svg(drawing, self._layouts.get(drawing.shape), link, style)

    def png(self, view: GraphView) -> bytes:
        """Return a PNG picture, at a resolution that keeps it within bounds."""
        drawing = drawing_of(view)
        source = dot_source(drawing, dpi=_resolution(self._layouts.get(drawing.shape)))
        with self._lock:
            if source in self._pngs:
                self._pngs.move_to_end(source)
                return self._pngs[source]
        picture = self._runner.run(source, "png")
        with self._lock:
            self._png_bytes += len(picture) - len(self._pngs.pop(source, b""))
            self._pngs[source] = picture
            while self._png_bytes > _MAX_PNG_BYTES and self._pngs:
                self._png_bytes -= len(self._pngs.popitem(last=False)[1])
        return picture

    def dot(self, view: GraphView) -> str:
        """Return coloured DOT source."""
        return dot_source(drawing_of(view))

    def json(self, view: GraphView, link: NodeLink) -> str:
        """Return nodes and edges as JSON text, with ids exactly as the scheduler has them."""
        document = {
            "root": view.root,
            "truncated": view.truncated,
            "nodes": [
                {
                    "task_id": node.task_id,
                    "display_name": node.display_name,
                    "family": node.family,
                    "params": dict(node.params),
                    "status": node.status,
                    "priority": node.priority,
                    "duration": node.duration,
                    "progress_percentage": node.progress_percentage,
                    "known": node.known,
                    "url": link(node),
                }
                for node in view.nodes
            ],
            "edges": [{"task": task, "dependency": dependency} for task, dependency in view.edges],
        }
        return json.dumps(document)

    def _lay_out(self, shape: Shape) -> Layout:
        return read_layout(shape, self._runner.run(shape.source(), "json0"))


def _resolution(layout: Layout) -> float:
    """Return dots per inch for a picture that is sharp, but not too large to be drawn."""
    area = (layout.width + 72) * (layout.height + 72) / _POINTS_PER_INCH**2
    side = max(layout.width, layout.height) / _POINTS_PER_INCH + 1
    return min(_DPI, math.sqrt(_MAX_PIXELS / area), 30_000 / side)
