"""The pipelines page: which roots are fine, how far they are, what blocks them and what is left."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from luigiviz.app import create_app
from luigiviz.config import Settings
from luigiviz.engine.config import SchedulerConfig
from luigiviz.store.events import HistoryEvent
from tests.support import scene as s
from tests.support.html import Element, parse
from tests.web.conftest import Look, rested

Call = Callable[..., Any]


def pipelines(page: Element) -> dict[str, Element]:
    return {item["data-task-id"]: item for item in page.all("li", class_="pipeline")}


@pytest.mark.usefixtures("scene")
class TestScene:
    def test_roots_in_trouble_come_first_and_name_what_blocks_them(self, look: Look) -> None:
        page = look("/pipelines")
        found = pipelines(page)
        assert list(found) == [s.UPSTREAM_DISABLED, s.UPSTREAM_FAILED, s.PENDING]
        counts = {key: page.one("a", id=f"standing-{key}")["data-count"] for key in ("troubled", "going", "finished")}
        assert counts == {"troubled": "2", "going": "1", "finished": "0"}
        troubled = found[s.UPSTREAM_FAILED]
        assert troubled.one("svg", class_="mix")["aria-label"] == "1 done, 1 failed, 1 upstream failed"
        assert "1 of 3 done" in troubled.text
        [blocker] = troubled.one("div", class_="pipeline__block").all("li")
        assert (blocker["data-task-id"], blocker["data-status"]) == (s.FAILED, "FAILED")
        assert f"/tasks/{s.FAILED}#error" in {link["href"] for link in blocker.all("a")}

    def test_standing_search_and_single_tasks_are_in_the_url(self, look: Look) -> None:
        page = look("/pipelines")
        going = look(page.one("a", id="standing-going")["href"])
        assert list(pipelines(going)) == [s.PENDING]
        assert list(pipelines(look("/pipelines?q=daily"))) == [s.UPSTREAM_FAILED]
        alone = next(link for link in page.all("a") if link.text == "Show them, too")
        found = pipelines(look(alone["href"]))
        assert s.ODD_IDS[-1] in found
        assert len(found) == 20
        assert "No pipeline matches" in look("/pipelines?q=nosuch").text

    @pytest.mark.parametrize("query", ["standing=odd", "page=0", "page=x"])
    def test_nonsense_is_answered_400(self, client: FlaskClient, query: str) -> None:
        assert client.get(f"/pipelines?{query}").status_code == 400

    def test_polls_are_answered_204_until_something_changes(self, look: Look, client: FlaskClient, call: Call) -> None:
        poll = look("/pipelines?standing=going").one("div", id="pipelines")["hx-get"]
        assert client.get(poll).status_code == 204
        poll = rested(poll)
        call("add_task", worker="w", task_id="New", family="New", deps=["x"])
        assert list(pipelines(parse(client.get(poll).text))) == ["New", s.PENDING]


def test_a_count_that_stands_for_a_few_seconds_is_replaced_although_nothing_else_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = create_app(Settings(state_dir=tmp_path))
    service, client, now = app.extensions["luigiviz"].service, app.test_client(), 1_700_000_000.0
    monkeypatch.setattr(service, "_clock", lambda: now)
    for task_id, deps in (("a", []), ("b", []), ("root", ["a", "b"])):
        service.call("add_task", {"worker": "w", "task_id": task_id, "family": task_id, "deps": deps})
    service.call("get_work", {"worker": "w"})
    assert "1 running" in pipelines(parse(client.get("/pipelines").text))["root"].text
    service.call("get_work", {"worker": "w"})
    page = parse(client.get("/pipelines").text)
    assert "1 running" in pipelines(page)["root"].text, "counted again at once: this test shows nothing"
    poll = page.one("div", id="pipelines")["hx-get"]
    assert client.get(poll).status_code == 204
    now += 4
    assert "2 running" in pipelines(parse(client.get(poll).text))["root"].text
    app.extensions["luigiviz"].close()


def test_without_tasks_it_says_how_to_get_some(look: Look) -> None:
    assert "No pipelines yet" in look("/pipelines").text


def test_only_single_tasks_are_offered(look: Look, call: Call) -> None:
    call("add_task", worker="w", task_id="T", family="F")
    page = look("/pipelines")
    assert "All tasks stand alone" in page.text
    assert list(pipelines(look(page.one("main").all("a", class_="btn")[0]["href"]))) == ["T"]


def test_what_is_left_is_estimated_from_the_history(tmp_path: Path) -> None:
    app = create_app(
        Settings(
            scheduler=SchedulerConfig(record_task_history=True),
            state_dir=tmp_path,
            history_url=f"sqlite:///{tmp_path}/history.db",
        )
    )
    parts = app.extensions["luigiviz"]
    for number in range(3):
        at = parts.service.now() - 90_000 + number
        events = [("RUNNING", at), ("DONE", at + 600)]
        parts.history.record([HistoryEvent(f"Old_{number}", "Step", {}, name, "h", when) for name, when in events])
    assert parts.history.flush(30)
    for task_id, family, deps in (("a", "Step", []), ("b", "Step", ["a"]), ("c", "Other", ["b"])):
        parts.service.call("add_task", {"worker": "w", "task_id": task_id, "family": family, "deps": deps})
    item = pipelines(parse(app.test_client().get("/pipelines").text))["c"]
    assert "about 20 min 00 s left or more" in item.text
    assert "not begun" in item.text
    parts.close()
