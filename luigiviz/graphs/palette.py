"""How each status looks in a graph: a word, a glyph and colours, never a colour alone."""

from __future__ import annotations

from dataclasses import dataclass

from luigiviz.engine import statuses


@dataclass(frozen=True, slots=True)
class Look:
    """A status as it is drawn on a light ground (``static/graph.css`` has the dark one)."""

    word: str
    #: SVG path of the glyph in a box of 16 by 16, drawn as a line.
    glyph: str
    #: The strip at a node's edge, and the glyph on it.
    strip: str
    ink: str
    #: The word and the outline, readable on ``tint``.
    strong: str
    #: The ground of the node.
    tint: str


_CHECK = "M3.5 8.5 6.5 11.5 12.5 4.5"
_CROSS = "M4 4 12 12M12 4 4 12"
_PLAY = "M5.5 3.5 12 8 5.5 12.5Z"
_LAYERS = "M3 4.5H13M3 8H13M3 11.5H13"
_CLOCK = "M8 4V8L11 10M8 1.5A6.5 6.5 0 1 1 7.99 1.5Z"
_BARRED = "M3.8 3.8 12.2 12.2M8 2A6 6 0 1 1 7.99 2Z"
_ARROW_CROSS = "M2 8H7M4.5 5.5 2 8 4.5 10.5M9.5 5 14 11M14 5 9.5 11"
_ARROW_BAR = "M2 8H9M5 5 2 8 5 11M12.5 4V12"
_QUESTION = "M5 5.5A3 3 0 1 1 9 8.2Q8 8.7 8 10M8 12.6V13"
_DOTS = "M3.5 8H3.6M8 8H8.1M12.5 8H12.6"

LOOKS: dict[str, Look] = {
    statuses.PENDING: Look("Pending", _CLOCK, "#f2bf2e", "#332600", "#775600", "#fff9e6"),
    statuses.RUNNING: Look("Running", _PLAY, "#1566c0", "#ffffff", "#0f57a8", "#e9f2fd"),
    statuses.BATCH_RUNNING: Look("Batch running", _LAYERS, "#7b2aa5", "#ffffff", "#74259c", "#f6edfb"),
    statuses.DONE: Look("Done", _CHECK, "#2a7a34", "#ffffff", "#1f6a2a", "#eef8ef"),
    statuses.FAILED: Look("Failed", _CROSS, "#c92a2a", "#ffffff", "#b3211f", "#fdeeec"),
    statuses.UPSTREAM_FAILED: Look("Upstream failed", _ARROW_CROSS, "#7d1433", "#ffffff", "#7d1433", "#faedf1"),
    statuses.DISABLED: Look("Disabled", _BARRED, "#5f6368", "#ffffff", "#54585d", "#f1f2f3"),
    statuses.UPSTREAM_DISABLED: Look("Upstream disabled", _ARROW_BAR, "#bcc1c6", "#24282c", "#5b6066", "#f7f8f9"),
    statuses.UNKNOWN: Look("Unknown", _QUESTION, "#1b1d1f", "#ffffff", "#1b1d1f", "#ffffff"),
    statuses.TRUNCATED: Look("Truncated", _DOTS, "#c0188c", "#ffffff", "#a3117a", "#fdeef8"),
}

#: Statuses in the order in which a legend names them.
LEGEND_ORDER = tuple(LOOKS)


def look(status: str) -> Look:
    """Return the look of a status; one that is not known looks unknown."""
    return LOOKS.get(status, LOOKS[statuses.UNKNOWN])
