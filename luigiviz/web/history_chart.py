"""The running-time chart of a family: a static SVG document without script or outside references."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from xml.etree import ElementTree

import pygal
from pygal.style import Style

from luigiviz.store.runs import HistoryRun
from luigiviz.web.filters import duration

#: The document's own policy: its inline style and nothing else.
POLICY = "default-src 'none'; style-src 'unsafe-inline'"

_SVG = "http://www.w3.org/2000/svg"
#: Labels on the time axis, and marks on the other one, at most.
_LABELS = 12
_MARKS = 6
#: Round times in seconds; longer scales double the last one.
_STEPS = (
    0.01,
    0.05,
    0.1,
    0.2,
    0.5,
    1,
    2,
    5,
    10,
    20,
    30,
    60,
    120,
    300,
    600,
    1200,
    1800,
    3600,
    7200,
    14400,
    43200,
    86400,
)
_LIGHT = Style(
    background="transparent",
    plot_background="transparent",
    foreground="#3c4450",
    foreground_strong="#14181d",
    foreground_subtle="#c5cbd3",
    font_family="system-ui, sans-serif",
    label_font_size=11,
    major_label_font_size=11,
    legend_font_size=12,
    title_font_size=14,
    no_data_font_size=18,
    opacity=".9",
    colors=("#2e7d32", "#c62828"),
)
#: After pygal's own rules, of the same weight. The image follows the reader's colour scheme wherever it is shown.
_OURS = """
svg { font-family: system-ui, sans-serif; }
.axis .guide.line, .axis .major.guide.line { stroke: #d5dae0; }
@media (prefers-color-scheme: dark) {
  .graph, .legends .legend text { fill: #c3cad3; }
  .title, .axis text, .axis text.major, text.no_data { fill: #e8eaed; }
  .axis .line, .axis .major.line { stroke: #9aa3ad; }
  .axis .guide.line, .axis .major.guide.line { stroke: #454c55; }
  .color-0, .color-0 a:visited { fill: #7fd08c; stroke: #7fd08c; }
  .color-1, .color-1 a:visited { fill: #ff8d87; stroke: #ff8d87; }
}
"""


def draw_chart(runs: Sequence[HistoryRun]) -> bytes:
    """Draw a bar for each run that ended, in the order given: how long it ran, and whether it failed."""
    ended = [run for run in runs if run.run_seconds is not None]
    chart = pygal.StackedBar(
        style=_LIGHT,
        width=960,
        height=340,
        js=(),
        css=("file://style.css", "file://graph.css", f"inline:{_OURS}"),
        no_prefix=True,
        legend_at_bottom=True,
        legend_box_size=12,
        show_minor_x_labels=False,
        x_label_rotation=25,
        margin=12,
        value_formatter=_seconds,
        no_data_text="No run has ended yet",
        disable_xml_declaration=True,
    )
    labels = [_label(run) for run in ended]
    step = max(1, -(-len(labels) // _LABELS))
    # Two runs may begin in the same second: pygal needs to be told by position which labels to show.
    chart.x_labels = [label if index % step == 0 else "" for index, label in enumerate(labels)]
    chart.x_labels_major = [label for index, label in enumerate(labels) if index % step == 0]
    chart.y_labels = _scale(max((run.run_seconds or 0.0 for run in ended), default=0.0))
    chart.add("Done", [None if run.status == "FAILED" else run.run_seconds for run in ended])
    chart.add("Failed", [run.run_seconds if run.status == "FAILED" else None for run in ended])
    return _only_drawing(chart.render())


def _label(run: HistoryRun) -> str:
    started = run.started if run.started is not None else run.last_event_at or 0.0
    return datetime.fromtimestamp(started).strftime("%m-%d %H:%M:%S")


def _scale(longest: float) -> list[float]:
    """Give marks at round times, up to the first one that no run exceeds."""
    step = next((step for step in _STEPS if longest / step <= _MARKS), _STEPS[-1])
    while longest / step > _MARKS:
        step *= 2
    return [step * index for index in range(max(1, math.ceil(longest / step)) + 1)]


def _seconds(value: float) -> str:
    return f"{value:g} s" if value < 1 else duration(value)


def _only_drawing(document: bytes) -> bytes:
    """Take out what pygal adds for its script: the script itself, its tooltips and data, and empty ids."""
    root = ElementTree.fromstring(document)
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{{{_SVG}}}script", f"{{{_SVG}}}desc") or "tooltip" in child.get("class", "").split():
                parent.remove(child)
    for element in root.iter():
        if not element.get("id"):
            element.attrib.pop("id", None)
        element.attrib.pop("style", None)
    title = root.find(f"{{{_SVG}}}title")
    if title is not None:
        title.text = "Running times"
    ElementTree.register_namespace("", _SVG)
    return ElementTree.tostring(root, encoding="utf-8")
