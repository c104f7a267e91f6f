"""docs/screenshots has a picture of every page in every look, an index of them, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scripts.screenshots import LOOKS, PAGES, TARGET, file_name, index
from tests.browser.conftest import PAGES as WALKED

ROOT = Path(__file__).parents[1]
FILES = [file_name(page, look) for page in PAGES for look in LOOKS]


def test_every_page_is_there_wide_and_narrow_light_and_dark() -> None:
    assert LOOKS == ["wide-light", "wide-dark", "narrow-light", "narrow-dark"]
    assert {path.name for path in TARGET.iterdir()} == {*FILES, "README.md"}


@pytest.mark.parametrize("name", FILES)
def test_a_picture_is_webp_and_small(name: str) -> None:
    picture = (TARGET / name).read_bytes()
    assert (picture[:4], picture[8:12]) == (b"RIFF", b"WEBP")
    assert 5_000 < len(picture) < 150_000


def test_the_index_is_the_one_that_make_screenshots_writes() -> None:
    assert (TARGET / "README.md").read_text(encoding="utf-8") == index()


def test_pictures_that_documents_show_exist() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = re.findall(r'(?:src|srcset)="(docs/screenshots/[^"]+)"', text)
    assert len(shown) == 2
    assert all((ROOT / path).exists() for path in shown)


def test_every_page_of_the_menu_has_a_picture() -> None:
    areas = {path.split("?")[0].strip("/").split("/")[0] for path in WALKED.values()} - {"static", "actions"}
    source = (ROOT / "scripts" / "screenshots.py").read_text(encoding="utf-8")
    taken = set(re.findall(r'"[a-z-]+": f?"/(\w+)', source)) - {"actions"}
    assert taken == areas
