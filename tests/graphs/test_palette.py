"""Every status can be told apart without colours, and read in light and dark."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import luigiviz
from luigiviz.engine import statuses
from luigiviz.graphs.palette import LOOKS, look

_CSS = (Path(luigiviz.__file__).parent / "static" / "graph.css").read_text()
_ALL = (*statuses.DISPLAY_STATUSES, statuses.TRUNCATED)


def _contrast(one: str, other: str) -> float:
    """Return the contrast ratio as WCAG 2 defines it."""

    def luminance(colour: str) -> float:
        channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _dark(status: str, part: str, name: str = "fill") -> str | None:
    rule = re.search(rf'\[data-status="{status}"\] \.{part} {{([^}}]*)}}', _CSS)
    found = re.search(rf"(?<![\w-]){name}: (#[0-9a-f]{{6}})", rule.group(1)) if rule else None
    return found.group(1) if found else None


def test_every_status_has_a_word_and_a_glyph_of_its_own() -> None:
    assert set(LOOKS) == set(_ALL)
    assert len({one.word for one in LOOKS.values()}) == len(LOOKS)
    assert len({one.glyph for one in LOOKS.values()}) == len(LOOKS)


def test_a_status_that_is_not_known_looks_unknown() -> None:
    assert look("SOMETHING_NEW") is LOOKS[statuses.UNKNOWN]


@pytest.mark.parametrize("status", _ALL)
def test_text_is_readable_on_a_light_ground(status: str) -> None:
    one = LOOKS[status]
    assert _contrast(one.strong, one.tint) >= 4.5
    assert _contrast("#57606a", one.tint) >= 4.5
    assert _contrast(one.ink, one.strip) >= 4.5


@pytest.mark.parametrize("status", _ALL)
def test_text_is_readable_on_a_dark_ground(status: str) -> None:
    ground, word, outline = _dark(status, "card"), _dark(status, "status"), _dark(status, "card", "stroke")
    assert ground is not None
    assert word is not None
    assert outline is not None
    assert _contrast(word, ground) >= 4.5
    assert _contrast("#aab2bb", ground) >= 4.5
    assert _contrast("#e8eaed", ground) >= 4.5
    # On its own, and on the surface of a page.
    assert min(_contrast(outline, "#15181c"), _contrast(outline, "#181f27")) >= 3
    strip = _dark(status, "strip") or LOOKS[status].strip
    assert _contrast(LOOKS[status].ink, strip) >= 4.5
