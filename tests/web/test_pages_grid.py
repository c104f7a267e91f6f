"""The grid of a family as a page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from luigiviz.web.urls import grid_url
from tests.support import scene as s
from tests.support.html import parse
from tests.web.conftest import Look, rested
from tests.web.test_pages import rows

Call = Callable[..., Any]


@pytest.fixture
def days(call: Call) -> None:
    """Thirty days of two regions; a gap and a failure among them."""
    for day in range(1, 31):
        for region in ("asia", "europe"):
            if (day, region) == (17, "asia"):
                continue
            task_id = f"etl.Load_{day}_{region}"
            params = {"date": f"2026-11-{day:02}", "region": region}
            status = "FAILED" if (day, region) == (9, "europe") else "DONE"
            s.finish_task(call, "w", task_id, status, family="etl.Load", params=params)


@pytest.mark.usefixtures("days")
class TestGrid:
    def test_each_task_is_a_cell_with_its_status_and_gaps_are_seen(self, look: Look) -> None:
        page = look("/grid/etl.Load")
        table = page.one("table", class_="matrix")
        columns = [cell.text for cell in table.one("thead").all("th", scope="col")][1:]
        assert columns == [f"2026-11-{day:02}" for day in range(30, 0, -1)]
        rows = {row.one("th").text: row.all("td") for row in table.one("tbody").all("tr")}
        assert list(rows) == ["asia", "europe"]
        failed = rows["europe"][30 - 9].one("a")
        assert (failed["data-status"], failed.text) == ("FAILED", "F")
        assert failed["href"] == "/tasks/etl.Load_9_europe"
        assert failed["title"] == "europe · 2026-11-09: Failed"
        assert not rows["asia"][30 - 17].all("a")
        assert len(table.all("a", data_status="DONE")) == 58

    def test_the_axes_and_the_number_of_columns_are_in_the_url(self, look: Look) -> None:
        table = look("/grid/etl.Load?across=region&down=date").one("table", class_="matrix")
        assert len(table.one("tbody").all("tr")) == 30
        assert len(look("/grid/etl.Load?columns=30").one("thead").all("th")) == 31

    def test_without_rows_a_cell_is_for_a_date_and_leads_to_its_tasks(self, look: Look) -> None:
        page = look("/grid/etl.Load?down=")
        [row] = page.one("tbody").all("tr")
        failed = row.one("a", data_status="FAILED")
        assert failed.one("sub").text == "2"
        assert set(rows(look(failed["href"]))) == {"etl.Load_9_asia", "etl.Load_9_europe"}
        assert not [option for option in page.one("select", id="down").all("option") if "selected" in option.attributes]
        assert page.one("select", id="down").all("option")[0].text == "nothing"
        assert "down=&" in page.one("div", id="grid")["hx-get"]

    def test_older_columns_are_on_the_next_page_which_polls_for_itself(self, look: Look, call: Call) -> None:
        for day in (1, 2, 3):
            call("add_task", worker="w", task_id=f"O_{day}", family="etl.Load", params={"date": f"2026-10-0{day}"})
        page = look("/grid/etl.Load?columns=30")
        assert "1\u201330 of 61 columns" in page.one("nav", aria_label="Pages").text
        older = look(page.one("a", rel="next")["href"])
        columns = [cell.text for cell in older.one("thead").all("th", scope="col")][1:]
        assert (columns[0], len(columns)) == ("2026-10-31", 30)
        assert "page=2" in older.one("div", id="grid")["hx-get"]

    def test_polls_are_answered_204_until_something_changes(self, look: Look, client: FlaskClient, call: Call) -> None:
        poll = look("/grid/etl.Load?across=region").one("div", id="grid")["hx-get"]
        assert client.get(poll).status_code == 204
        poll = rested(poll)
        call("forgive_failures", task_id="etl.Load_9_europe")
        fragment = parse(client.get(poll).text)
        assert fragment.one("a", data_status="PENDING")["href"] == "/tasks/etl.Load_9_europe"

    def test_the_task_table_and_the_task_page_lead_to_it(self, look: Look) -> None:
        assert look("/tasks?family=etl.Load").one("a", id="to-grid")["href"] == "/grid/etl.Load"
        assert "/grid/etl.Load" in {link["href"] for link in look("/tasks/etl.Load_9_europe").all("a")}
        assert "/grid/etl.Load" in {link["href"] for link in look("/grid").one("main").all("a")}


@pytest.mark.parametrize("family", s.ODD_IDS, ids=lambda family: ascii(family[:20]))
def test_families_of_any_name_have_a_grid(look: Look, call: Call, app: Flask, family: str) -> None:
    call("add_task", worker="w", task_id="T", family=family, params={s.SCRIPT: s.SCRIPT, "date": "2026-01-01"})
    with app.test_request_context():
        url = grid_url(family)
    page = look(url)
    assert len(page.one("table", class_="matrix").all("a")) == 1
    form = page.one("form", class_="toolbar")
    fields = {field["name"]: field["value"] for field in form.all("input", type="hidden")}
    again = look(f"{form['action']}?columns=30" + (f"&family={fields['family']}" if fields else ""))
    assert again.one("h1").raw_text == f"Grid of {family}"


def test_an_unknown_family_is_answered_404_and_nonsense_400(client: FlaskClient, call: Call) -> None:
    assert client.get("/grid/Nobody").status_code == 404
    call("add_task", worker="w", task_id="T", family="F")
    assert client.get("/grid/F?columns=7").status_code == 400
    assert client.get("/grid/F?page=0").status_code == 400
    assert client.get("/grid/F?across=nothing").status_code == 200
