"""What a task's page knows beyond the row: what stands around it, its log, its past, its removal, its times."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient

from luigiviz.app import create_app
from luigiviz.config import Settings
from luigiviz.engine.config import SchedulerConfig
from tests.support import scene as s
from tests.support.html import Element, parse
from tests.web.conftest import Look

Call = Callable[..., Any]
MakeApp = Callable[..., Flask]


@pytest.fixture
def make_app(tmp_path: Path) -> Iterator[MakeApp]:
    made: list[Flask] = []

    def make(**settings: Any) -> Flask:
        made.append(create_app(Settings(state_dir=tmp_path, **settings)))
        return made[-1]

    yield make
    for app in made:
        app.extensions["luigiviz"].close()


def call_on(app: Flask) -> Call:
    service = app.extensions["luigiviz"].service
    return lambda method, **arguments: service.call(method, arguments)


def page_of(app: Flask, url: str) -> Element:
    response = app.test_client().get(url)
    assert response.status_code == 200
    return parse(response.text)


class TestSurroundings:
    def test_each_level_is_counted_by_status_and_a_task_counts_where_it_is_nearest(
        self, look: Look, call: Call
    ) -> None:
        s.finish_task(call, "w", "base", "DONE", family="F")
        for task_id, deps in (("left", ["base"]), ("right", ["base", "missing"]), ("top", ["left", "right", "base"])):
            call("add_task", worker="w", task_id=task_id, family="F", deps=deps)
        call("add_task", worker="w", task_id="over", family="F", deps=["top"])
        page = look("/tasks/over")
        levels = page.one("section", aria_labelledby="upstream-heading").all("li")
        assert [(level["data-distance"], level.one("span", class_="faint").text) for level in levels] == [
            ("1", "1 pending"),
            ("2", "2 pending, 1 done"),
            ("3", "1 unknown"),
        ]
        below = look("/tasks/base").one("section", aria_labelledby="downstream-heading")
        assert [level.one("span", class_="faint").text for level in below.all("li")] == ["3 pending", "1 pending"]

    def test_a_long_chain_is_cut_and_a_circle_ends(self, look: Look, call: Call) -> None:
        for number in range(9):
            call("add_task", worker="w", task_id=f"T{number}", family="F", deps=[f"T{(number + 1) % 9}"])
        section = look("/tasks/T0").one("section", aria_labelledby="upstream-heading")
        assert len(section.all("li")) == 5
        assert "More lies beyond" in section.text

    @pytest.mark.usefixtures("scene")
    def test_a_single_level_is_told_by_the_list_alone(self, look: Look) -> None:
        assert not look(f"/tasks/{s.FAILED}").all("section", aria_labelledby="upstream-heading")


@pytest.mark.usefixtures("scene")
class TestBlockers:
    def test_a_task_that_is_held_up_names_what_holds_it_up_with_its_error_and_the_button(
        self, look: Look, client: FlaskClient
    ) -> None:
        section = look(f"/tasks/{s.UPSTREAM_FAILED}").one("section", id="blockers")
        [item] = section.all("li")
        assert (item["data-task-id"], item["data-status"]) == (s.FAILED, "FAILED")
        assert "1 step upstream" in item.text
        error = item.one("a", class_="errtext")
        assert error.one("bdi").text == f"ValueError: {s.SCRIPT} “no euros”"
        assert error["href"] == f"/tasks/{s.FAILED}#error"
        answer = client.post(item.one("form")["action"])
        assert answer.headers["Location"] == f"/tasks/{s.UPSTREAM_FAILED}?notice=forgiven"
        assert not look(f"/tasks/{s.UPSTREAM_FAILED}").all("section", id="blockers")

    def test_what_the_scheduler_disabled_can_be_enabled_from_there(self, look: Look) -> None:
        section = look(f"/tasks/{s.UPSTREAM_DISABLED}").one("section", id="blockers")
        assert [item["data-task-id"] for item in section.all("li")] == [s.DISABLED]
        assert section.one("button").text == "Re-enable marketing.Newsletter"

    def test_what_nothing_holds_up_says_nothing(self, look: Look) -> None:
        for task_id in (s.FAILED, s.DONE, s.PENDING, s.RUNNING):
            assert not look(f"/tasks/{task_id}").all("section", id="blockers")


class TestLog:
    def test_the_link_names_task_family_host_worker_and_parameters_encoded(self, make_app: MakeApp) -> None:
        template = "https://logs.example/x?t={task_id}&f={family}&h={host}&w={worker}&d={params.date}#top"
        app = make_app(log_url=template)
        s.run_task(call_on(app), s.WORKER, "A(b=c/d)?#é", family="Fam&x=1", params={"date": "2026 11/24"})
        link = page_of(app, "/tasks/A%28b%3Dc%2Fd%29%3F%23%C3%A9").one("a", id="act-log")
        assert link["href"] == (
            "https://logs.example/x?t=A%28b%3Dc%2Fd%29%3F%23%C3%A9&f=Fam%26x%3D1&h=etl-07.example"
            "&w=Worker%28salt%3D0123456789%2C%20workers%3D2%2C%20host%3Detl-07.example%2C%20username%3Dluigi%2C%20pid%3D4123%29"
            "&d=2026%2011%2F24#top"
        )
        assert page_of(app, "/tasks").all("a", title="Log")[0]["href"] == link["href"]

    def test_the_host_of_a_worker_with_another_kind_of_id_is_what_it_told(self, make_app: MakeApp) -> None:
        app = make_app(log_url="https://logs.example/{host}")
        call = call_on(app)
        call("add_worker", worker="custom", info={"host": "box-3"})
        s.run_task(call, "custom", "T", family="F")
        assert page_of(app, "/tasks/T").one("a", id="act-log")["href"] == "https://logs.example/box-3"

    def test_there_is_no_link_where_something_is_not_known_or_without_the_setting(
        self, make_app: MakeApp, look: Look, call: Call
    ) -> None:
        app = make_app(log_url="https://logs.example/{params.date}")
        for add, page in ((call_on(app), lambda url: page_of(app, url)), (call, look)):
            add("add_task", worker="w", task_id="T", family="F", params={"day": "1"})
            assert not page("/tasks/T").all("a", id="act-log")


class TestHistory:
    def test_past_attempts_are_listed_newest_first(self, make_app: MakeApp, tmp_path: Path) -> None:
        app = make_app(
            scheduler=SchedulerConfig(record_task_history=True), history_url=f"sqlite:///{tmp_path}/history.db"
        )
        call = call_on(app)
        s.finish_task(call, "w", "T", "FAILED", family="F")
        call("forgive_failures", task_id="T")
        s.finish_task(call, "w", "T", "DONE", family="F")
        assert app.extensions["luigiviz"].history.flush(30)
        page = page_of(app, "/tasks/T")
        attempts = page.one("section", id="attempts")
        outcomes = [row.all("td")[1].text for row in attempts.all("tr") if row.get("data-record-id")]
        assert outcomes == ["Done", "Failed"]
        assert app.test_client().get(attempts["hx-get"]).status_code == 204

    def test_without_a_history_nothing_is_said(self, look: Look, call: Call) -> None:
        call("add_task", worker="w", task_id="T", family="F")
        assert look("/tasks/T").one("section", id="attempts").text == ""


class TestRemoval:
    def test_a_task_that_nobody_wants_says_when_it_will_be_forgotten(self, make_app: MakeApp) -> None:
        app = make_app(scheduler=SchedulerConfig(worker_disconnect_delay=0, remove_delay=3600))
        call = call_on(app)
        s.finish_task(call, "w", "T", "DONE", family="F")
        call("prune")
        call("prune")
        assert "it will be forgotten in 59 min" in page_of(app, "/tasks/T").one("p", id="removal").text


class TestPhantoms:
    def test_a_task_whose_worker_is_silent_or_gone_may_only_seem_to_run(self, make_app: MakeApp) -> None:
        app = make_app()
        s.run_task(call_on(app), "quiet", "T", family="F")
        assert not page_of(app, "/tasks/T").all("p", id="phantom")
        state = app.extensions["luigiviz"].service.read(lambda state, _now: lambda: state)
        state.workers["quiet"].last_active -= 45
        note = page_of(app, "/tasks/T").one("p", id="phantom")
        assert "is silent for 45 s" in note.text
        assert "do=release&task_id=T" in note.all("a")[1]["href"]
        row = page_of(app, "/tasks").one("tbody", id="task-rows").all("tr")[0]
        assert "do=release&task_id=T" in row.one("a", title="Release…")["href"]
        assert "silent for 45 s" in next(cell for cell in row.all("td") if cell["data-label"] == "Worker").text
        del state.workers["quiet"]
        assert "is not connected" in page_of(app, "/tasks/T").one("p", id="phantom").text


class TestTimes:
    def test_they_are_shown_in_the_configured_zone_with_utc_in_the_title(self, make_app: MakeApp) -> None:
        app = make_app(time_zone=ZoneInfo("Asia/Kathmandu"))
        call_on(app)("add_task", worker="w", task_id="T", family="F")
        page = page_of(app, "/tasks/T")
        moments = page.one("div", id="task").all("time")
        assert moments
        for moment in moments:
            assert moment["title"].endswith(" UTC")
            assert moment["datetime"].endswith("Z")
            assert moment.one("span", class_="time__abs").text.endswith(" +0545")
        assert "times in +0545 (UTC+05:45)" in page.one("footer").text
