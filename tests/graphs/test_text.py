"""Labels hold whatever a pipeline calls its tasks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from luigiviz.graphs import labels, text
from tests.graphs.sample import node


def test_characters_that_xml_cannot_hold_become_a_replacement_character() -> None:
    assert text.xml_safe("a\x00b\x1bc\ud800d\ufffee\x85f") == "a\ufffdb\ufffdc\ufffdd\ufffde\ufffdf"


def test_all_other_characters_stay() -> None:
    kept = "a\tb\nc é שלום 🎉 <&>\"'\\"
    assert text.xml_safe(kept) == kept


def test_a_label_is_one_line_without_direction_overrides() -> None:
    assert text.one_line("  a\r\n\tb\u202egnp.exe\u2066 ") == "a bgnp.exe"


def test_a_long_text_loses_its_middle() -> None:
    assert text.cut("abcdefghijklmnopqrstuvwxyz", 11) == "abcdef…wxyz"
    assert len(text.cut("x" * 20_000, 34)) == 34
    assert text.cut("short", 5) == "short"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.42, "< 1 s"),
        (-3, "< 1 s"),
        (float("nan"), "< 1 s"),
        (1, "1 s"),
        (59.6, "59 s"),
        (200, "3 min 20 s"),
        (7500, "2 h 05 min"),
        (93_600, "1 d 02 h"),
        (float("inf"), "11574074 d 01 h"),
    ],
)
def test_a_duration_is_said_with_its_two_largest_units(seconds: float, said: str) -> None:
    assert text.duration(seconds) == said


def test_the_family_stands_on_the_first_line_and_parameters_below() -> None:
    label = labels.label_of(node("x", family="mod.Fam", params={"a": "1", "b": "2"}))
    assert (label.title, label.lines) == ("mod.Fam", ("a=1", "b=2"))


def test_parameters_that_do_not_fit_are_counted() -> None:
    label = labels.label_of(node("x", params=dict.fromkeys("abcde", "1")))
    assert label.lines == ("a=1", "b=1", "and 3 more parameters")


def test_a_task_that_nobody_described_is_named_by_its_id() -> None:
    unknown = node("Fam_1_abc", family="Fam", known=False)
    assert labels.label_of(unknown).title == "Fam_1_abc"
    assert labels.label_of(replace(unknown, known=True)).title == "Fam_1_abc"


def test_a_node_without_any_visible_name_says_so() -> None:
    assert labels.label_of(node("\u202e", family="\u202e")).title == "(no name)"


def test_a_status_does_not_change_the_size_of_a_node() -> None:
    before = labels.label_of(node("x", "PENDING"))
    after = labels.label_of(node("x", "BATCH_RUNNING", duration=3599.0, progress=100.0))
    assert before == after


def test_progress_gives_way_where_the_status_line_is_too_long() -> None:
    task = node("x", "BATCH_RUNNING", duration=3599.0, progress=100.0)
    assert labels.status_line(task) == "Batch running · 100% · 59 min 59 s"
    assert labels.short_status_line(task, labels.label_of(task)) == "Batch running · 59 min 59 s"


@pytest.mark.parametrize(("reported", "shown"), [(-5.0, 0.0), (250.0, 100.0), (float("nan"), 0.0), (50.0, 50.0)])
def test_progress_is_kept_within_zero_and_hundred(reported: float, shown: float) -> None:
    assert labels.progress_of(node("x", "RUNNING", progress=reported)) == shown


def test_a_task_that_does_not_run_has_no_progress() -> None:
    assert labels.progress_of(node("x", "DONE", progress=50.0)) is None


def test_a_tooltip_cuts_what_is_too_long() -> None:
    hostile = node("x", params={f"p{number}": "v" * 20_000 for number in range(100)})
    tip = labels.tooltip(hostile)
    assert len(tip) < 12_000
    assert tip.endswith("and 70 more parameters")
