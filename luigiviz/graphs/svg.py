"""The graph as SVG, written by an XML library, so that no text or address can break out of its place."""

from __future__ import annotations

from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from luigiviz.engine.statuses import TRUNCATED
from luigiviz.engine.views import GraphNode
from luigiviz.graphs import labels, text
from luigiviz.graphs.drawing import Drawing, NodeLink, element_id, extent
from luigiviz.graphs.labels import Label
from luigiviz.graphs.layout import Layout, Point
from luigiviz.graphs.palette import LEGEND_ORDER, look

_NAMESPACE = "http://www.w3.org/2000/svg"
_MARGIN = 12.0
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'DejaVu Sans', sans-serif"

# Colours on a light ground; the stylesheet overrides them on a dark one.
_INK = "#1f2328"
_MUTED = "#57606a"
_LINE = "#8b949e"

# A page shrinks a drawing of up to this width to its own; a wider one would not be readable then, and scrolls.
_WIDEST_TO_FIT = 1900.0
_LEGEND_ROW = 26.0
_LEGEND_MIN_WIDTH = 420.0
# What an address may start with: the server's own pages, never a scheme that runs code.
_SAFE_ADDRESSES = ("/", "./", "../", "#", "http://", "https://")


def inline_svg(drawing: Drawing, layout: Layout, link: NodeLink) -> str:
    """Return the ``svg`` element for a page, which brings the stylesheet and the legend."""
    root = _root(drawing, layout.width, layout.height)
    if layout.width > _WIDEST_TO_FIT:
        root.set("class", "depgraph wide")
    _draw(root, drawing, layout, link, target=None)
    return _text_of(root)


def standalone_svg(drawing: Drawing, layout: Layout, link: NodeLink, style: str) -> bytes:
    """Return a document of its own, with its stylesheet and a legend, for an ``img`` or a tab."""
    statuses = _counted(drawing)
    width = max(layout.width, _LEGEND_MIN_WIDTH)
    rows = _legend_rows(statuses, width)
    root = _root(drawing, width, layout.height + _LEGEND_ROW * (len(rows) + 1) + _MARGIN)
    title = Element("title")
    title.text = root.get("aria-label")
    root.insert(0, title)
    SubElement(root, "style").text = style
    # A picture in a dark page would else be drawn on whatever lies behind it.
    SubElement(root, "rect", {"class": "paper", "width": "100%", "height": "100%", "fill": "#ffffff"})
    _draw(root, drawing, layout, link, target="_top")
    _draw_legend(root, rows, layout.height + 2 * _MARGIN, extent(drawing.view))
    return document(root)


def message_svg(title: str, lines: list[str]) -> bytes:
    """Return a small picture that says something instead of a graph."""
    wanted = [text.cut(text.one_line(line), 90) for line in lines]
    heading = text.cut(text.one_line(title), 70)
    width = max([360.0, text.width(heading, 14, bold=True), *(text.width(line, 12) for line in wanted)]) + 32
    root = new_svg(width, 48.0 + 20 * len(wanted), heading)
    SubElement(root, "title").text = heading
    SubElement(
        root,
        "rect",
        {"x": "0.5", "y": "0.5", "width": _n(width - 1), "height": _n(47.0 + 20 * len(wanted)), "rx": "8"}
        | {"fill": "#ffffff", "stroke": _LINE},
    )
    _write(root, heading, (16, 28), 14, _INK, bold=True)
    for number, line in enumerate(wanted):
        _write(root, line, (16, 52.0 + 20 * number), 12, _MUTED)
    return document(root)


def _root(drawing: Drawing, width: float, height: float) -> Element:
    names = {node.task_id: node.display_name for node in drawing.nodes}
    name = text.cut(text.one_line(names.get(drawing.view.root) or drawing.view.root), 100)
    return new_svg(width + 2 * _MARGIN, height + 2 * _MARGIN, f"Dependency graph of {name}. {extent(drawing.view)}")


def new_svg(width: float, height: float, name: str) -> Element:
    """Return an empty ``svg`` element of this size with a name for readers."""
    return Element(
        "svg",
        {
            "xmlns": _NAMESPACE,
            "class": "depgraph",
            "width": _n(width),
            "height": _n(height),
            "viewBox": f"0 0 {_n(width)} {_n(height)}",
            # Not "img": readers must get at the links inside.
            "role": "group",
            "aria-label": name,
            "font-family": _FONT,
        },
    )


