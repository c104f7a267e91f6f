"""The graph page, its live part and its documents, for tasks of any name."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from xml.etree import ElementTree

import pytest
from flask import Flask, url_for
from flask.testing import FlaskClient

from luigiviz.app import create_app
from luigiviz.config import Settings
from luigiviz.graphs import DotRunner, GraphRenderer
from luigiviz.graphs.palette import LOOKS
from luigiviz.web.layout import STATUS_WORDS
from luigiviz.web.urls import graph_url, task_url

SVG = "{http://www.w3.org/2000/svg}"

STRANGE_IDS = [
    "A(b=c/d)?#é",
    "/leading",
    "//two",
    "trailing/",
    "a//b",
    "../up",
    "a/../b",
    "..",
    ".",
    "%2F",
    "100%",
    "a b+c&d=e;f",
    'x" onclick="alert(1)',
    "<script>alert(1)</script>",
    "שלום",
    "🎉",
    "line\nbreak",
    "javascript:alert(1)",
    "report.svg",
    ".svg",
    "x.json.svg",
    "back\\slash",
]


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    app = create_app(Settings(state_dir=tmp_path))
    yield app
    app.extensions["luigiviz"].close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def add(app: Flask, task_id: str, *, family: str = "Fam", deps: list[str] | None = None, **more: object) -> None:
    """Add a task as a worker does."""
    app.extensions["luigiviz"].service.call(
        "add_task", {"worker": "w1", "task_id": task_id, "family": family, "deps": deps or [], **more}
    )


def link(app: Flask, task_id: str, suffix: str = "", **query: object) -> str:
    with app.test_request_context():
        return graph_url(task_id, suffix, **query)


def nodes_of(document: bytes) -> dict[str, str]:
    """Return the status of each task that an SVG document draws."""
    root = ElementTree.fromstring(document)
    return {
        group.get("data-task-id", ""): group.get("data-status", "")
        for group in root.iter(f"{SVG}g")
        if (group.get("class") or "").startswith("node")
    }


def poll_url(page: str) -> str:
    found = re.search(r'id="graph-live"[^>]*hx-get="([^"]*)"', page)
    assert found is not None
    return unescape(found.group(1))


@pytest.fixture
def diamond(app: Flask) -> None:
    """``top`` needs ``left`` and ``right``, which need ``base``; ``base`` is done and ``left`` failed."""
    add(app, "base", status="DONE", params={"date": "2026-05-11"})
    add(app, "left", deps=["base"])
    add(app, "left", deps=["base"], status="FAILED")
    add(app, "right", deps=["base"])
    add(app, "top", deps=["left", "right"])


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """An app with a task of each strange name."""
    crowd = create_app(Settings(state_dir=tmp_path_factory.mktemp("state")))
    for task_id in STRANGE_IDS:
        add(crowd, task_id)
    yield crowd
    crowd.extensions["luigiviz"].close()


@pytest.mark.usefixtures("diamond")
class TestPage:
    def test_the_page_shows_every_task_with_status_and_link(self, client: FlaskClient) -> None:
        page = client.get("/graph/top").text
        for task_id in ("top", "left", "right", "base"):
            assert f'data-task-id="{task_id}"' in page
            assert f'href="/tasks/{task_id}' in page
        assert 'data-status="UPSTREAM_FAILED"' in page
        assert "4 tasks shown." in page

    def test_the_page_has_no_script_style_or_handler_of_its_own(self, client: FlaskClient) -> None:
        page = client.get("/graph/top").text
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", page)

    def test_the_policy_of_the_page_is_the_strict_one(self, client: FlaskClient) -> None:
        policy = client.get("/graph/top").headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy

    def test_a_failed_task_leads_to_its_error(self, client: FlaskClient) -> None:
        assert '<a href="/tasks/left#error"><title>' in client.get("/graph/top").text

    def test_the_words_for_statuses_are_those_of_all_pages(self) -> None:
        assert {status: look.word for status, look in LOOKS.items()} == {
            status: STATUS_WORDS[status] for status in LOOKS
        }

    def test_the_page_names_its_json_twin(self, client: FlaskClient) -> None:
        header = client.get("/graph/top?hide_done=1").headers["Link"]
        assert header == '</graph/top.json?hide_done=1>; rel="alternate"; type="application/json"'

    def test_done_tasks_can_be_hidden(self, client: FlaskClient) -> None:
        page = client.get("/graph/top?hide_done=1").text
        assert 'data-task-id="right"' in page
        assert 'data-task-id="base"' not in page
        assert re.search(r'name="hide_done"[^>]*checked', page)

    def test_the_graph_goes_downstream_too(self, client: FlaskClient) -> None:
        assert 'data-task-id="top"' not in client.get("/graph/base").text
        page = client.get("/graph/base?direction=downstream").text
        assert 'data-task-id="top"' in page
        assert re.search(r'value="downstream" checked', page)

    def test_a_limit_leaves_tasks_out_and_says_so(self, client: FlaskClient) -> None:
        page = client.get("/graph/top?max_nodes=1").text
        assert 'data-status="TRUNCATED"' in page
        assert "cut off by the limit" in page
        assert 'href="/graph/top?max_nodes=3"' in page
        assert 'href="/graph/left"' in page

    @pytest.mark.parametrize("garbage", ["", "x", "-5", "0", "99999999999", "1e9", "NaN"])
    def test_a_limit_that_makes_no_sense_does_no_harm(self, client: FlaskClient, garbage: str) -> None:
        assert client.get("/graph/top", query_string={"max_nodes": garbage}).status_code == 200

    def test_a_task_that_is_not_known_is_404(self, client: FlaskClient) -> None:
        response = client.get("/graph/nothing-of-the-kind")
        assert response.status_code == 404
        assert response.mimetype == "text/html"

    def test_the_list_says_the_same_as_the_drawing(self, client: FlaskClient) -> None:
        page = client.get("/graph/top").text
        listed = page[page.index("<details") :]
        for task_id in ("top", "left", "right", "base"):
            assert f'href="/tasks/{task_id}"' in listed
        assert "Upstream failed" in listed


@pytest.mark.usefixtures("diamond")
class TestLive:
    def test_a_poll_without_a_change_is_answered_204(self, client: FlaskClient) -> None:
        url = poll_url(client.get("/graph/top").text)
        assert client.get(url).status_code == 204

    def test_a_poll_after_a_change_brings_the_drawing_anew(self, app: Flask, client: FlaskClient) -> None:
        url = poll_url(client.get("/graph/top?hide_done=1").text)
        add(app, "right", status="DONE")
        response = client.get(url)
        assert response.status_code == 200
        assert response.text.startswith('<div id="graph-live"')
        assert 'data-task-id="right"' not in response.text
        assert client.get(poll_url(response.text)).status_code == 204

    def test_a_change_of_status_alone_does_not_run_dot_again(
        self, app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        formats: list[str] = []
        run = DotRunner.run

        def counted(runner: DotRunner, source: str, output_format: str) -> bytes:
            formats.append(output_format)
            return run(runner, source, output_format)

        monkeypatch.setattr(DotRunner, "run", counted)
        url = poll_url(client.get("/graph/top").text)
        add(app, "right", deps=["base"], status="DONE")
        response = client.get(url)
        assert 'data-task-id="right" data-status="DONE"' in response.text
        assert formats == ["json0"]

    def test_a_task_that_went_away_leaves_a_sentence(self, client: FlaskClient) -> None:
        response = client.get("/fragments/graph/gone?v=0")
        assert response.status_code == 200
        assert "This task is gone" in response.text


class TestNames:
    @pytest.mark.parametrize("task_id", STRANGE_IDS)
    def test_page_documents_and_live_part_of_a_task_with_any_name_are_found(self, crowd: Flask, task_id: str) -> None:
        client = crowd.test_client()
        page = client.get(link(crowd, task_id))
        assert page.status_code == 200
        assert "1 task shown." in page.text
        with crowd.test_request_context():
            assert task_url(task_id).replace("&", "&amp;") in page.text
        assert nodes_of(client.get(link(crowd, task_id, ".svg")).data) == {task_id: "PENDING"}
        document = client.get(link(crowd, task_id, ".json")).json
        assert document is not None
        assert document["root"] == task_id
        assert document["nodes"][0]["url"] == link(crowd, task_id).replace("/graph", "/tasks", 1)
        add(crowd, task_id, status="DONE")
        assert 'data-status="DONE"' in client.get(poll_url(page.text)).text


class TestSuffixes:
    def test_a_task_called_like_a_document_wins_over_the_document(self, app: Flask, client: FlaskClient) -> None:
        add(app, "X")
        assert client.get("/graph/X.svg").mimetype == "image/svg+xml"
        add(app, "X.svg")
        assert client.get("/graph/X.svg").mimetype == "text/html"
        assert set(nodes_of(client.get("/graph/X.svg.svg").data)) == {"X.svg"}

    def test_the_documents_have_addresses_by_name(self, app: Flask) -> None:
        with app.test_request_context():
            assert url_for("graph.svg", task_id="a/b") == "/graph/a%2Fb.svg"
            assert url_for("graph.png", task_id="a") == "/graph/a.png"


@pytest.mark.usefixtures("diamond")
class TestDocuments:
    def test_the_svg_is_a_document_with_its_own_style_and_policy(self, client: FlaskClient) -> None:
        response = client.get("/graph/top.svg")
        assert response.mimetype == "image/svg+xml"
        assert response.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'unsafe-inline'")
        style = ElementTree.fromstring(response.data).findtext(f"{SVG}style") or ""
        assert "prefers-color-scheme: dark" in style
        assert "graph-canvas" not in style
        assert nodes_of(response.data) == {
            "top": "UPSTREAM_FAILED",
            "left": "FAILED",
            "right": "PENDING",
            "base": "DONE",
        }

    def test_the_svg_takes_the_options_of_the_page(self, client: FlaskClient) -> None:
        assert set(nodes_of(client.get("/graph/base.svg?direction=downstream&hide_done=1").data)) == {
            "base",
            "left",
            "right",
            "top",
        }

    def test_the_png_is_a_png(self, client: FlaskClient) -> None:
        response = client.get("/graph/top.png")
        assert response.mimetype == "image/png"
        assert response.data.startswith(b"\x89PNG")

    def test_the_dot_is_read_by_dot(self, client: FlaskClient) -> None:
        response = client.get("/graph/top.dot")
        assert response.mimetype == "text/vnd.graphviz"
        subprocess.run(["dot", "-Tplain"], input=response.data, capture_output=True, timeout=60, check=True)

    def test_the_json_has_nodes_and_edges(self, client: FlaskClient) -> None:
        document = json.loads(client.get("/graph/top.json").data)
        assert {node["task_id"]: node["status"] for node in document["nodes"]}["left"] == "FAILED"
        assert {"task": "top", "dependency": "left"} in document["edges"]

    @pytest.mark.parametrize("suffix", [".svg", ".png", ".dot", ".json"])
    def test_an_unchanged_document_is_not_sent_twice(self, app: Flask, client: FlaskClient, suffix: str) -> None:
        first = client.get(f"/graph/top{suffix}")
        assert first.headers["Cache-Control"] == "no-cache"
        tag = first.headers["ETag"]
        assert client.get(f"/graph/top{suffix}", headers={"If-None-Match": tag}).status_code == 304
        add(app, "right", status="DONE")
        assert client.get(f"/graph/top{suffix}", headers={"If-None-Match": tag}).status_code == 200

    def test_an_unknown_task_is_404_in_the_form_that_was_asked_for(self, client: FlaskClient) -> None:
        drawn = client.get("/graph/%3Cnothing%3E.svg")
        assert drawn.status_code == 404
        assert drawn.mimetype == "image/svg+xml"
        assert "The scheduler does not hold &lt;nothing&gt;." in drawn.text
        ElementTree.fromstring(drawn.data)
        error = client.get("/graph/nothing.json")
        assert error.status_code == 404
        assert error.json == {"error": {"code": "not_found", "message": "The scheduler does not hold nothing."}}
        assert client.get("/graph/nothing.png").status_code == 404
        assert client.get("/graph/nothing.dot").status_code == 404


@pytest.mark.usefixtures("diamond")
class TestTrouble:
    @pytest.fixture(autouse=True)
    def no_dot(self, app: Flask) -> None:
        app.extensions["luigiviz.graphs"] = GraphRenderer(DotRunner(executable="/nowhere/dot"))

    def test_the_page_lists_the_tasks_and_says_what_to_do(self, client: FlaskClient) -> None:
        response = client.get("/graph/top")
        assert response.status_code == 200
        assert "Install Graphviz" in response.text
        assert re.search(r'<details[^>]*id="graph-list"[^>]* open', response.text)
        assert 'href="/tasks/left"' in response.text

    def test_the_svg_says_it_as_a_picture(self, client: FlaskClient) -> None:
        response = client.get("/graph/top.svg")
        assert response.status_code == 503
        assert int(response.headers["Retry-After"]) > 0
        assert "The graph could not be drawn" in (ElementTree.fromstring(response.data).findtext(f"{SVG}title") or "")

    def test_the_png_says_it_in_words(self, client: FlaskClient) -> None:
        response = client.get("/graph/top.png")
        assert response.status_code == 503
        assert response.mimetype == "text/plain"
        assert "Install Graphviz" in response.text

    def test_dot_and_json_need_no_graphviz(self, client: FlaskClient) -> None:
        assert client.get("/graph/top.dot").status_code == 200
        assert client.get("/graph/top.json").status_code == 200


class TestIndex:
    def test_without_tasks_it_says_how_to_get_some(self, client: FlaskClient) -> None:
        assert "No tasks yet" in client.get("/graph").text

    @pytest.mark.usefixtures("diamond")
    def test_it_lists_tasks_that_nothing_else_waits_for(self, client: FlaskClient) -> None:
        page = client.get("/graph").text
        assert 'href="/graph/top"' in page
        assert 'href="/graph/base"' not in page

    @pytest.mark.usefixtures("diamond")
    def test_an_exact_id_leads_to_its_graph(self, client: FlaskClient) -> None:
        response = client.get("/graph?q=+left+")
        assert response.status_code == 302
        assert response.headers["Location"] == "/graph/left"

    @pytest.mark.usefixtures("diamond")
    def test_a_term_finds_tasks(self, client: FlaskClient) -> None:
        page = client.get("/graph?q=2026-05").text
        assert 'href="/graph/base"' in page
        assert "1 task with" in page

    @pytest.mark.usefixtures("diamond")
    def test_a_term_that_finds_nothing_says_so(self, client: FlaskClient) -> None:
        page = client.get("/graph?q=%3Cb%3Enothing").text
        assert "No such task" in page
        assert "<b>nothing" not in page

    @pytest.mark.usefixtures("diamond")
    def test_an_id_in_the_query_leads_to_its_graph(self, client: FlaskClient) -> None:
        response = client.get("/graph?task_id=left&hide_done=1")
        assert response.headers["Location"] == "/graph/left?hide_done=1"
