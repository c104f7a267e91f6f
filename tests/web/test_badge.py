"""Badges can be embedded and are not sent twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from flask import Flask

from luigiviz.app import create_app
from luigiviz.config import Settings


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    state_dir: Path = tmp_path_factory.mktemp("state")
    app = create_app(Settings(state_dir=state_dir))
    yield app
    app.extensions["luigiviz"].close()


@pytest.mark.parametrize("family", ["Fam", "mod.Fam", "a/b?c#d", "..", "Fam.svg", "שלום"])
def test_a_family_of_any_name_has_a_badge(app: Flask, family: str) -> None:
    app.extensions["luigiviz"].service.call("add_task", {"worker": "w", "task_id": f"{family}_1", "family": family})
    response = app.test_client().get(f"/badge/{quote(family, safe='')}.svg")
    assert response.status_code == 200
    assert response.mimetype == "image/svg+xml"
    assert f"{family}: pending" in response.text


def test_an_unchanged_badge_is_not_sent_twice(app: Flask) -> None:
    service = app.extensions["luigiviz"].service
    client = app.test_client()
    service.call("add_task", {"worker": "w", "task_id": "Twice_1", "family": "Twice"})
    first = client.get("/badge/Twice.svg")
    tag = first.headers["ETag"]
    assert first.headers["Cache-Control"] == "no-cache"
    assert client.get("/badge/Twice.svg", headers={"If-None-Match": tag}).status_code == 304
    service.call("add_task", {"worker": "w", "task_id": "Twice_1", "family": "Twice", "status": "DONE"})
    assert "Twice: done" in client.get("/badge/Twice.svg", headers={"If-None-Match": tag}).text


def test_a_family_without_tasks_has_a_badge_that_says_so(app: Flask) -> None:
    response = app.test_client().get("/badge/Nothing.svg")
    assert response.status_code == 404
    assert "Nothing: no tasks" in response.text
