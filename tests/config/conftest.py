"""A working directory of its own for each test of the configuration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from luigiviz.config import Settings, load_settings

Write = Callable[..., Path]
Load = Callable[..., Settings]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write a file into the working directory."""
    monkeypatch.chdir(tmp_path)

    def write_file(text: str, name: str = "luigi.cfg") -> Path:
        file = tmp_path / name
        file.write_text(text, encoding="utf-8")
        return file

    return write_file


@pytest.fixture
def load(write: Write) -> Load:
    """Write a luigi.cfg and read the settings, with an environment that has only what is given."""

    def load_text(text: str = "", environ: dict[str, str] | None = None, **overrides: Any) -> Settings:
        write(text)
        return load_settings(environ=environ or {}, **overrides)

    return load_text
