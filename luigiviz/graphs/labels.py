"""What is written on a node, and how much room it takes."""

from __future__ import annotations

from dataclasses import dataclass

from luigiviz.engine import statuses
from luigiviz.engine.views import GraphNode
from luigiviz.graphs import text
from luigiviz.graphs.palette import look

MAX_TITLE = 34
MAX_PARAM = 38
MAX_PARAM_LINES = 3
TITLE_SIZE = 13.0
PARAM_SIZE = 11.0

#: Points: the coloured strip, the room beside and above the text, the heights of the lines.
STRIP = 28.0
PADDING = 10.0
TITLE_HEIGHT = 18.0
LINE_HEIGHT = 15.0
# Room for any status with a duration, so that a status never changes a node's size.
MIN_WIDTH = 244.0

_SEPARATOR = " · "
_MAX_TOOLTIP_PARAMS = 30
_MAX_TOOLTIP_VALUE = 300


@dataclass(frozen=True, slots=True)
class Label:
    """The fixed text of a node; it depends on the task's name only, never on its status."""

    title: str
    lines: tuple[str, ...]
    #: Points.
    width: float
    height: float


def short_name(node: GraphNode) -> str:
    """Return the family; of a task that nobody described yet, the whole id, since it has no parameters to show."""
    if node.family and node.display_name != node.task_id:
        return node.family
    return node.display_name or node.task_id


def label_of(node: GraphNode) -> Label:
    """Put the family on a line of its own and the parameters on the ones below."""
    title = text.cut(text.one_line(short_name(node)), MAX_TITLE) or "(no name)"
    lines = [_param_line(name, value) for name, value in list(node.params.items())[:MAX_PARAM_LINES]]
    hidden = len(node.params) - MAX_PARAM_LINES
    if hidden > 0:
        # The last line says how many are missing; a line for one would take the room of that one.
        lines[-1] = f"and {hidden + 1} more parameters"
    widest = max(
        text.width(title, TITLE_SIZE, bold=True),
        *(text.width(line, PARAM_SIZE) for line in lines),
        0.0,
    )
    return Label(
        title=title,
        lines=tuple(lines),
        width=float(max(MIN_WIDTH, round(STRIP + 2 * PADDING + widest))),
        height=2 * PADDING + TITLE_HEIGHT + LINE_HEIGHT * (len(lines) + 1),
    )


def status_line(node: GraphNode) -> str:
    """Say the status, how far the task is and how long it took."""
    return _SEPARATOR.join(_status_parts(node))


def short_status_line(node: GraphNode, label: Label) -> str:
    """Say as much of the status line as fits on the node; progress, drawn as a bar too, goes first."""
    word, *more = _status_parts(node)
    room = label.width - STRIP - 2 * PADDING
    for parts in ([word, *more], [word, *more[-1:]]):
        line = _SEPARATOR.join(parts)
        if text.width(line, PARAM_SIZE, bold=True) <= room:
            return line
    return word


def _status_parts(node: GraphNode) -> list[str]:
    parts = [look(node.status).word]
    progress = progress_of(node)
    if progress is not None:
        parts.append(f"{progress:.0f}%")
    if node.duration is not None:
        parts.append(text.duration(node.duration))
    return parts


def progress_of(node: GraphNode) -> float | None:
    """Return the progress of a task that runs, kept within 0 and 100 percent."""
    if node.progress_percentage is None or node.status not in (statuses.RUNNING, statuses.BATCH_RUNNING):
        return None
    # NaN compares false with everything: `max` then keeps its first argument.
    return min(100.0, max(0.0, float(node.progress_percentage)))


def tooltip(node: GraphNode) -> str:
    """Say everything that a pointer over the node should tell, one fact a line."""
    lines = [text.cut(text.one_line(node.display_name or node.task_id), _MAX_TOOLTIP_VALUE)]
    lines.append(f"Status: {status_line(node)}")
    params = list(node.params.items())
    lines += [
        f"{text.cut(text.one_line(name), MAX_PARAM)} = {text.cut(text.one_line(value), _MAX_TOOLTIP_VALUE)}"
        for name, value in params[:_MAX_TOOLTIP_PARAMS]
    ]
    if len(params) > _MAX_TOOLTIP_PARAMS:
        lines.append(f"and {len(params) - _MAX_TOOLTIP_PARAMS} more parameters")
    if node.priority:
        lines.append(f"Priority: {node.priority:g}")
    if node.status == statuses.TRUNCATED:
        lines.append("Its own dependencies are not shown here.")
    elif not node.known:
        lines.append("The scheduler does not hold this task.")
    return "\n".join(lines)


def _param_line(name: str, value: str) -> str:
    """Write a parameter so that a long value does not push the name out, nor the other way."""
    name = text.cut(text.one_line(name), MAX_PARAM // 2)
    return f"{name}={text.cut(text.one_line(value), MAX_PARAM - len(name) - 1)}"