def _draw(root: Element, drawing: Drawing, layout: Layout, link: NodeLink, target: str | None) -> None:
    canvas = SubElement(root, "g", {"transform": f"translate({_n(_MARGIN)} {_n(_MARGIN)})"})
    edges = SubElement(canvas, "g", {"class": "edges", "aria-hidden": "true", "fill": "none"})
    for (tail, head), (curve, tip) in zip(drawing.edges, layout.curves, strict=True):
        _draw_edge(edges, drawing.nodes[tail], drawing.nodes[head], curve, tip)
    # In reading order, so that the tab key walks from what runs first to what runs last.
    order = sorted(range(len(drawing.nodes)), key=lambda number: layout.centres[number])
    for number in order:
        _draw_node(canvas, drawing, number, layout.centres[number], link, target)


def _draw_edge(parent: Element, dependency: GraphNode, task: GraphNode, curve: tuple[Point, ...], tip: Point) -> None:
    group = SubElement(
        parent,
        "g",
        {
            "class": "edge",
            "data-dependency": text.xml_safe(dependency.task_id),
            "data-task": text.xml_safe(task.task_id),
            "stroke": _LINE,
            "stroke-width": "1.3",
        },
    )
    start, *controls = curve
    path = f"M{_p(start)}C{' '.join(map(_p, controls))}"
    SubElement(group, "path", {"d": path})
    base = curve[-1]
    dx, dy = tip[0] - base[0], tip[1] - base[1]
    length = (dx * dx + dy * dy) ** 0.5 or 1.0
    across = (-dy / length * 3.6, dx / length * 3.6)
    left = (base[0] + across[0], base[1] + across[1])
    right = (base[0] - across[0], base[1] - across[1])
    SubElement(group, "path", {"class": "tip", "d": f"M{_p(left)}L{_p(tip)}L{_p(right)}Z", "fill": _LINE})


def _draw_node(
    canvas: Element, drawing: Drawing, number: int, centre: Point, link: NodeLink, target: str | None
) -> None:
    node, label = drawing.nodes[number], drawing.labels[number]
    is_root = node.task_id == drawing.view.root
    corner = (centre[0] - label.width / 2, centre[1] - label.height / 2)
    group = SubElement(
        canvas,
        "g",
        {
            "class": "node root" if is_root else "node",
            "id": element_id(node.task_id),
            "data-task-id": text.xml_safe(node.task_id),
            "data-status": text.xml_safe(node.status),
            "transform": f"translate({_n(corner[0])} {_n(corner[1])})",
        },
    )
    parent = group
    address = link(node)
    if address is not None and address.startswith(_SAFE_ADDRESSES):
        parent = SubElement(group, "a", {"href": text.xml_safe(address)})
        if target:
            parent.set("target", target)
    # A title inside the link is its tooltip and its name for readers.
    SubElement(parent, "title").text = labels.tooltip(node)
    _draw_card(parent, node, label, is_root)


def _draw_card(parent: Element, node: GraphNode, label: Label, is_root: bool) -> None:
    colours = look(node.status)
    size = {"width": _n(label.width), "height": _n(label.height), "rx": "7"}
    card = {
        "class": "card",
        "fill": colours.tint,
        "stroke": colours.strong,
        "stroke-width": "2.6" if is_root else "1.2",
    }
    if node.status == TRUNCATED or not node.known:
        card["stroke-dasharray"] = "5 3"
    SubElement(parent, "rect", size | card)
    reach, bottom = labels.STRIP, label.height
    strip = f"M{_n(reach)} 0V{_n(bottom)}H7A7 7 0 0 1 0 {_n(bottom - 7)}V7A7 7 0 0 1 7 0Z"
    SubElement(parent, "path", {"class": "strip", "d": strip, "fill": colours.strip})
    SubElement(
        parent,
        "path",
        {
            "class": "glyph",
            "d": colours.glyph,
            "transform": f"translate({_n((reach - 16) / 2)} {_n((bottom - 16) / 2)})",
            "fill": "none",
            "stroke": colours.ink,
            "stroke-width": "1.8",
            "stroke-linecap": "round",
            "stroke-linejoin": "round",
        },
    )
    x, y = reach + labels.PADDING, labels.PADDING + 13
    _write(parent, label.title, (x, y), labels.TITLE_SIZE, _INK, bold=True, kind="family")
    y += labels.TITLE_HEIGHT
    for line in label.lines:
        _write(parent, line, (x, y - 1), labels.PARAM_SIZE, _MUTED, kind="param")
        y += labels.LINE_HEIGHT
    _write(
        parent,
        labels.short_status_line(node, label),
        (x, y),
        labels.PARAM_SIZE,
        colours.strong,
        bold=True,
        kind="status",
    )
    progress = labels.progress_of(node)
    if progress is not None:
        _draw_progress(parent, label, progress, colours.strip)


