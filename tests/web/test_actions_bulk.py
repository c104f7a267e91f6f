"""Actions on many tasks: a question with exact counts, then the change, then a page that says what became of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient

from luigiviz.service import Service
from luigiviz.web.bulk import ACTIONS
from tests.support import scene as s
from tests.support.html import Element, parse
from tests.web.conftest import Look

Call = Callable[..., Any]


def fail(call: Call, count: int, family: str = "Fam") -> list[str]:
    """Make so many failed tasks."""
    ids = [f"{family}_{number}" for number in range(count)]
    for task_id in ids:
        s.finish_task(call, "w", task_id, "FAILED", family=family)
    return ids


def unchanged(result: Element) -> dict[str, list[str]]:
    """What stayed as it was: the first tasks by the reason, with how many there are."""
    kinds = result.one("div", id="unchanged").all("details")
    return {kind.one("summary").text: [item["data-task-id"] for item in kind.all("li")] for kind in kinds}


def statuses(service: Service, family: str = "Fam") -> dict[str, int]:
    return next((dict(count.by_status) for count in service.families() if count.family == family), {})


def submit(client: FlaskClient, page: Element) -> Element:
    """Press the confirmation page's button; the result page."""
    form = page.one("section", id="bulk").one("form")
    fields = [(field["name"], field["value"]) for field in form.all("input")]
    response = client.post(form["action"], data={"task": [value for _, value in fields]} if fields else {})
    assert response.status_code == 303
    return parse(client.get(response.headers["Location"]).text)


class TestEverythingThatMatches:
    def test_it_asks_with_the_exact_count_then_changes_all_pages_of_the_filter(
        self, client: FlaskClient, look: Look, call: Call, service: Service
    ) -> None:
        fail(call, 260)
        fail(call, 3, "Other")
        table = look("/tasks?status=FAILED&family=Fam&size=25&page=2")
        link = next(link for link in table.all("a") if link.text == "Retry all that match…")
        question = look(link["href"])
        assert question.one("section", id="bulk")["data-count"] == "260"
        assert question.one("h1").text == "Retry 260 tasks?"
        assert statuses(service) == {"FAILED": 260}
        result = submit(client, question)
        assert result.one("section", id="bulk-result")["data-changed"] == "260"
        assert statuses(service) == {"PENDING": 260}
        assert statuses(service, "Other") == {"FAILED": 3}
        back = result.one("main").all("a", class_="btn--primary")[0]["href"]
        assert back == "/tasks?status=FAILED&family=Fam&size=25&page=2"

    @pytest.mark.usefixtures("scene")
    @pytest.mark.parametrize(
        ("action", "changes"),
        [
            ("forgive", {s.FAILED: "PENDING"}),
            ("re-enable", {s.DISABLED: "FAILED"}),
            ("mark-as-done", {s.FAILED: "DONE", s.DISABLED: "DONE", s.RUNNING: "DONE", s.BATCH: "DONE"}),
            ("release", {s.RUNNING: "PENDING", s.BATCH_MEMBERS[0]: "PENDING", s.BATCH_MEMBERS[1]: "PENDING"}),
        ],
    )
    def test_what_does_not_fit_stays_and_it_is_said_why(
        self, client: FlaskClient, look: Look, service: Service, action: str, changes: dict[str, str]
    ) -> None:
        question = look(f"/actions/bulk?do={action}")
        assert question.one("p", id="staying").text
        result = submit(client, question)
        for task_id, status in changes.items():
            detail = service.task_detail(task_id)
            assert detail is not None
            assert (task_id, detail.row.status) == (task_id, status)
        stayed = unchanged(result)
        assert any(reason.endswith(" pending") for reason in stayed)
        fitting = int(question.one("section", id="bulk")["data-count"])
        assert result.one("section", id="bulk-result")["data-changed"] == str(fitting)
        assert s.PENDING in {task_id for tasks in stayed.values() for task_id in tasks}
        assert not set(changes) & {task_id for tasks in stayed.values() for task_id in tasks}

    def test_if_nothing_fits_there_is_nothing_to_press(self, look: Look, call: Call) -> None:
        call("add_task", worker="w", task_id="P", family="Fam")
        page = look("/actions/bulk?do=forgive&family=Fam")
        assert page.one("h1").text == "Nothing to retry"
        assert "only failed tasks can be retried" in page.text
        assert not page.all("button", id="confirm")

    def test_a_parameter_value_and_a_search_narrow_it_too(self, look: Look, call: Call) -> None:
        for number in range(4):
            s.finish_task(call, "w", f"F_{number}", "FAILED", family="Fam", params={"n": str(number % 2)})
        assert look("/actions/bulk?do=forgive&param=n&value=1").one(id="bulk")["data-count"] == "2"
        assert look("/actions/bulk?do=forgive&q=F_3").one(id="bulk")["data-count"] == "1"


