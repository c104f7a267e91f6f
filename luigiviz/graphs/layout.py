"""Where nodes and edges go: computed by ``dot`` from sizes and connections alone."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

from luigiviz.graphs.errors import GraphvizFailedError

#: A point in points, y pointing down.
Point = tuple[float, float]

# Beyond this many nodes, fewer rounds of the simplex methods and straight lines keep dot fast.
_LARGE = 400
_POINTS_PER_INCH = 72.0
#: Every edge leaves at the right and arrives at the left, so that the order of work can be read off.
EDGE_ATTRIBUTES = "tailport=e headport=w"


@dataclass(frozen=True, slots=True)
class Shape:
    """A graph without names: the sizes of its nodes, and edges between their numbers, left to right."""

    sizes: tuple[tuple[float, float], ...]
    edges: tuple[tuple[int, int], ...]

    def source(self) -> str:
        """Return the graph in the DOT language; nothing in it comes from a user."""
        lines = ["digraph {", f"graph [{graph_attributes(len(self.sizes))}];"]
        lines += ['node [shape=box fixedsize=true label=""];', f"edge [{EDGE_ATTRIBUTES}];"]
        lines += [
            f"n{number} [width={width / _POINTS_PER_INCH:.4f} height={height / _POINTS_PER_INCH:.4f}];"
            for number, (width, height) in enumerate(self.sizes)
        ]
        lines += [f"n{tail} -> n{head};" for tail, head in self.edges]
        return "\n".join([*lines, "}\n"])


@dataclass(frozen=True, slots=True)
class Layout:
    """Positions for a ``Shape``, in its order."""

    width: float
    height: float
    #: Centres of the nodes.
    centres: tuple[Point, ...]
    #: For each edge: the points of a cubic Bézier curve (start, then three a segment), and the arrow's tip.
    curves: tuple[tuple[tuple[Point, ...], Point], ...]

    @property
    def weight(self) -> int:
        """How much of a cache it takes."""
        return len(self.centres) + len(self.curves)


def graph_attributes(nodes: int) -> str:
    """Return the attributes of a graph with so many nodes."""
    common = "rankdir=LR nodesep=0.22 ranksep=0.75"
    if nodes > _LARGE:
        return f"{common} splines=line nslimit=1 nslimit1=1 mclimit=0.1"
    return common


def read_layout(shape: Shape, answer: bytes) -> Layout:
    """Read what ``dot -Tjson0`` answered for the shape; raises GraphvizFailedError if it does not fit."""
    try:
        return _read(shape, json.loads(answer))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise GraphvizFailedError(
            "Graphviz answered with a layout that cannot be read.", "Check the version of Graphviz on the server."
        ) from error


def _read(shape: Shape, document: dict[str, object]) -> Layout:
    _, _, width, height = _numbers(str(document["bb"]))
    names: dict[int, int] = {}
    centres: dict[int, Point] = {}
    for item in document.get("objects", []):  # type: ignore[attr-defined]
        number = int(item["name"][1:])
        names[item["_gvid"]] = number
        x, y = _numbers(item["pos"])
        centres[number] = (x, height - y)
    curves: dict[tuple[int, int], tuple[tuple[Point, ...], Point]] = {}
    for item in document.get("edges", []):  # type: ignore[attr-defined]
        ends = (names[item["tail"]], names[item["head"]])
        # dot drops the course of an edge that it could not route; a straight line is drawn then.
        if "pos" in item:
            curves[ends] = _curve(item["pos"], height)
    return Layout(
        width=width,
        height=height,
        centres=tuple(centres[number] for number in range(len(shape.sizes))),
        curves=tuple(curves.get(ends) or _straight(shape, centres, ends) for ends in shape.edges),
    )


def _curve(course: str, height: float) -> tuple[tuple[Point, ...], Point]:
    points: list[Point] = []
    tip: Point | None = None
    for word in course.split():
        prefix, _, rest = word.rpartition("e,")
        x, y = _numbers(rest.removeprefix("s,"))
        if prefix == "" and word.startswith("e,"):
            tip = (x, height - y)
        else:
            points.append((x, height - y))
    if len(points) % 3 != 1:
        raise ValueError(f"not a curve: {course[:100]}")
    return tuple(points), tip or points[-1]


def _straight(shape: Shape, centres: dict[int, Point], ends: tuple[int, int]) -> tuple[tuple[Point, ...], Point]:
    (x0, y0), (x1, y1) = centres[ends[0]], centres[ends[1]]
    start, tip = (x0 + shape.sizes[ends[0]][0] / 2, y0), (x1 - shape.sizes[ends[1]][0] / 2, y1)
    length = math.dist(start, tip) or 1.0
    base = (tip[0] - 10 * (tip[0] - start[0]) / length, tip[1] - 10 * (tip[1] - start[1]) / length)
    return (start, start, base, base), tip


def _numbers(words: str) -> list[float]:
    numbers = [float(word) for word in words.split(",")]
    if not all(map(math.isfinite, numbers)):
        raise ValueError("a position is not a number")
    return numbers
