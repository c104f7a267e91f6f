"""A badge says what is most urgent about a family."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from luigiviz.engine.views import FamilyCount
from luigiviz.graphs.badge import badge, family_badge
from tests.graphs.test_documents import HOSTILE, SVG


@pytest.mark.parametrize(
    ("by_status", "said"),
    [
        ({"DONE": 14}, "Fam: all done"),
        ({"DONE": 1}, "Fam: done"),
        ({"DONE": 12, "FAILED": 2}, "Fam: 2 of 14 failed"),
        ({"DONE": 12, "RUNNING": 1, "PENDING": 1}, "Fam: 1 of 14 running"),
        ({"UPSTREAM_FAILED": 3, "RUNNING": 1}, "Fam: 3 of 4 upstream failed"),
        ({}, "Fam: no tasks"),
    ],
)
def test_a_badge_counts_the_most_urgent_status(by_status: dict[str, int], said: str) -> None:
    root = ElementTree.fromstring(family_badge(FamilyCount("Fam", sum(by_status.values()), by_status)))
    assert root.findtext(f"{SVG}title") == said
    assert root.get("aria-label") == said


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_badge_is_a_whole_document_whatever_the_family_is_called(hostile: str) -> None:
    assert ElementTree.fromstring(badge(hostile, "done", "DONE")).tag == f"{SVG}svg"
