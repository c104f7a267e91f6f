"""The graph as coloured DOT source, for people who draw on with Graphviz, and for PNG."""

from __future__ import annotations

from graphviz import quoting

from luigiviz.engine.statuses import TRUNCATED
from luigiviz.graphs.drawing import Drawing
from luigiviz.graphs.labels import status_line
from luigiviz.graphs.layout import EDGE_ATTRIBUTES, graph_attributes
from luigiviz.graphs.palette import look

_POINTS_PER_INCH = 72.0


def dot_source(drawing: Drawing, *, dpi: float | None = None) -> str:
    """Return the graph in the DOT language.

    Names are synthetic, and there are no addresses or tooltips: Graphviz 2.43 does not escape those in SVG.
    """
    resolution = "" if dpi is None else f" dpi={dpi:.1f}"
    lines = ["digraph luigi {", f"graph [{graph_attributes(len(drawing.nodes))}{resolution}];"]
    lines.append('node [shape=box style="rounded,filled" fontname="Helvetica" fontsize=11 penwidth=1.5];')
    lines.append(f'edge [{EDGE_ATTRIBUTES} color="#7b838c" arrowsize=0.7];')
    for number, (node, label) in enumerate(zip(drawing.nodes, drawing.labels, strict=True)):
        colours = look(node.status)
        style = ' style="rounded,filled,dashed"' if node.status == TRUNCATED else ""
        style += " penwidth=3" if node.task_id == drawing.view.root else ""
        lines.append(
            f"n{number} [label={_label([label.title, *label.lines, status_line(node)])}"
            f" width={label.width / _POINTS_PER_INCH:.4f} height={label.height / _POINTS_PER_INCH:.4f}"
            f' color="{colours.strong}" fillcolor="{colours.tint}" fontcolor="{colours.strong}"{style}];'
        )
    lines += [f"n{tail} -> n{head};" for tail, head in drawing.edges]
    return "\n".join([*lines, "}\n"])


def _label(lines: list[str]) -> str:
    r"""Quote lines of text: backslashes and entities are literal, ``<b>`` is no markup, ``\n`` parts the lines."""
    escaped = [quoting.escape(line).replace("&", "&amp;") for line in lines]
    # A label that looks like a number or a name is quoted as well, so that what it holds never matters.
    quoted = quoting.quote(quoting.nohtml("\\n".join(escaped) + "\\n"))
    return str(quoted)
