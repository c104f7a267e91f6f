"""Behind a reverse proxy that is trusted, links lead through it; headers of anybody else change nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from luigiviz.app import create_app
from luigiviz.config import Settings
from tests.conftest import ServerFactory

FORWARDED = {
    "X-Forwarded-For": "192.0.2.7",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "tools.example",
    "X-Forwarded-Prefix": "/luigi",
}
ODD_ID = "A(b=c/d)?#é"
ODD_PATH = "A%28b%3Dc%2Fd%29%3F%23%C3%A9"

#: Makes a client of an app that trusts so many proxies.
Behind = Callable[[int], FlaskClient]


@pytest.fixture
def behind(tmp_path: Path) -> Iterator[Behind]:
    apps: list[Flask] = []

    def make(trusted_proxies: int) -> FlaskClient:
        app = create_app(Settings(state_dir=tmp_path, trusted_proxies=trusted_proxies))
        apps.append(app)
        task = {"worker": "w", "task_id": ODD_ID, "family": "A", "module": "m", "status": "FAILED"}
        app.extensions["luigiviz"].service.call("add_task", task)
        return app.test_client()

    yield make
    for app in apps:
        app.extensions["luigiviz"].close()


@pytest.mark.parametrize("path", ["/tasks", "/luigi/tasks"])
def test_links_have_the_prefix_whether_the_proxy_takes_it_off_or_not(behind: Behind, path: str) -> None:
    page = behind(1).get(path, headers=FORWARDED)
    assert page.status_code == 200
    assert f'href="/luigi/tasks/{ODD_PATH}"' in page.text
    assert 'href="/tasks' not in page.text
    assert '"/luigi/static/' in page.text
    assert '"/static/' not in page.text


def test_an_odd_id_finds_its_page_under_the_prefix(behind: Behind) -> None:
    page = behind(1).get(f"/luigi/tasks/{ODD_PATH}", headers=FORWARDED)
    assert page.status_code == 200
    assert "<span>https://tools.example/luigi</span>" in page.text


def test_the_root_leads_to_the_dashboard_under_the_prefix(behind: Behind) -> None:
    client = behind(1)
    assert client.get("/luigi/", headers=FORWARDED).headers["Location"] == "static/visualiser/index.html"
    assert client.get("/luigi/static/visualiser/index.html", headers=FORWARDED).status_code == 200


def test_workers_are_served_under_the_prefix(behind: Behind) -> None:
    answer = behind(1).post("/luigi/api/ping", data={"data": '{"worker": "w"}'}, headers=FORWARDED)
    assert answer.get_json() == {"response": {"rpc_messages": []}}


def test_a_form_leads_back_under_the_prefix_and_is_no_foreign_one(behind: Behind) -> None:
    headers = {**FORWARDED, "Origin": "https://tools.example"}
    answer = behind(1).post("/luigi/actions/pause?next=/luigi/workers", headers=headers)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/luigi/workers?notice=paused")
    headers["Origin"] = "https://evil.example"
    assert behind(1).post("/luigi/actions/pause", headers=headers).status_code == 403


def test_a_path_that_only_begins_like_the_prefix_is_left_alone(behind: Behind) -> None:
    assert behind(1).get("/luigiviz", headers=FORWARDED).status_code == 404


def test_without_a_trusted_proxy_the_headers_change_nothing(behind: Behind) -> None:
    client = behind(0)
    page = client.get("/tasks", headers=FORWARDED)
    assert f'href="/tasks/{ODD_PATH}"' in page.text
    assert client.get("/luigi/tasks", headers=FORWARDED).status_code == 404
    assert "tools.example" not in client.get(f"/tasks/{ODD_PATH}", headers=FORWARDED).text


@pytest.mark.parametrize(("trusted", "expected"), [(0, "http://127.0.0.1:"), (1, "https://tools.example/luigi</span>")])
def test_a_real_server_passes_the_headers_on_only_if_a_proxy_is_trusted(
    server_factory: ServerFactory, trusted: int, expected: str
) -> None:
    server = server_factory(f"[luigiviz]\ntrusted_proxies = {trusted}\n")
    server.rpc("add_task", worker="w", task_id="A_1", family="A", module="m", status="FAILED")
    page = server.get("/tasks/A_1", **FORWARDED)
    assert f"<span>{expected}" in page.text