class TestTickedTasks:
    def test_only_ticked_tasks_change_and_ids_arrive_whole(
        self, client: FlaskClient, look: Look, call: Call, service: Service
    ) -> None:
        for task_id in s.ODD_IDS:
            s.finish_task(call, "w", task_id, "FAILED", family="odd")
        fail(call, 2)
        table = look("/tasks?family=odd&select=all")
        form = table.one("form", id="selection")
        ticked = [box["value"] for box in form.all("input", type="checkbox") if "checked" in box.attributes]
        question = parse(client.post(form["action"], data={"do": "forgive", "task": ticked}).text)
        assert question.one("section", id="bulk")["data-count"] == str(len(s.ODD_IDS))
        result = submit(client, question)
        assert result.one("section", id="bulk-result")["data-changed"] == str(len(s.ODD_IDS))
        assert statuses(service, "odd") == {"PENDING": len(s.ODD_IDS)}
        assert statuses(service) == {"FAILED": 2}

    def test_what_changed_meanwhile_is_left_alone_and_named(
        self, client: FlaskClient, call: Call, service: Service
    ) -> None:
        ids = fail(call, 3)
        data = {"do": "forgive", "task": [*ids, "Gone_1"]}
        question = parse(client.post("/actions/bulk/selection?next=/tasks", data=data).text)
        assert (
            question.one("p", id="staying").text == "Those that stay as they are: 1 not held by the scheduler any more."
        )
        call("mark_as_done", task_id=ids[0])
        result = submit(client, question)
        assert result.one("section", id="bulk-result")["data-changed"] == "2"
        assert unchanged(result) == {"1 done": [ids[0]]}
        link = result.one("div", id="unchanged").one("a")
        assert link["href"] == f"/tasks/{ids[0]}"
        assert statuses(service) == {"PENDING": 2, "DONE": 1}

    def test_without_a_ticked_box_nothing_is_asked_for(self, client: FlaskClient, call: Call) -> None:
        fail(call, 1)
        page = parse(client.post("/actions/bulk/selection", data={"do": "forgive"}).text)
        assert "No task was chosen" in page.text
        assert not page.all("button", id="confirm")


@pytest.mark.usefixtures("scene")
class TestCare:
    @pytest.mark.parametrize("action", ACTIONS)
    def test_asking_changes_nothing(self, client: FlaskClient, service: Service, action: str) -> None:
        before = service.version()
        assert client.get(f"/actions/bulk?do={action}").status_code == 200
        client.post("/actions/bulk/selection", data={"do": action, "task": [s.FAILED, s.RUNNING, s.DISABLED]})
        assert service.version() == before

    @pytest.mark.parametrize("query", ["", "do=explode", "do=forgive&status=NONE", "do=forgive&sort=x"])
    def test_bad_input_is_answered_400_and_changes_nothing(
        self, client: FlaskClient, service: Service, query: str
    ) -> None:
        before = service.version()
        assert client.get(f"/actions/bulk?{query}").status_code == 400
        assert client.post(f"/actions/bulk?{query}").status_code == 400
        assert service.version() == before

    def test_another_site_cannot_ask_for_it(self, client: FlaskClient, service: Service) -> None:
        before = service.version()
        response = client.post("/actions/bulk?do=mark-as-done", headers={"Sec-Fetch-Site": "cross-site"})
        assert response.status_code == 403
        assert service.version() == before

    def test_a_result_can_be_looked_at_again_without_doing_it_again(
        self, client: FlaskClient, service: Service
    ) -> None:
        location = client.post("/actions/bulk?do=forgive").headers["Location"]
        before = service.version()
        assert client.get(location).status_code == client.get(location).status_code == 200
        assert service.version() == before
        assert client.get("/actions/bulk/result/unknown").status_code == 404


def test_a_single_task_can_be_released_from_its_page(
    client: FlaskClient, look: Look, call: Call, service: Service
) -> None:
    s.load_scene(call)
    page = look(f"/tasks/{s.RUNNING}")
    question = look(page.one("a", id="act-release")["href"])
    assert question.one("section", id="bulk")["data-count"] == "1"
    assert "may run a second time" in question.text
    submit(client, question)
    assert Counter(row.status for row in service.roots())["PENDING"]
    detail = service.task_detail(s.RUNNING)
    assert detail is not None
    assert detail.row.status == "PENDING"
    assert {view.name: view.used for view in service.resource_views()}["gpu"] == 0
    assert urlencode({"do": "release"}) in page.one("a", id="act-release")["href"]
