"""Workers as a list and one by one, who waits for resources, and who paused the scheduler."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient

from luigiviz.app import create_app
from luigiviz.config import Settings
from luigiviz.service import Service
from luigiviz.web.urls import worker_url
from tests.support import scene as s
from tests.support.html import Element, parse
from tests.web.conftest import Look

Call = Callable[..., Any]


def cards(page: Element) -> list[str]:
    return [card["data-worker-id"] for card in page.all("article", class_="card")]


@pytest.mark.usefixtures("scene")
class TestList:
    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ({"q": "etl-07"}, [s.WORKER]),
            ({"q": "LUIGI 4123"}, [s.WORKER]),
            ({"q": "daily"}, [s.WORKER]),
            ({"q": "nobody"}, []),
            ({"sort": "running", "q": "etl"}, [s.WORKER, s.SECOND_WORKER]),
            ({"sort": "messages", "q": "etl"}, [s.SECOND_WORKER, s.WORKER]),
            ({"sort": "host", "q": "etl"}, [s.WORKER, s.SECOND_WORKER]),
        ],
        ids=str,
    )
    def test_it_is_searched_and_sorted_by_url(self, look: Look, query: dict[str, str], found: list[str]) -> None:
        page = look(f"/workers?{urlencode(query)}")
        # Both that run something run one task each; ties keep the order in which workers came.
        assert sorted(cards(page)) == sorted(found) if query.get("sort") == "running" else cards(page) == found

    def test_polls_and_ways_back_keep_search_and_order(self, look: Look) -> None:
        page = look("/workers?q=etl-07&sort=host")
        assert "q=etl-07&sort=host" in page.one("div", id="workers")["hx-get"]
        assert all(
            "next=/workers?q%3Detl-07%26sort%3Dhost" in form["action"] for form in page.one("article").all("form")
        )

    @pytest.mark.parametrize("query", ["sort=colour", "page=0", "page=x"])
    def test_nonsense_is_answered_400(self, client: FlaskClient, query: str) -> None:
        assert client.get(f"/workers?{query}").status_code == 400


def test_hundreds_of_workers_are_paged(look: Look, call: Call) -> None:
    for number in range(100):
        call("add_worker", worker=f"w{number:03}", info={"host": f"h{number:03}", "pid": number})
    page = look("/workers?sort=host")
    assert len(cards(page)) == 48
    assert "1\u201348 of 100 workers" in page.text
    assert len(cards(look(page.all("a", rel="next")[0]["href"]))) == 48
    assert len(cards(look("/workers?sort=host&page=99"))) == 4


def test_a_silent_worker_is_warned_of_before_it_is_taken_for_dead(tmp_path: Path) -> None:
    app = create_app(Settings(state_dir=tmp_path))
    service: Service = app.extensions["luigiviz"].service
    service.call("ping", {"worker": "quiet"})
    state = service.read(lambda state, _now: lambda: state)
    state.workers["quiet"].last_active -= 40
    page = parse(app.test_client().get("/workers").text)
    assert "1 worker has been silent for long" in page.one("p", id="late-workers").text
    assert "taken for dead in 19 s" in page.one("article").text
    assert "taken for dead in 19 s" in parse(app.test_client().get("/workers/quiet").text).text
    app.extensions["luigiviz"].close()


@pytest.mark.usefixtures("scene")
class TestOne:
    def test_a_worker_has_a_page_with_what_it_runs_and_what_failed_on_it(self, look: Look, app: Flask) -> None:
        with app.test_request_context():
            page = look(worker_url(s.WORKER))
        lists = {
            section.one("h2").text.rpartition(" ")[0]: {item["data-task-id"] for item in section.all("li")}
            for section in page.all("section", class_="panel")
            if section.all("h2")
        }
        assert lists["Runs now"] == {s.RUNNING}
        assert lists["Failed on it"] == {s.FAILED}
        assert s.DONE in lists["Done by it"]
        assert page.one("input", id="steer-n")["value"] == "2"

    def test_what_is_left_to_it_is_named_on_its_page_and_linked_from_its_card(
        self, look: Look, app: Flask, call: Call
    ) -> None:
        for number in range(25):
            call("add_task", worker=s.SECOND_WORKER, task_id=f"L_{number:02}", family="L", priority=number)
        with app.test_request_context():
            left = look(worker_url(s.SECOND_WORKER)).one("section", id="left")
        assert left.one("h2").text == "Has left 25"
        assert [item["data-task-id"] for item in left.all("li")] == [f"L_{number:02}" for number in range(24, 4, -1)]
        assert "only it can run this" in left.all("li")[0].text
        everything = look(next(link["href"] for link in left.all("a") if link.text == "All 25"))
        assert "1\u201325 of 25 tasks" in everything.one(id="pager").text
        card = next(card for card in look("/workers").all("article") if card["data-worker-id"] == s.SECOND_WORKER)
        link = card.one("dl", class_="tiles").one("a")
        assert link.text == "25 pending tasks of etl-08.example"
        assert "1\u201325 of 25 tasks" in look(link["href"]).one(id="pager").text

    def test_tasks_and_workers_link_to_each_other(self, look: Look) -> None:
        link = look(f"/tasks/{s.FAILED}").one("section", id="error").one("a", class_="worker")
        page = look(link["href"])
        assert page.one("div", id="worker")["data-worker-id"] == s.WORKER
        assert f"/tasks/{s.FAILED}" in {back["href"] for back in page.all("a")}

    @pytest.mark.parametrize("worker", [s.HOSTILE_WORKER, *s.ODD_IDS], ids=lambda worker: ascii(worker[:20]))
    def test_ids_of_any_kind_have_a_page(self, look: Look, call: Call, app: Flask, worker: str) -> None:
        call("ping", worker=worker)
        with app.test_request_context():
            url = worker_url(worker)
        page = look(url)
        assert page.one("div", id="worker")["data-worker-id"] == worker
        assert not page.all("img", src="x")

    def test_one_that_left_is_remembered_by_its_tasks_and_one_that_never_was_is_404(
        self, look: Look, client: FlaskClient, call: Call, service: Service
    ) -> None:
        s.finish_task(call, "gone", "T", "FAILED", family="F")
        state = service.read(lambda state, _now: lambda: state)
        state.remove_worker(state.workers["gone"])
        page = look("/workers/gone")
        assert "does not hold this worker" in page.text
        assert "T" in {item.get("data-task-id") for item in page.all("li")}
        assert client.get("/workers/never").status_code == 404

    def test_its_page_follows_by_itself(self, look: Look, client: FlaskClient, call: Call) -> None:
        poll = look("/workers/" + urlencode({"": s.WORKER})[1:].replace("+", "%20")).one("div", id="worker")["hx-get"]
        assert client.get(poll).status_code == 204
        call("add_task", worker=s.WORKER, task_id=s.RUNNING, status="FAILED", expl="x")
        assert s.RUNNING in {item.get("data-task-id") for item in parse(client.get(poll).text).all("li")}


@pytest.mark.usefixtures("scene")
class TestResources:
    def test_who_holds_a_resource_and_who_waits_for_it_is_named(self, look: Look, call: Call) -> None:
        for number in range(12):
            call("add_task", worker="w", task_id=f"W_{number}", family="W", resources={"gpu": 1, "new": 2})
        resources = {item["data-resource"]: item for item in look("/resources").all("li", class_="resource")}
        waiting = resources["gpu"].one("details")
        assert waiting.one("summary").text == "12 tasks are ready and ask for it"
        assert [item["data-task-id"] for item in waiting.all("li")] == [f"W_{number}" for number in range(10)]
        assert "and 2 more" in waiting.text
        assert "0 of 1 in use" in resources["new"].text

    def test_what_runs_a_batch_counts_as_holder(self, look: Look) -> None:
        resources = {item["data-resource"]: item for item in look("/resources").all("li", class_="resource")}
        holders = resources["database"].one("ul", class_="refs").all("li")
        assert [(item["data-task-id"], "holds 1" in item.text) for item in holders] == [(s.BATCH, True)]


class TestPause:
    def test_the_banner_says_since_when_and_by_whom(self, client: FlaskClient, look: Look) -> None:
        client.post("/actions/pause", environ_base={"REMOTE_ADDR": "192.0.2.7"})
        banner = look("/workers").one("p", id="paused-banner")
        assert "by 192.0.2.7" in banner.text
        assert banner.one("time")["title"].endswith(" UTC")

    @pytest.mark.parametrize(("trusted", "who"), [(1, "Grace Hopper"), (0, "192.0.2.7")])
    def test_a_trusted_proxy_says_who_the_user_is(self, tmp_path: Path, trusted: int, who: str) -> None:
        app = create_app(Settings(state_dir=tmp_path, trusted_proxies=trusted))
        client, headers = app.test_client(), {"X-Forwarded-User": "Grace Hopper"}
        client.post("/actions/pause", headers=headers, environ_base={"REMOTE_ADDR": "192.0.2.7"})
        assert f"by {who}." in parse(client.get("/workers").text).one("p", id="paused-banner").text
        app.extensions["luigiviz"].close()

    def test_a_restart_keeps_the_pause_and_who_made_it_when(self, tmp_path: Path) -> None:
        banners: list[Element] = []
        for _ in range(2):
            app = create_app(Settings(state_dir=tmp_path, database_url=f"sqlite:///{tmp_path}/state.db"))
            client = app.test_client()
            if not banners:
                client.post("/actions/pause", environ_base={"REMOTE_ADDR": "192.0.2.7"})
            banners.append(parse(client.get("/workers").text).one("p", id="paused-banner"))
            app.extensions["luigiviz"].close()
        before, after = banners
        assert "by 192.0.2.7" in after.text
        assert after.one("time")["datetime"] == before.one("time")["datetime"]

    def test_a_client_of_the_api_does_not_say_who_it_is(self, look: Look, call: Call) -> None:
        call("pause")
        banner = look("/workers").one("p", id="paused-banner")
        assert " by " not in banner.text
        assert banner.one("time")
        call("unpause")
        assert not look("/workers").all("p", id="paused-banner")
