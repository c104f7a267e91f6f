"""The state of a family in one small picture, for wiki pages and read-me files."""

from __future__ import annotations

from xml.etree.ElementTree import SubElement

from luigiviz.engine import statuses
from luigiviz.engine.views import FamilyCount
from luigiviz.graphs import text
from luigiviz.graphs.palette import look
from luigiviz.graphs.svg import document, new_svg

_HEIGHT = 22.0
_SIZE = 11.5
_PADDING = 8.0
_NAME_GROUND = "#3a424b"
_NAME_INK = "#ffffff"

# What a reader wants to know first.
_BY_URGENCY = (
    statuses.FAILED,
    statuses.UPSTREAM_FAILED,
    statuses.DISABLED,
    statuses.UPSTREAM_DISABLED,
    statuses.RUNNING,
    statuses.BATCH_RUNNING,
    statuses.PENDING,
    statuses.UNKNOWN,
    statuses.DONE,
)


def family_badge(count: FamilyCount) -> bytes:
    """Return a badge that says how many of the family's tasks have the most urgent status among them."""
    for status in _BY_URGENCY:
        number = count.by_status.get(status, 0)
        if number:
            word = look(status).word.lower()
            amount = "all" if number == count.total > 1 else f"{number} of {count.total}"
            return badge(count.family, f"{amount} {word}" if count.total > 1 else word, status)
    return badge(count.family, "no tasks", statuses.UNKNOWN)


def badge(name: str, words: str, status: str) -> bytes:
    """Return a badge with a name and some words in the colours of a status."""
    name = text.cut(text.one_line(name), 50)
    colours = look(status)
    split = round(text.width(name, _SIZE) + 2 * _PADDING)
    width = split + round(16 + text.width(words, _SIZE, bold=True) + 2 * _PADDING)
    root = new_svg(width, _HEIGHT, f"{name}: {words}")
    # Without links there is nothing inside for readers to get at.
    root.set("role", "img")
    root.set("data-status", status)
    SubElement(root, "title").text = f"{name}: {words}"
    whole = {"width": f"{width}", "height": "22", "rx": "4", "fill": colours.strip}
    SubElement(root, "rect", whole)
    SubElement(root, "path", {"d": f"M4 0H{split}V22H4A4 4 0 0 1 0 18V4A4 4 0 0 1 4 0Z", "fill": _NAME_GROUND})
    glyph = {"d": colours.glyph, "fill": "none", "stroke": colours.ink, "stroke-width": "1.8"}
    place = {"transform": f"translate({split + 6} 4) scale(0.88)", "stroke-linecap": "round"}
    SubElement(root, "path", glyph | place)
    label = {"y": "15", "font-size": f"{_SIZE}"}
    SubElement(root, "text", label | {"x": f"{_PADDING:g}", "fill": _NAME_INK}).text = name
    told = label | {"x": f"{split + _PADDING + 16:g}", "fill": colours.ink, "font-weight": "600"}
    SubElement(root, "text", told).text = words
    return document(root)
