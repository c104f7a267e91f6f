"""Text that came from a pipeline, made safe to draw: cleaned, cut, measured."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

ELLIPSIS = "…"

# What XML 1.0 cannot hold, plus DEL and the C1 controls, which no reader can see.
_NOT_XML = re.compile("[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Overrides of the writing direction would let one value rearrange its neighbours.
_BIDI_CONTROLS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_SPACE = re.compile(r"\s+")

# Beyond any run; infinity has no whole number.
_LONGEST = 1e12

_NARROW = frozenset("iIjlft.,:;'|!()[]{} -`\"/\\")
_BROAD = frozenset("mwMW@%—…")


def xml_safe(text: str) -> str:
    """Return the text with U+FFFD in place of each character that XML cannot hold."""
    return _NOT_XML.sub("\ufffd", text)


def one_line(text: str) -> str:
    """Return the text fit for a label: one line, visible characters, no direction overrides."""
    return _SPACE.sub(" ", xml_safe(_BIDI_CONTROLS.sub("", text))).strip()


def cut(text: str, limit: int) -> str:
    """Shorten a text to ``limit`` characters by leaving out its middle, since names differ at their ends."""
    if len(text) <= limit:
        return text
    tail = (limit - 1) * 2 // 5
    head = limit - 1 - tail
    return text[:head].rstrip() + ELLIPSIS + text[len(text) - tail :].lstrip()


def width(text: str, size: float, *, bold: bool = False) -> float:
    """Estimate how wide a text is in a sans-serif font of this size, rather too wide than too narrow."""
    return sum(map(_advance, text)) * size * (1.15 if bold else 1.0)


def _advance(character: str) -> float:
    """Return a character's width in ems."""
    if character in _NARROW:
        return 0.4
    if character in _BROAD:
        return 0.98
    if character.isascii():
        return 0.7 if character.isupper() else 0.62
    if unicodedata.combining(character):
        return 0.0
    return 1.05 if unicodedata.east_asian_width(character) in "WF" else 0.75


def duration(seconds: float) -> str:
    """Say a number of seconds with its two largest units, as pages do: ``3 min 05 s``."""
    if not seconds >= 1:
        return "< 1 s"
    whole = int(min(seconds, _LONGEST))
    units = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
    for (name, length), (minor, minor_length) in pairwise(units):
        if whole >= length:
            return f"{whole // length} {name} {whole % length // minor_length:02d} {minor}"
    return f"{whole} s"
