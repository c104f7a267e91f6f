"""Every action as a plain form: one POST, its effect in the scheduler, a redirect back, a notice of what happened."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient

from luigiviz.app import create_app
from luigiviz.config import Settings
from luigiviz.engine.config import SchedulerConfig
from luigiviz.service import Service
from luigiviz.web.layout import NOTICES
from tests.support import scene as s
from tests.support.html import Element, parse
from tests.web.conftest import Look

Call = Callable[..., Any]

ACTIONS = (
    "forgive",
    "re-enable",
    "mark-as-done",
    "pause",
    "resume",
    "disable-worker",
    "set-processes",
    "set-resource",
    "send-message",
)


def status(service: Service, task_id: str) -> str:
    detail = service.task_detail(task_id)
    assert detail is not None
    return detail.row.status


def submit(client: FlaskClient, page: Element, path: str, **fields: str) -> tuple[str, Element]:
    """Send the page's form that leads to ``path``, as a browser would; the notice's tone, and the page after it."""
    form = next(form for form in page.all("form") if form["action"].startswith(path))
    assert form["method"] == "post"
    given = {field["name"]: field.get("value") or "" for field in form.all("input") if field.get("name")}
    response = client.post(form["action"], data={**given, **fields})
    assert response.status_code == 303, response.text
    after = parse(client.get(response.headers["Location"]).text)
    notice = after.one("p", class_="notice")
    tone = "good" if "notice--good" in notice["class"] else "warn"
    assert notice.text in {text for _, text in NOTICES.values()}
    return tone, after


@pytest.mark.usefixtures("scene")
class TestTasks:
    def test_forgiving_makes_a_failed_task_pending_and_leads_back(
        self, client: FlaskClient, look: Look, service: Service
    ) -> None:
        tone, after = submit(client, look(f"/tasks/{s.FAILED}"), "/actions/forgive")
        assert tone == "good"
        assert status(service, s.FAILED) == "PENDING"
        assert after.one("div", id="task")["data-task-id"] == s.FAILED

    def test_the_table_has_the_action_too_and_leads_back_to_its_filter(
        self, client: FlaskClient, look: Look, service: Service
    ) -> None:
        table = look("/tasks?status=FAILED&q=clean").one("tbody", id="task-rows")
        form = next(form for form in table.all("form") if "/actions/forgive" in form["action"])
        response = client.post(form["action"])
        assert response.headers["Location"] == "/tasks?status=FAILED&q=clean&notice=forgiven"
        assert status(service, s.FAILED) == "PENDING"

    def test_enabling_a_disabled_task(self, client: FlaskClient, look: Look, service: Service) -> None:
        tone, _ = submit(client, look(f"/tasks/{s.DISABLED}"), "/actions/re-enable")
        assert tone == "good"
        assert status(service, s.DISABLED) == "FAILED"

    def test_marking_as_done_asks_first_and_says_who_waits(
        self, client: FlaskClient, look: Look, service: Service
    ) -> None:
        page = look(f"/tasks/{s.FAILED}")
        confirmation = look(page.one("a", id="act-done")["href"])
        assert "1 task waits for it" in confirmation.text
        assert status(service, s.FAILED) == "FAILED"
        tone, after = submit(client, confirmation, "/actions/mark-as-done")
        assert tone == "good"
        assert status(service, s.FAILED) == "DONE"
        assert status(service, s.UPSTREAM_FAILED) == "PENDING"
        assert after.one("div", id="task")["data-status"] == "DONE"

    def test_sending_a_message_and_reading_its_answer(self, client: FlaskClient, look: Look, call: Call) -> None:
        tone, after = submit(client, look(f"/tasks/{s.RUNNING}"), "/actions/send-message", content="status? é")
        assert tone == "good"
        waiting = after.one("div", id="message-answer")
        assert client.get(waiting["hx-get"]).status_code == 204
        messages = call("ping", worker=s.WORKER)["rpc_messages"]
        assert [message["kwargs"]["content"] for message in messages] == ["status? é"]
        message_id = messages[0]["kwargs"]["message_id"]
        call("add_scheduler_message_response", task_id=s.RUNNING, message_id=message_id, response="<b>epoch 3</b>")
        assert parse(client.get(waiting["hx-get"]).text).one("pre").text == "<b>epoch 3</b>"

    @pytest.mark.parametrize("action", ["forgive", "re-enable", "mark-as-done"])
    def test_what_an_action_cannot_change_stays_and_it_says_so(
        self, client: FlaskClient, service: Service, action: str
    ) -> None:
        for task_id in (s.DONE, "Gone_1"):
            response = client.post(f"/actions/{action}?{urlencode({'task_id': task_id})}")
            if action == "mark-as-done" and task_id == s.DONE:
                assert (
                    response.headers["Location"] == "/tasks?notice=marked-done"
                )  # it is done: that is what one wanted
                continue
            notice = response.headers["Location"].rpartition("notice=")[2]
            assert NOTICES[notice][0] == "warn"
        assert status(service, s.DONE) == "DONE"
        assert service.task_detail("Gone_1") is None

    def test_a_message_to_a_task_that_takes_none_is_not_sent(self, client: FlaskClient, call: Call) -> None:
        query = urlencode({"task_id": s.FAILED})
        response = client.post(f"/actions/send-message?{query}", data={"content": "x"})
        assert response.headers["Location"] == "/tasks?notice=message-no-task"
        assert call("ping", worker=s.WORKER) == {"rpc_messages": []}


def test_ids_of_any_kind_arrive_whole(client: FlaskClient, look: Look, call: Call, service: Service) -> None:
    for task_id in s.ODD_IDS:
        s.finish_task(call, s.HOSTILE_WORKER, task_id, "FAILED", family="odd")
    table = look("/tasks?status=FAILED").one("tbody", id="task-rows")
    forms = {
        row["data-task-id"]: next(form["action"] for form in row.all("form") if "/actions/forgive" in form["action"])
        for row in table.all("tr")
    }
    assert set(forms) == set(s.ODD_IDS)
    for task_id, action in forms.items():
        client.post(action)
        assert status(service, task_id) == "PENDING"


@pytest.mark.usefixtures("scene")
class TestWorkersResourcesPause:
    def test_pausing_and_resuming(self, client: FlaskClient, look: Look, service: Service) -> None:
        _, after = submit(client, look("/workers"), "/actions/pause")
        assert service.overview().paused
        assert "The scheduler is paused" in after.one("p", id="paused-banner").text
        submit(client, after, "/actions/resume")
        assert not service.overview().paused

    def test_without_pause_enabled_there_is_no_button_and_no_effect(self) -> None:
        app = create_app(Settings(scheduler=SchedulerConfig(pause_enabled=False)))
        client = app.test_client()
        assert "/actions/pause" not in client.get("/tasks").text
        assert client.post("/actions/pause").status_code == 403
        assert not app.extensions["luigiviz"].service.overview().paused
        app.extensions["luigiviz"].close()

    def test_disabling_a_worker_asks_first(self, client: FlaskClient, look: Look, service: Service) -> None:
        card = next(card for card in look("/workers").all("article") if card["data-worker-id"] == s.WORKER)
        confirmation = look(next(link["href"] for link in card.all("a") if "disable-worker" in link["href"]))
        assert s.RUNNING.partition("_")[0] in confirmation.text
        submit(client, confirmation, "/actions/disable-worker")
        assert {view.name for view in service.worker_views() if view.state == "disabled"} == {s.WORKER}

    @pytest.mark.parametrize(("button", "wanted"), [("-less", 1), ("-more", 3), ("-n", 7)])
    def test_setting_processes_by_one_or_to_a_number(
        self, client: FlaskClient, look: Look, call: Call, button: str, wanted: int
    ) -> None:
        card = next(card for card in look("/workers").all("article") if card["data-worker-id"] == s.WORKER)
        form = next(
            form for form in card.all("form") if any((part.get("id") or "").endswith(button) for part in form.walk())
        )
        response = client.post(form["action"], data={"n": "7"} if button == "-n" else {})
        assert response.status_code == 303
        messages = call("ping", worker=s.WORKER)["rpc_messages"]
        assert [(message["name"], message["kwargs"]) for message in messages] == [
            ("set_worker_processes", {"n": wanted})
        ]

    @pytest.mark.parametrize(("button", "wanted"), [("-less", 3), ("-more", 5), ("-n", 9)])
    def test_setting_a_resource_by_one_or_to_a_number(
        self, client: FlaskClient, look: Look, service: Service, button: str, wanted: int
    ) -> None:
        item = next(item for item in look("/resources").all("li") if item.get("data-resource") == "database")
        form = next(
            form for form in item.all("form") if any((part.get("id") or "").endswith(button) for part in form.walk())
        )
        client.post(form["action"], data={"amount": "9"} if button == "-n" else {})
        assert {view.name: view.total for view in service.resource_views()}["database"] == wanted


@pytest.mark.usefixtures("scene")
class TestBadInput:
    @pytest.mark.parametrize(
        "path",
        [
            "forgive",
            "re-enable",
            "mark-as-done",
            "disable-worker",
            "set-processes?worker=w",
            "set-processes?worker=w&n=x",
            "set-processes?worker=w&n=0",
            "set-processes?worker=w&n=-1",
            "set-processes?worker=w&n=1e3",
            "set-processes?worker=w&n=100000",
            "set-resource?resource=gpu",
            "set-resource?resource=gpu&amount=-3",
            "set-resource?resource=gpu&amount=½",
            "set-resource?amount=3",
            "send-message?task_id=x",
        ],
    )
    def test_it_is_answered_400_in_words_and_changes_nothing(
        self, client: FlaskClient, service: Service, path: str
    ) -> None:
        before = service.version()
        response = client.post(f"/actions/{path}")
        assert response.status_code == 400
        assert parse(response.text).one("h1").text
        assert service.version() == before

    def test_a_worker_that_is_not_connected_is_not_invented(self, client: FlaskClient, service: Service) -> None:
        before = service.version()
        for path in ("disable-worker?worker=ghost", "set-processes?worker=ghost&n=2"):
            assert client.post(f"/actions/{path}").headers["Location"] == "/tasks?notice=worker-gone"
        assert service.version() == before

    @pytest.mark.parametrize("action", ACTIONS)
    def test_a_get_request_changes_nothing(self, client: FlaskClient, service: Service, action: str) -> None:
        before = service.version()
        query = urlencode({"task_id": s.FAILED, "worker": s.WORKER, "n": 3, "amount": 3, "resource": "gpu"})
        assert client.get(f"/actions/{action}?{query}").status_code in (200, 405)
        assert service.version() == before

    @pytest.mark.parametrize(
        "target",
        [
            "https://evil.example/",
            "//evil.example/",
            "/\\evil.example",
            "javascript:alert(1)",
            "\t//evil.example",
            "relative",
        ],
    )
    def test_the_way_back_never_leads_to_another_site(self, client: FlaskClient, target: str) -> None:
        response = client.post(f"/actions/pause?{urlencode({'next': target})}")
        assert response.headers["Location"] == "/tasks?notice=paused"

    def test_only_known_notices_are_shown(self, look: Look) -> None:
        page = look("/tasks?notice=%3Cb%3Eyou+have+been+hacked")
        assert not page.all("p", class_="notice")
        assert "hacked" not in page.one("main").text
