"""Every URL of the design answers as it says, with data in it; and links for names of any kind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree

import pytest
from flask import Flask
from flask.testing import FlaskClient

from luigiviz.app import create_app
from luigiviz.config import Settings
from luigiviz.engine.config import SchedulerConfig
from luigiviz.web.urls import element_id, external_url, local_url, task_url, with_query
from tests.support import scene as s
from tests.support.html import parse


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """A client of an application with the scene in it, and its history."""
    folder: Path = tmp_path_factory.mktemp("urls")
    scheduler = SchedulerConfig(record_task_history=True)
    app = create_app(Settings(scheduler=scheduler, state_dir=folder, history_url=f"sqlite:///{folder}/history.db"))
    parts = app.extensions["luigiviz"]
    s.load_scene(lambda method, **arguments: parts.service.call(method, arguments))
    assert parts.history is not None
    assert parts.history.flush(30)
    yield app.test_client()
    parts.close()


PAGES = {
    "/static/visualiser/index.html": s.FAILED,
    "/tasks": s.FAILED,
    f"/tasks/{s.FAILED}": s.UPSTREAM_FAILED,
    "/graph": s.UPSTREAM_FAILED,
    f"/graph/{s.FAILED}": s.FAILED,
    "/workers": s.WORKER,
    f"/workers/{quote(s.WORKER, safe='')}": s.RUNNING,
    "/pipelines": s.FAILED,
    "/grid": "ingest.Orders",
    "/grid/ingest.Orders": s.DONE,
    "/resources": "database",
    "/tasklist": "ingest.Orders",
    "/tasklist/ingest.Orders": "ingest.Orders",
    "/history": "ingest.Orders",
    "/history/by_name/ingest.Orders": "europe",
    f"/history/by_task_id/{s.FAILED}": s.FAILED,
    "/history/by_params/ingest.Orders?data=%7B%22region%22:%22europe%22%7D": "europe",
}


@pytest.mark.usefixtures("require_dot")
@pytest.mark.parametrize("url", PAGES)
def test_the_page_is_there_and_shows_what_there_is(recorded: FlaskClient, url: str) -> None:
    response = recorded.get(url)
    assert response.status_code == 200
    assert response.content_type == "text/html; charset=utf-8"
    page = parse(response.text)
    shown = page.raw_text + "".join(value for element in page.walk() for value in element.attributes.values())
    assert PAGES[url] in shown
    assert len(page.all("h1")) == 1
    assert page.one("main")
    assert page["lang"] if page.get("lang") else page.one("html")["lang"] == "en"


@pytest.mark.usefixtures("require_dot")
@pytest.mark.parametrize(
    ("suffix", "media_type"),
    [(".svg", "image/svg+xml"), (".png", "image/png"), (".dot", "text/vnd.graphviz"), (".json", "application/json")],
)
def test_the_graph_is_a_document_too(recorded: FlaskClient, suffix: str, media_type: str) -> None:
    response = recorded.get(f"/graph/{s.UPSTREAM_FAILED}{suffix}")
    assert response.status_code == 200
    assert response.mimetype == media_type
    if suffix == ".svg":
        root = ElementTree.fromstring(response.data)
        nodes = {node.get("data-task-id"): node.get("data-status") for node in root.iter() if node.get("data-task-id")}
        assert nodes == {s.UPSTREAM_FAILED: "UPSTREAM_FAILED", s.FAILED: "FAILED", s.DONE: "DONE"}


def test_the_root_redirects_relative_and_head_answers_204(recorded: FlaskClient) -> None:
    response = recorded.get("/")
    assert (response.status_code, response.headers["Location"]) == (302, "static/visualiser/index.html")
    response = recorded.head("/")
    assert (response.status_code, response.data) == (204, b"")


def test_health_metrics_badge_and_api_answer(recorded: FlaskClient) -> None:
    assert recorded.get("/healthz").status_code == 200
    assert recorded.get("/readyz").status_code == 200
    metrics = recorded.get("/metrics")
    assert metrics.mimetype == "text/plain"
    assert 'luigi_task_done_total{family="ingest.Orders"} 3.0' in metrics.text
    badge = recorded.get("/badge/ingest.Orders.svg")
    assert (badge.status_code, badge.mimetype) == (200, "image/svg+xml")
    answer = recorded.get("/api/fetch_error", query_string={"data": json.dumps({"task_id": s.FAILED})})
    assert answer.json is not None
    assert json.loads(answer.json["response"]["error"]) == s.ERROR


def test_history_pages_have_json_twins(recorded: FlaskClient) -> None:
    twin = recorded.get("/history", headers={"Accept": "application/json"}).json
    assert twin == recorded.get("/history?format=json").json
    assert twin is not None
    run = next(run for run in twin["runs"] if run["name"] == "ingest.Orders")
    assert recorded.get(f"/history/by_id/{run['id']}").status_code == 200


@pytest.mark.parametrize(
    "url",
    ["/no/such/page", "/tasks/Gone", "/graph/Gone", "/history/by_id/999999", "/history/by_name/Gone", "/tasklist/Gone"],
)
def test_what_is_not_there_is_a_404_page_with_the_way_back(recorded: FlaskClient, url: str) -> None:
    response = recorded.get(url)
    assert response.status_code == 404
    page = parse(response.text)
    assert page.one("main").all("a")
    assert "luigiviz" in page.one("title").text


@pytest.mark.parametrize(("url", "allowed"), [("/tasks", "GET"), ("/actions/pause", "POST")])
def test_a_wrong_method_is_answered_405_with_the_right_ones(recorded: FlaskClient, url: str, allowed: str) -> None:
    response = recorded.put(url)
    assert response.status_code == 405
    assert allowed in response.headers["Allow"]


class TestLinks:
    @pytest.mark.parametrize("task_id", s.ODD_IDS, ids=lambda task_id: ascii(task_id[:20]))
    def test_an_id_goes_into_a_link_and_comes_back_out(self, app: Flask, task_id: str) -> None:
        with app.test_request_context():
            url = task_url(task_id)
        assert url.isascii()
        with app.test_request_context(url) as context:
            found = context.request.args.get("task_id") or (context.request.view_args or {})["task_id"]
        assert found == task_id

    @pytest.mark.parametrize("url", ["http://h/x?a=b#c", "https://h", "HTTPS://h/", "ftp://h/f", "http://[::1]:8080/"])
    def test_harmless_schemes_become_links(self, url: str) -> None:
        assert external_url(url) == url

    @pytest.mark.parametrize(
        "url",
        [
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "//h/x",
            "/x",
            "http:x",
            "ht\ntp://h",
            "http://[",
            "",
        ],
    )
    def test_everything_else_does_not(self, url: str) -> None:
        assert external_url(url) is None
        assert external_url(None) is None

    def test_element_ids_are_stable_and_differ(self) -> None:
        assert element_id("t", "A") == element_id("t", "A")
        assert len({element_id("t", name) for name in s.ODD_IDS}) == len(s.ODD_IDS)

    def test_local_urls_stay_and_others_become_the_dashboard(self, app: Flask) -> None:
        with app.test_request_context():
            assert local_url("/workers?x=1#y") == "/workers?x=1#y"
            assert local_url("http://localhost/workers") == "/tasks"
            assert local_url(None) == "/tasks"

    def test_query_parameters_are_replaced_and_taken_out(self) -> None:
        assert with_query("/x?a=1&b=&c=3", a="2", c=None) == "/x?b=&a=2"