def _draw_progress(parent: Element, label: Label, progress: float, colour: str) -> None:
    """Draw the progress as a bar in the padding under the status."""
    room = label.width - labels.STRIP - 2 * labels.PADDING
    place = {"x": _n(labels.STRIP + labels.PADDING), "y": _n(label.height - 7), "height": "3", "rx": "1.5"}
    SubElement(parent, "rect", place | {"class": "bar", "width": _n(room), "fill": colour, "fill-opacity": "0.22"})
    SubElement(parent, "rect", place | {"class": "bar", "width": _n(room * progress / 100), "fill": colour})


def _counted(drawing: Drawing) -> list[tuple[str, int]]:
    counts: dict[str, int] = {}
    for node in drawing.nodes:
        counts[node.status] = counts.get(node.status, 0) + 1
    return [(status, counts[status]) for status in LEGEND_ORDER if status in counts]


def _legend_rows(statuses: list[tuple[str, int]], width: float) -> list[list[tuple[float, str, str]]]:
    """Break the legend into rows of (x, status, words)."""
    rows: list[list[tuple[float, str, str]]] = [[]]
    x = 0.0
    for status, count in statuses:
        words = f"{look(status).word} {count}"
        need = 26 + text.width(words, 12) + 18
        if x and x + need > width:
            rows.append([])
            x = 0.0
        rows[-1].append((x, status, words))
        x += need
    return rows


def _draw_legend(root: Element, rows: list[list[tuple[float, str, str]]], top: float, sentence: str) -> None:
    legend = SubElement(root, "g", {"class": "legend", "transform": f"translate({_n(_MARGIN)} {_n(top)})"})
    for number, row in enumerate(rows):
        for x, status, words in row:
            colours = look(status)
            entry = SubElement(
                legend,
                "g",
                {"data-status": status, "transform": f"translate({_n(x)} {_n(number * _LEGEND_ROW)})"},
            )
            SubElement(
                entry, "rect", {"class": "strip", "width": "18", "height": "18", "rx": "4", "fill": colours.strip}
            )
            SubElement(
                entry,
                "path",
                {"class": "glyph", "d": colours.glyph, "transform": "translate(2.6 2.6) scale(0.8)", "fill": "none"}
                | {"stroke": colours.ink, "stroke-width": "2", "stroke-linecap": "round"},
            )
            _write(entry, words, (26, 13.5), 12, _INK, kind="family")
    explained = f"{sentence} Arrows lead from a task to the tasks that wait for it."
    _write(legend, explained, (0, len(rows) * _LEGEND_ROW + 13), 12, _MUTED, kind="param")


def _write(
    parent: Element, words: str, place: Point, size: float, colour: str, *, bold: bool = False, kind: str = "param"
) -> None:
    element = SubElement(
        parent, "text", {"class": kind, "x": _n(place[0]), "y": _n(place[1]), "font-size": _n(size), "fill": colour}
    )
    if bold:
        element.set("font-weight", "600")
    element.text = text.xml_safe(words)


def _n(number: float) -> str:
    """Write a number with at most one decimal; finer is invisible and makes large drawings larger."""
    # Adding zero turns -0.0 into 0.0.
    return f"{round(number, 1) + 0.0:.1f}".removesuffix(".0")


def _p(point: Point) -> str:
    return f"{_n(point[0])},{_n(point[1])}"


def _text_of(root: Element) -> str:
    return ElementTree.tostring(root, encoding="unicode")


def document(root: Element) -> bytes:
    """Write an ``svg`` element as a document."""
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + _text_of(root).encode()
