"""What pages show: the dashboard with its filters, the page of a task, workers and resources, and names of any kind."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient

from luigiviz.engine.statuses import DISPLAY_STATUSES
from luigiviz.engine.views import SORT_KEYS
from luigiviz.service import Service
from luigiviz.web.live import NEWS
from luigiviz.web.urls import graph_url, task_url
from tests.support import scene as s
from tests.support.html import Element, parse
from tests.web.conftest import Look, rested

PAGES = (
    "/tasks",
    "/tasks?select=all",
    "/static/visualiser/index.html",
    "/actions/bulk?do=release",
    "/pipelines?single=1",
    "/grid",
    f"/grid/odd.{quote(s.SCRIPT, safe='')}",
    "/graph",
    "/workers",
    f"/workers/{quote(s.HOSTILE_WORKER, safe='')}",
    "/resources",
    "/history",
    "/tasklist",
)


def rows(page: Element) -> dict[str, str]:
    """The status of each task in the table."""
    return {row["data-task-id"]: row["data-status"] for row in page.one("tbody", id="task-rows").all("tr", role="row")}


def path_of(app: Flask, task_id: str) -> str:
    with app.test_request_context():
        return task_url(task_id)


class TestDashboard:
    @pytest.mark.usefixtures("scene")
    def test_a_box_for_each_status_has_its_count(self, look: Look, call: Callable[..., Any]) -> None:
        page = look("/tasks")
        counts = {status: int(page.one("a", id=f"status-{status}")["data-count"]) for status in DISPLAY_STATUSES}
        assert sum(counts.values()) == len(call("task_list"))
        assert {status: counts[status] for status in ("DONE", "FAILED", "DISABLED", "UPSTREAM_FAILED")} == {
            "DONE": 3,
            "FAILED": 1,
            "DISABLED": 1,
            "UPSTREAM_FAILED": 1,
        }
        assert page.one("a", id="status-DONE").text == "3 Done"

    @pytest.mark.usefixtures("scene")
    def test_every_task_is_a_row_with_its_status_newest_first(self, look: Look) -> None:
        found = rows(look("/tasks?size=100"))
        assert found.items() >= s.STATUS_OF.items()
        assert set(s.ODD_IDS) <= set(found)
        assert next(iter(found)) == s.ODD_IDS[-1]

    @pytest.mark.usefixtures("scene")
    def test_a_box_filters_by_its_status_and_two_boxes_show_both(self, look: Look) -> None:
        page = look("/tasks")
        failed = look(page.one("a", id="status-FAILED")["href"])
        assert set(rows(failed).values()) == {"FAILED"}
        assert failed.one("a", id="status-FAILED")["aria-current"] == "true"
        both = look(failed.one("a", id="status-UPSTREAM_FAILED")["href"])
        assert rows(both) == {s.FAILED: "FAILED", s.UPSTREAM_FAILED: "UPSTREAM_FAILED"}
        off_again = look(both.one("a", id="status-FAILED")["href"])
        assert rows(off_again) == {s.UPSTREAM_FAILED: "UPSTREAM_FAILED"}

    @pytest.mark.usefixtures("scene")
    def test_the_sidebar_groups_families_by_namespace_and_filters(self, look: Look) -> None:
        page = look("/tasks")
        families = page.one("section", id="families")
        link = next(link for link in families.all("a") if (link.get("title") or "").startswith("ingest.Orders:"))
        assert link.text == "Orders 3"
        assert set(rows(look(link["href"]))) == {f"ingest.Orders_{region}" for region in ("europe", "asia", "americas")}

    @pytest.mark.usefixtures("scene")
    @pytest.mark.parametrize(
        ("term", "found"),
        [
            ("europe", {s.DONE}),
            ("EUROPE orders", {s.DONE}),
            ("region=asia", {"ingest.Orders_asia"}),
            ("orders nowhere", set()),
        ],
    )
    def test_search_finds_tasks_that_have_all_terms_in_the_name(self, look: Look, term: str, found: set[str]) -> None:
        page = look(f"/tasks?q={term}&family=ingest.Orders")
        table = page.one("tbody", id="task-rows")
        assert {row["data-task-id"] for row in table.all("tr") if row.get("data-task-id")} == found
        if not found:
            assert "No task matches" in table.text

    def test_pages_show_each_task_once_and_say_how_many_there_are(self, look: Look, call: Callable[..., Any]) -> None:
        for number in range(60):
            call("add_task", worker="w", task_id=f"T{number:02}", family="T")
        first = look("/tasks?size=25")
        assert "1\u201325 of 60 tasks" in first.one(id="pager").text
        seen = list(rows(first))
        page = first
        while following := page.all("a", rel="next"):
            page = look(following[0]["href"])
            seen += rows(page)
        assert seen == [f"T{number:02}" for number in reversed(range(60))]
        assert "51\u201360 of 60 tasks" in page.one(id="pager").text

    def test_a_page_behind_the_last_one_shows_the_last_one(self, look: Look, call: Callable[..., Any]) -> None:
        call("add_task", worker="w", task_id="T", family="T")
        assert list(rows(look("/tasks?page=7"))) == ["T"]

    @pytest.mark.parametrize("key", SORT_KEYS)
    @pytest.mark.usefixtures("scene")
    def test_every_column_sorts_both_ways(self, look: Look, key: str) -> None:
        up = list(rows(look(f"/tasks?sort={key}&order=asc&size=100")))
        down = list(rows(look(f"/tasks?sort={key}&order=desc&size=100")))
        assert up == down[::-1]

    @pytest.mark.parametrize(
        "query",
        ["status=NO_SUCH", "sort=colour", "order=sideways", "page=0", "page=x", "size=7", "page=" + "9" * 400],
    )
    def test_a_filter_that_makes_no_sense_is_answered_400_in_words(self, client: FlaskClient, query: str) -> None:
        response = client.get(f"/tasks?{query}")
        assert response.status_code == 400
        assert "To the tasks" in response.text

    def test_without_tasks_it_says_how_to_run_a_first_pipeline(self, look: Look) -> None:
        table = look("/tasks").one("tbody", id="task-rows")
        assert "No tasks yet" in table.text
        command = table.one("pre", class_="command").text
        assert command == "luigi --module examples.hello HelloPipeline --scheduler-url http://localhost"

    @pytest.mark.usefixtures("scene")
    def test_the_title_counts_what_needs_a_look(self, look: Look) -> None:
        assert look("/workers").one("title").text == "(1 failed, 1 disabled) Workers · luigiviz"

    @pytest.mark.usefixtures("scene")
    def test_a_screen_reader_is_told_when_these_counts_change(self, look: Look, call: Callable[..., Any]) -> None:
        poll = look("/workers").one("div", id="scheduler-state")["hx-get"]
        s.finish_task(call, "w", "Bad", "FAILED", family="F")
        told = look(poll).one("p", id="trouble")
        assert (told["role"], told.text) == ("status", "(2 failed, 1 disabled)")


@pytest.mark.parametrize("url", ["/tasks", "/pipelines", "/graph", "/grid", "/workers"])
def test_a_page_without_tasks_has_the_line_that_runs_a_first_pipeline(look: Look, url: str) -> None:
    command = look(url).one("pre", class_="command").text
    assert command == "luigi --module examples.hello HelloPipeline --scheduler-url http://localhost"


class TestTaskPage:
    @pytest.mark.usefixtures("scene")
    def test_a_failed_task_shows_its_error_decoded_and_what_to_do(self, look: Look) -> None:
        page = look(f"/tasks/{s.FAILED}")
        assert page.one("div", id="task")["data-status"] == "FAILED"
        assert page.one("pre", id="trace").raw_text == s.ERROR
        assert page.one("p", id="cause").text == f"ValueError: {s.SCRIPT} “no euros”"
        assert [button.text for button in page.all("button", id="act-forgive")] == ["Retry now"]
        assert page.one("a", id="act-done").text == "Mark as done…"
        assert page.one("a", id="act-graph")["href"] == f"/graph/{s.FAILED}"

    @pytest.mark.usefixtures("scene")
    def test_dependencies_and_dependents_are_links_with_their_status(self, look: Look) -> None:
        page = look(f"/tasks/{s.FAILED}")
        neighbours = {
            heading: {
                item["data-task-id"]: item["data-status"] for item in section.all("li") if item.get("data-status")
            }
            for heading in ("deps-heading", "dependents-heading")
            for section in page.all("section", aria_labelledby=heading)
        }
        assert neighbours == {
            "deps-heading": {s.DONE: "DONE"},
            "dependents-heading": {s.UPSTREAM_FAILED: "UPSTREAM_FAILED"},
        }
        deps = page.one("section", aria_labelledby="deps-heading")
        assert deps.one("a")["href"] == f"/tasks/{s.DONE}"

    @pytest.mark.usefixtures("scene")
    def test_the_command_to_run_it_again_is_quoted_for_a_shell(self, look: Look) -> None:
        command = look(f"/tasks/{s.RUNNING}").one("pre", id="rerun").text
        assert shlex.split(command) == [
            *("luigi", "--module", "shop.pipeline", "ml.Train", "--days", "5"),
            *("--note", 'it\'s "quoted"; $HOME', "--long", "y" * 300),
            *("--scheduler-url", "http://localhost"),
        ]

    @pytest.mark.usefixtures("scene")
    def test_a_running_task_shows_progress_message_worker_and_takes_messages(self, look: Look) -> None:
        page = look(f"/tasks/{s.RUNNING}")
        assert page.one("progress")["value"] == "37.5"
        assert s.STATUS_MESSAGE in page.one("section", id="progress").text
        assert any(link["title"] == s.WORKER for link in page.all("a", class_="worker"))
        assert page.one("input", id="content")["name"] == "content"

    @pytest.mark.usefixtures("scene")
    def test_members_of_a_batch_name_each_other_and_link_to_the_tracking_page(self, look: Look) -> None:
        page = look(f"/tasks/{s.BATCH_MEMBERS[0]}")
        mates = page.one("section", aria_labelledby="mates-heading")
        assert s.BATCH_MEMBERS[1] in {item["data-task-id"] for item in mates.all("li")}
        assert page.one("a", id="act-track")["href"] == s.TRACKING_URL

    def test_a_tracking_url_that_could_run_a_script_is_text(self, look: Look, call: Callable[..., Any]) -> None:
        for number, url in enumerate(
            ("javascript:alert(1)", "data:text/html,x", "JaVaScRiPt:alert(1)", "//x", " http://x")
        ):
            call("add_task", worker="w", task_id=f"T{number}", family="T", tracking_url=url)
            page = look(f"/tasks/T{number}")
            assert not page.all("a", id="act-track")
            assert url.strip() in page.text
            assert all(not link["href"].lower().startswith(("javascript:", "data:", "//")) for link in page.all("a"))

    @pytest.mark.usefixtures("scene")
    def test_a_disabled_task_can_be_enabled_and_says_when_it_will_be(self, look: Look) -> None:
        page = look(f"/tasks/{s.DISABLED}")
        assert page.one("button", id="act-enable").text == "Re-enable"
        facts = page.one("section", aria_labelledby="policy-heading").text
        assert "the scheduler, for its failures" in facts
        assert "Enabled again" in facts

    @pytest.mark.usefixtures("scene")
    def test_hidden_parameters_stay_hidden(self, look: Look, call: Callable[..., Any]) -> None:
        call(
            "add_task",
            worker="w",
            task_id="H",
            family="H",
            params={"shown": "1", "password": "hunter2"},
            param_visibilities={"shown": 0, "password": 1},
        )
        for url in ("/tasks/H", "/tasks?family=H"):
            assert "hunter2" not in look(url).raw_text

    def test_an_unknown_task_is_answered_404_with_the_way_back(self, client: FlaskClient) -> None:
        response = client.get("/tasks/Gone_1")
        assert response.status_code == 404
        page = parse(response.text)
        assert page.one("h1").text == "No such task"
        assert "Gone_1" in page.text
        assert "/tasks" in {link["href"] for link in page.one("main").all("a")}


class TestNames:
    @pytest.mark.usefixtures("scene")
    @pytest.mark.parametrize("task_id", s.ODD_IDS, ids=lambda task_id: ascii(task_id[:20]))
    def test_the_link_to_a_task_leads_to_it_and_shows_its_id_as_text(
        self, look: Look, app: Flask, task_id: str
    ) -> None:
        table = look("/tasks?size=100").one("tbody", id="task-rows")
        row = next(row for row in table.all("tr") if row.get("data-task-id") == task_id)
        link = row.all("a", class_="taskname")[0]
        assert link["href"] == path_of(app, task_id)
        page = look(link["href"])
        shown = page.one("div", id="task")
        assert shown["data-task-id"] == task_id
        assert page.one("p", id="task-id").raw_text.replace("\r\n", "\n") == task_id
        with app.test_request_context():
            assert page.one("a", id="act-graph")["href"] == graph_url(task_id)

    @pytest.mark.usefixtures("scene")
    def test_nothing_that_a_worker_sent_becomes_markup(self, client: FlaskClient, app: Flask) -> None:
        urls = [*PAGES, "/tasks?size=100", *(path_of(app, task_id) for task_id in (*s.STATUS_OF, *s.ODD_IDS))]
        for url in urls:
            text = client.get(url).text
            page = parse(text)
            scripts = [element for element in page.all("script") if not element.get("src")]
            assert not scripts, url
            assert not page.all("img", src="x"), url
            handlers = [
                (element.tag, name) for element in page.walk() for name in element.attributes if name[:2] == "on"
            ]
            assert not handlers, url


class TestWorkersAndResources:
    @pytest.mark.usefixtures("scene")
    def test_a_worker_is_a_card_with_what_it_runs(self, look: Look) -> None:
        page = look("/workers")
        cards = {card["data-worker-id"]: card for card in page.all("article", class_="card")}
        assert set(cards) == {s.WORKER, s.SECOND_WORKER, s.HOSTILE_WORKER}
        card = cards[s.WORKER]
        assert "etl-07.example" in card.one("h2").text
        assert "pid 4123" in card.one("h2").text
        assert s.RUNNING in {item["data-task-id"] for item in card.all("li") if item.get("data-task-id")}
        assert "1 unread message" in cards[s.SECOND_WORKER].text

    @pytest.mark.usefixtures("scene")
    def test_a_resource_shows_what_is_used_and_by_whom(self, look: Look) -> None:
        page = look("/resources")
        resources = {item["data-resource"]: item for item in page.all("li", class_="resource")}
        assert set(resources) == {"gpu", "database", s.SCRIPT}
        gpu = resources["gpu"]
        assert "1 of 1 in use" in gpu.text
        assert "Full" in gpu.text
        assert {item["data-task-id"] for item in gpu.all("li") if item.get("data-task-id")} == {s.RUNNING}
        assert resources[s.SCRIPT].one("h2").text == s.SCRIPT

    def test_without_workers_and_resources_the_pages_say_what_to_do(self, look: Look) -> None:
        assert "No workers" in look("/workers").text
        assert "No resources" in look("/resources").text


class TestLive:
    @pytest.mark.usefixtures("scene")
    def test_only_the_header_asks_by_time_and_its_answer_tells_the_rest_of_news(
        self, look: Look, client: FlaskClient, call: Callable[..., Any]
    ) -> None:
        parts = [element for element in look("/tasks").walk() if "hx-get" in element.attributes]
        by_time = [part for part in parts if part["hx-trigger"].startswith("every ")]
        assert [part["id"] for part in by_time] == ["scheduler-state"]
        assert {part["hx-trigger"] for part in parts if part not in by_time} == {f"{NEWS} from:document"}
        heart = by_time[0]["hx-get"]
        assert "HX-Trigger" not in client.get(heart).headers
        call("add_task", worker=s.WORKER, task_id="New", family="New")
        assert client.get(heart).headers["HX-Trigger"] == NEWS

    @pytest.mark.usefixtures("scene")
    def test_what_rests_is_drawn_at_the_latest_when_the_header_is_drawn_again(
        self,
        service: Service,
        monkeypatch: pytest.MonkeyPatch,
        look: Look,
        client: FlaskClient,
        call: Callable[..., Any],
    ) -> None:
        page, now = look("/tasks"), service.now()
        monkeypatch.setattr(service, "_clock", lambda: now)
        families, heart = page.one("section", id="families")["hx-get"], page.one("div", id="scheduler-state")["hx-get"]
        call("add_task", worker=s.WORKER, task_id="New", family="New")
        assert client.get(families).status_code == 204, "it does not rest"
        heart = parse(client.get(heart).text).one("div", id="scheduler-state")["hx-get"]
        while client.get(heart).status_code == 204:
            now += 0.5
        assert client.get(families).status_code == 200

    @pytest.mark.usefixtures("scene")
    @pytest.mark.parametrize("url", ["/tasks", f"/tasks/{s.FAILED}", "/workers", "/resources", f"/graph/{s.FAILED}"])
    def test_polls_are_answered_204_until_something_changes(
        self, look: Look, client: FlaskClient, call: Callable[..., Any], url: str
    ) -> None:
        polls = [element["hx-get"] for element in look(url).walk() if "hx-get" in element.attributes]
        assert polls
        assert [client.get(poll).status_code for poll in polls] == [204] * len(polls)
        call("add_task", worker=s.WORKER, task_id="New", family="New")
        polls = [rested(poll) for poll in polls]
        answers = [client.get(poll) for poll in polls]
        assert [answer.status_code for answer in answers] == [200] * len(polls)
        for answer in answers:
            fragment = parse(answer.text)
            renewed = [element["hx-get"] for element in fragment.walk() if "hx-get" in element.attributes]
            assert len(renewed) == 1
            assert client.get(renewed[0]).status_code == 204

    @pytest.mark.usefixtures("scene")
    def test_a_fragment_keeps_the_filter_of_its_page(self, look: Look, call: Callable[..., Any]) -> None:
        page = look("/tasks?status=FAILED&sort=family")
        poll = page.one("tbody", id="task-rows")["hx-get"]
        query = parse_qs(urlsplit(poll).query)
        assert (query["status"], query["sort"]) == (["FAILED"], ["family"])
        call("add_task", worker="w", task_id="New", family="New")
        assert rows(look(poll)) == {s.FAILED: "FAILED"}

    @pytest.mark.usefixtures("scene")
    def test_a_task_that_was_removed_is_said_to_be_gone(self, look: Look) -> None:
        poll = look(f"/tasks/{s.FAILED}").one("div", id="task")["hx-get"]
        gone = look(poll.replace(s.FAILED, "Gone").replace("v=", "v=9"))
        assert "This task is gone" in gone.text
        assert not [element for element in gone.walk() if "hx-get" in element.attributes]


class TestBelowAPrefix:
    @pytest.mark.usefixtures("scene")
    def test_every_link_form_and_poll_stays_below_the_prefix(self, client: FlaskClient, app: Flask) -> None:
        urls = [*PAGES, f"/graph/{s.FAILED}", *(path_of(app, task_id) for task_id in (*s.STATUS_OF, "..", "../x"))]
        urls += [f"/actions/mark-as-done?task_id={s.FAILED}", "/no/such/page"]
        for url in urls:
            page = parse(client.get(url, base_url="http://proxy.example/luigi").text)
            for element in page.walk():
                for name in ("href", "src", "action", "hx-get", "hx-post"):
                    target = element.get(name)
                    if target is None or re.match(r"https?:|#", target):
                        continue
                    assert target.startswith("/luigi/"), f"{url}: {element.tag} {name}={target}"

    @pytest.mark.usefixtures("scene")
    def test_forms_lead_back_below_the_prefix(self, client: FlaskClient) -> None:
        base = "http://proxy.example/luigi"
        page = parse(client.get(f"/tasks/{s.FAILED}", base_url=base).text)
        form = next(form for form in page.all("form") if "/actions/forgive" in form["action"])
        response = client.post(form["action"].removeprefix("/luigi"), base_url=base)
        assert response.status_code == 303
        assert response.headers["Location"] == f"/luigi/tasks/{s.FAILED}?notice=forgiven"

    def test_the_front_door_is_relative(self, client: FlaskClient) -> None:
        response = client.get("/", base_url="http://proxy.example/luigi/")
        assert response.status_code == 302
        assert response.headers["Location"] == "static/visualiser/index.html"
