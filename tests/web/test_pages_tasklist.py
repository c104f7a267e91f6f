"""The task table as a URL: columns, page length, namespaces, parameter values, exact ids, boxes to tick."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from luigiviz.app import create_app
from luigiviz.config import Settings
from luigiviz.engine.config import SchedulerConfig
from luigiviz.web.tasklist import COLUMNS
from tests.support import scene as s
from tests.support.html import Element
from tests.web.conftest import Look
from tests.web.test_pages import rows


def headers(page: Element) -> list[str]:
    return [cell.text for cell in page.one("table", class_="grid").all("th") if not cell.all(class_="sr-only")]


@pytest.mark.usefixtures("scene")
class TestColumns:
    def test_the_usual_columns_are_shown(self, look: Look) -> None:
        usual = "Status Family Parameters Resources Prio. Worker Updated Duration Tries"
        assert headers(look("/tasks")) == usual.split()

    def test_the_url_says_which_columns_to_show_and_every_link_keeps_them(self, look: Look) -> None:
        page = look("/tasks?col=status&col=started&col=attempts&status=FAILED")
        assert headers(page) == ["Status", "Family", "Started", "Tries"]
        for link in (
            page.one("a", id="status-DONE"),
            page.one("th", aria_sort="none", class_="fam").one("a"),
            next(chip for chip in page.all("a", class_="chip")),
        ):
            assert headers(look(link["href"])) == ["Status", "Family", "Started", "Tries"]
        poll = page.one("tbody", id="task-rows")["hx-get"]
        assert "col=status&col=family&col=started&col=attempts" in poll

    def test_all_columns_can_be_shown(self, look: Look) -> None:
        page = look("/tasks?" + "&".join(f"col={column.key}" for column in COLUMNS))
        assert headers(page) == [column.word for column in COLUMNS]
        row = next(row for row in page.all("tr") if row.get("data-task-id") == s.RUNNING)
        cells = {cell.get("data-label"): cell for cell in row.all("td")}
        assert cells["Resources"].text == "gpu"
        assert cells["Prio."].text == "1,000"
        assert "etl-07:4123" in cells["Worker"].text

    def test_a_column_that_does_not_exist_is_refused(self, client: FlaskClient) -> None:
        assert client.get("/tasks?col=colour").status_code == 400

    def test_the_search_form_keeps_the_rest_of_the_url(self, look: Look) -> None:
        page = look("/tasks?col=status&status=FAILED&family=warehouse.Clean&ns=warehouse&value=x&param=y&page=3")
        form = next(form for form in page.all("form") if form.get("role") == "search")
        kept = {(field["name"], field.get("value")) for field in form.all("input") if field.get("type") == "hidden"}
        assert kept == {
            ("col", "status"),
            ("col", "family"),
            ("status", "FAILED"),
            ("family", "warehouse.Clean"),
            ("ns", "warehouse"),
            ("value", "x"),
            ("param", "y"),
        }


@pytest.mark.usefixtures("scene")
class TestFilters:
    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("ns=ingest", {f"ingest.Orders_{region}" for region in ("europe", "asia", "americas")}),
            ("param=region&value=asia", {"ingest.Orders_asia"}),
            ("value=asia", {"ingest.Orders_asia"}),
            ("param=region&value=as", set()),
            ("q=warehouse.Clean_1", {s.FAILED}),
            ("q=%20warehouse.Clean_1%20", {s.FAILED}),
            ("ns=warehouse&status=FAILED", {s.FAILED}),
        ],
    )
    def test_by_namespace_parameter_value_and_exact_id(self, look: Look, query: str, found: set[str]) -> None:
        page = look(f"/tasks?{query}")
        assert {row["data-task-id"] for row in page.one("tbody").all("tr") if row.get("data-task-id")} == found
        assert page.one("ul", class_="chips")

    def test_by_worker(self, look: Look) -> None:
        from urllib.parse import urlencode

        found = rows(look(f"/tasks?{urlencode({'worker': s.SECOND_WORKER})}"))
        assert set(found) == {*s.BATCH_MEMBERS, s.BATCH}

    def test_by_a_worker_that_can_run_them(self, look: Look) -> None:
        from urllib.parse import urlencode

        page = look(f"/tasks?{urlencode({'runner': s.WORKER, 'status': 'PENDING'})}")
        assert set(rows(page)) == {s.PENDING}
        chip = next(chip for chip in page.all("a", class_="chip") if "Can run on" in chip.text)
        assert len(rows(look(chip["href"]))) > 1

    def test_what_failed_can_be_retried_as_a_whole_with_one_click(self, look: Look) -> None:
        assert not look("/tasks").all("a", id="all-forgive")
        question = look(look("/tasks?status=FAILED&family=warehouse.Clean").one("a", id="all-forgive")["href"])
        assert question.one("section", id="bulk")["data-count"] == "1"
        question = look(look("/tasks?status=DISABLED").one("a", id="all-re-enable")["href"])
        assert question.one("h1").text == "Re-enable 1 task?"

    def test_a_failed_row_says_what_went_wrong_and_has_a_button_with_a_word(self, look: Look) -> None:
        [row] = [row for row in look("/tasks?status=FAILED").all("tr") if row.get("data-task-id")]
        error = row.one("a", class_="errtext")
        assert error.one("bdi").text == f"ValueError: {s.SCRIPT} “no euros”"
        assert error["href"] == f"/tasks/{s.FAILED}#error"
        assert row.one("button").text == "Retry warehouse.Clean"

    def test_a_namespace_of_the_sidebar_filters_and_a_chip_takes_it_off(self, look: Look) -> None:
        page = look("/tasks")
        link = next(link for link in page.one(id="families").all("a") if link.text.startswith("all of ingest"))
        filtered = look(link["href"])
        assert {task_id.partition(".")[0] for task_id in rows(filtered)} == {"ingest"}
        chip = next(chip for chip in filtered.all("a", class_="chip") if "Namespace" in chip.text)
        assert len(rows(look(chip["href"]))) > 3

    def test_the_sidebar_itself_is_filtered_and_stays_so(self, look: Look) -> None:
        page = look("/tasks?fam=ORDERS&status=DONE")
        names = {link["title"].partition(":")[0] for link in page.one(id="families").all("a") if link.get("title")}
        assert names == {"ingest.Orders"}
        assert "fam=ORDERS" in page.one(id="families")["hx-get"]
        assert "fam=ORDERS" in page.one("a", id="status-FAILED")["href"]
        assert "No family has this in its name" in look("/tasks?fam=nosuch").text

    def test_a_family_says_how_many_of_its_tasks_have_which_status(self, look: Look) -> None:
        link = next(link for link in look("/tasks").one(id="families").all("a") if link.text.startswith("Load "))
        assert link["title"] == "warehouse.Load: 1 running, 2 batch running"
        assert [bar["class"] for bar in link.all("rect")] == ["st-RUNNING", "st-BATCH_RUNNING"]


def test_a_run_that_takes_much_longer_than_usual_is_marked(tmp_path: Any) -> None:
    from luigiviz.store.events import HistoryEvent
    from tests.support.html import parse

    app = create_app(
        Settings(
            scheduler=SchedulerConfig(record_task_history=True),
            state_dir=tmp_path,
            history_url=f"sqlite:///{tmp_path}/history.db",
        )
    )
    parts = app.extensions["luigiviz"]
    now = parts.service.now()
    for number, seconds in enumerate((50, 60, 3000)):
        at = now - 10_000 + number
        parts.history.record(
            [
                HistoryEvent(f"F_{number}", "F", {}, "RUNNING", "h", at),
                HistoryEvent(f"F_{number}", "F", {}, "DONE", None, at + seconds, at),
            ]
        )
    assert parts.history.flush(30)
    s.run_task(lambda method, **arguments: parts.service.call(method, arguments), "w", "F_9")
    page = parse(app.test_client().get("/tasks").text)
    assert page.one("span", class_="usual").text == "usually 1 min 00 s"
    state = parts.service.read(lambda state, _now: lambda: state)
    state.tasks["F_9"].time_running -= 121
    late = parse(app.test_client().get("/tasks").text).one("span", class_="usual--long")
    assert late.text == "usually 1 min 00 s"
    assert late.one("svg")["aria-label"] == "unusually long:"
    parts.close()


@pytest.mark.usefixtures("scene")
class TestTicking:
    def test_the_list_stands_still_and_has_a_box_for_each_task(self, look: Look) -> None:
        page = look("/tasks?status=FAILED&status=DISABLED&select=some")
        table = page.one("tbody", id="task-rows")
        assert "hx-get" not in table.attributes
        boxes = table.all("input", type="checkbox")
        assert [box["value"] for box in boxes] == [s.DISABLED, s.FAILED]
        assert not [box for box in boxes if "checked" in box.attributes]
        link = next(link for link in page.all("a") if link.text == "Tick all 2")
        assert all("checked" in box.attributes for box in look(link["href"]).one("tbody").all("input"))

    def test_nonsense_is_refused(self, client: FlaskClient) -> None:
        assert client.get("/tasks?select=few").status_code == 400
