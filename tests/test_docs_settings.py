"""docs/settings.md names every setting, under its section, with its default."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from luigiviz.config.table import SETTINGS, Setting

DOCUMENT = Path(__file__).parents[1] / "docs" / "settings.md"


def documented() -> dict[tuple[str, str], str]:
    """The default that the document gives to each (section, key)."""
    found: dict[tuple[str, str], str] = {}
    section = ""
    for line in DOCUMENT.read_text(encoding="utf-8").splitlines():
        if heading := re.fullmatch(r"## `\[(\w+)\]`", line):
            section = heading[1]
        elif row := re.fullmatch(r"\| `(\w+)` \|(.*?)\| (.+) \|", line):
            found[section, row[1]] = row[2].strip().strip("`")
    return found


def written(default: object) -> str:
    """A default as one would write it into luigi.cfg."""
    if isinstance(default, bool | tuple):
        return json.dumps(default)
    return "" if default is None else str(default)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: f"{setting.section}.{setting.key}")
def test_every_setting_is_documented_with_its_default(setting: Setting) -> None:
    default = documented().get((setting.section, setting.key))
    assert default is not None, f"docs/settings.md does not document [{setting.section}] {setting.key}"
    assert default in (written(setting.default), "worked out")


def test_nothing_is_documented_that_does_not_exist() -> None:
    assert set(documented()) <= {(setting.section, setting.key) for setting in SETTINGS}
