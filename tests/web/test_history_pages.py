"""The history pages and their JSON twins, through the whole application."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from luigiviz.app import create_app
from luigiviz.config import Settings
from luigiviz.store.events import HistoryEvent
from luigiviz.store.history import History

NOW = time.time()
ODD_ID = "A(b=c/d)?#é"
ODD_NAMES = [ODD_ID, "/a//b/", "../x", "100%2F", "a b&c;d", "<b>x</b>", "x.svg", 'say "hi"', "שלום", "a\nb", "...", "~"]
#: Names that no path can carry.
DOTS = [".", ".."]
#: All that the history holds: attempts of Load, of Lost, of Begun, and of the odd names.
RUNS = 60 + 3 + 1 + len(ODD_NAMES) + len(DOTS)


def _run(
    history: History,
    task_id: str,
    family: str,
    params: dict[str, object],
    end: str | None = "DONE",
    at: float = NOW - 600,
    seconds: float = 90.0,
    announced: bool = True,
) -> None:
    events = [HistoryEvent(task_id, family, params, "RUNNING", "build-7", at)]
    if announced:
        events.insert(0, HistoryEvent(task_id, family, params, "PENDING", None, at - 5))
    if end:
        events.append(HistoryEvent(task_id, family, params, end, None, at + seconds))
    history.record(events)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    folder: Path = tmp_path_factory.mktemp("history")
    app = create_app(Settings(state_dir=folder, history_url=f"sqlite:///{folder}/history.db"))
    history: History = app.extensions["luigiviz"].history
    for number in range(60):
        at = NOW - 3600 * (60 - number)
        _run(history, f"Load_{number}", "etl.Load", {"n": str(number)}, "FAILED" if number % 10 == 0 else "DONE", at)
    _run(history, "Lost_1", "Lost", {}, None, NOW - 900)
    # Handed out again while it ran. Announced again, it would be the same run, waiting for dynamic dependencies.
    _run(history, "Lost_1", "Lost", {}, "FAILED", NOW - 800, announced=False)
    _run(history, "Lost_1", "Lost", {}, "DONE", NOW - 600)
    _run(history, "Begun_1", "Begun", {}, end=None)
    for name in ODD_NAMES:
        _run(history, name, name, {"p": name})
    for name in DOTS:
        _run(history, name, name, {}, at=NOW - 86_400 * 30)
    assert history.flush(30)
    yield app
    app.extensions["luigiviz"].close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture(scope="module")
def app_without_history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    app = create_app(Settings(state_dir=tmp_path_factory.mktemp("none")))
    yield app
    app.extensions["luigiviz"].close()


def _path(name: str) -> str:
    return quote(name, safe="")


def _runs(client: FlaskClient, url: str) -> list[dict[str, object]]:
    response = client.get(url, headers={"Accept": "application/json"})
    assert response.status_code == 200, response.text
    runs: list[dict[str, object]] = response.get_json()["runs"]
    return runs


def test_recent_runs_are_those_of_the_last_day_newest_first(client: FlaskClient) -> None:
    body = client.get("/history?format=json&size=100").get_json()
    assert all(run["events"][-1]["at"] > NOW - 86_400 for run in body["runs"])
    assert body["total"] == len(body["runs"]) < 60
    times = [run["events"][-1]["at"] for run in body["runs"] if run["name"] == "etl.Load"]
    assert times == sorted(times, reverse=True)


def test_all_of_history_is_one_click_away_and_paged(client: FlaskClient) -> None:
    assert 'href="/history?period=all"' in client.get("/history").text
    first = client.get("/history?period=all&format=json").get_json()
    second = client.get("/history?period=all&page=2&format=json").get_json()
    assert first["total"] == RUNS
    assert (len(first["runs"]), first["page"], second["page"]) == (50, 1, 2)
    numbers = [run["id"] for run in first["runs"] + second["runs"]]
    assert len(set(numbers)) == first["total"]
    assert 'rel="next" href="/history?period=all&amp;page=2"' in client.get("/history?period=all").text


def test_days_and_status_narrow_the_list(client: FlaskClient) -> None:
    assert _runs(client, "/history?until=2001-01-01") == []
    assert len(_runs(client, "/history/by_name/etl.Load?from=2001-01-01&size=100")) == 60
    assert len(_runs(client, "/history/by_name/etl.Load?status=FAILED")) == 6
    page = client.get("/history/by_name/etl.Load?until=2001-01-01")
    assert page.status_code == 200
    assert "Show all of history" in page.text


@pytest.mark.parametrize(
    "query",
    [
        "period=2d",
        "from=yesterday",
        "until=0001-01-01",
        "from=2026-02-02&until=2026-02-01",
        "status=DISABLED",
        "page=0",
        "page=x",
        "page=-1",
        "size=7",
        "format=xml",
        "page=" + "9" * 30,
        "page=²",
    ],
)
def test_a_filter_that_makes_no_sense_is_refused(client: FlaskClient, query: str) -> None:
    assert client.get(f"/history?{query}").status_code == 400
    if "format" not in query:
        response = client.get(f"/history?{query}", headers={"Accept": "application/json"})
        assert response.status_code == 400
        assert response.get_json()["error"]["code"] == "bad_request"


def test_a_run_page_shows_parameters_host_and_every_event(client: FlaskClient) -> None:
    number = _runs(client, "/history/by_task_id/Load_7")[0]["id"]
    page = client.get(f"/history/by_id/{number}").text
    assert "build-7" in page
    for status in ("PENDING", "RUNNING", "DONE"):
        assert f'<tr data-event="{status}">' in page
    run = client.get(f"/history/by_id/{number}?format=json").get_json()["run"]
    assert (run["name"], run["params"], run["run_seconds"]) == ("etl.Load", {"n": "7"}, pytest.approx(90.0))


def test_all_attempts_of_a_task_are_shown_and_a_lost_one_is_called_so(client: FlaskClient) -> None:
    runs = _runs(client, "/history/by_task_id/Lost_1")
    assert [run["outcome"] for run in runs] == ["DONE", "FAILED", "LOST"]
    assert client.get("/history/by_task_id/Lost_1").text.count("data-record-id=") == 3


@pytest.mark.parametrize("name", ODD_NAMES)
def test_names_with_any_characters_have_their_pages(client: FlaskClient, name: str) -> None:
    for url in (
        f"/history/by_name/{_path(name)}",
        f"/history/by_task_id/{_path(name)}",
        f"/history/by_params/{_path(name)}?data={_path(json.dumps({'p': name}))}",
        f"/tasklist/{_path(name)}",
    ):
        (run,) = _runs(client, url)
        assert (run["name"], run["task_id"], run["params"]) == (name, name, {"p": name})
        page = client.get(url)
        assert page.status_code == 200
        assert "<b>x</b>" not in page.text
    assert client.get(f"/tasklist/{_path(name)}?format=svg").mimetype == "image/svg+xml"


@pytest.mark.parametrize("name", ODD_NAMES)
def test_the_links_between_pages_lead_back_to_the_same_name(client: FlaskClient, name: str) -> None:
    number = _runs(client, f"/history/by_task_id/{_path(name)}")[0]["id"]
    page = unescape(client.get(f"/history/by_id/{number}").text)
    for address in ("/history/by_name/", "/history/by_task_id/"):
        assert f'href="{address}{_path(name)}"' in page
    assert f'href="/tasklist/{_path(name)}"' in unescape(client.get("/tasklist").text)


@pytest.mark.parametrize("name", DOTS)
def test_names_that_no_path_can_carry_are_reached_by_the_query(client: FlaskClient, name: str) -> None:
    assert f'href="/history?name={name}"' in client.get("/tasklist").text
    assert [run["name"] for run in _runs(client, f"/history?name={name}")] == [name]
    assert [run["name"] for run in _runs(client, f"/history?task_id={name}")] == [name]


def test_parameters_are_searched_for_as_text(client: FlaskClient) -> None:
    assert [run["task_id"] for run in _runs(client, '/history/by_params/etl.Load?data={"n":7}')] == ["Load_7"]
    assert _runs(client, '/history/by_params/etl.Load?data={"n":"70"}') == []
    assert len(_runs(client, "/history/by_params/etl.Load?size=100")) == 60


@pytest.mark.parametrize(
    "data", ["[]", "{", "1", "null", "%FF", "[" * 100_000, json.dumps({str(n): n for n in range(51)})]
)
def test_data_that_is_no_object_of_parameters_is_refused(client: FlaskClient, data: str) -> None:
    url = "/history/by_params/etl.Load"
    assert client.get(url, query_string={"data": data}).status_code == 400
    response = client.get(url, query_string={"data": data, "format": "json"})
    assert response.status_code == 400
    assert response.get_json()["error"]["code"] == "bad_request"


@pytest.mark.parametrize(
    "url",
    [
        "/history/by_name/None",
        "/history/by_task_id/None",
        "/history/by_params/None",
        "/tasklist/None",
        "/history/by_id/999999",
        "/history/by_id/99999999999999999999999999",
    ],
)
def test_what_history_does_not_know_is_not_found(client: FlaskClient, url: str) -> None:
    page = client.get(url)
    assert page.status_code == 404
    assert page.mimetype == "text/html"
    twin = client.get(url, headers={"Accept": "application/json"})
    assert twin.status_code == 404
    assert twin.get_json()["error"]["code"] == "not_found"


def test_a_number_that_is_none_is_not_found(client: FlaskClient) -> None:
    assert client.get("/history/by_id/x").status_code == 404


@pytest.mark.parametrize(
    "url", ["/history", "/history/by_name/etl.Load?status=DONE", "/tasklist", "/tasklist/etl.Load"]
)
def test_a_page_and_its_twin_name_each_other(client: FlaskClient, url: str) -> None:
    page = client.get(url)
    assert page.mimetype == "text/html"
    assert "Accept" in page.headers["Vary"]
    assert 'rel="alternate"; type="application/json"' in page.headers["Link"]
    twin = client.get(page.headers["Link"].partition(">")[0].lstrip("<"))
    assert twin.mimetype == "application/json"
    assert "Accept" in twin.headers["Vary"]
    back = client.get(twin.headers["Link"].partition(">")[0].lstrip("<"))
    assert back.mimetype == "text/html"


def test_fields_that_look_like_flasks_own_change_nothing(client: FlaskClient) -> None:
    response = client.get("/history?endpoint=x&_scheme=javascript&_external=1&values=2")
    assert response.status_code == 200
    assert response.headers["Link"].startswith("</history?endpoint=x")


def test_families_are_listed_with_runs_and_failures(client: FlaskClient) -> None:
    families = {family["name"]: family for family in client.get("/tasklist?format=json").get_json()["families"]}
    assert (families["etl.Load"]["runs"], families["etl.Load"]["failed"]) == (60, 6)
    assert '<tr data-family="etl.Load">' in client.get("/tasklist").text


def test_the_running_times_are_a_picture_and_a_table(client: FlaskClient) -> None:
    page = client.get("/tasklist/etl.Load").text
    assert '<img src="/tasklist/etl.Load?format=svg"' in page
    assert page.count("data-record-id=") == 60
    assert "median 1 min 30 s" in page


def test_the_chart_is_a_drawing_without_script_or_references(client: FlaskClient) -> None:
    response = client.get("/tasklist/etl.Load?format=svg")
    assert response.headers["Content-Security-Policy"] == "default-src 'none'; style-src 'unsafe-inline'"
    root = ElementTree.fromstring(response.data)
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert not tags & {"script", "image", "foreignObject", "a", "use"}
    attributes = {name.rpartition("}")[2] for element in root.iter() for name in element.attrib}
    assert not [name for name in attributes if name == "href" or name == "style" or name.startswith("on")]
    assert "url(" not in response.text
    assert "@import" not in response.text
    drawn = [bar for bar in root.iter("{http://www.w3.org/2000/svg}rect") if "rect" in bar.get("class", "").split()]
    assert len([bar for bar in drawn if float(bar.get("height", "0")) > 0]) == 60


def test_a_family_whose_runs_have_not_ended_has_a_chart_that_says_so(client: FlaskClient) -> None:
    assert "No run has ended yet" in client.get("/tasklist/Begun?format=svg").text
    assert "No run has ended yet" in client.get("/tasklist/Begun").text


def test_without_a_history_the_pages_say_how_to_get_one(app_without_history: Flask) -> None:
    client = app_without_history.test_client()
    for url, status in (("/history", 200), ("/tasklist", 200), ("/history/by_id/1", 404), ("/tasklist/X", 404)):
        page = client.get(url)
        assert page.status_code == status
        assert "record_task_history" in page.text
        twin = client.get(url, headers={"Accept": "application/json"})
        assert twin.status_code == 404
        assert twin.get_json()["error"]["code"] == "history_off"
    assert client.get("/tasklist/X?format=svg").status_code == 404


def test_while_the_database_is_away_pages_say_so(tmp_path: Path) -> None:
    app = create_app(Settings(state_dir=tmp_path, history_url=f"sqlite:///{tmp_path}/history.db"))
    history: History = app.extensions["luigiviz"].history
    try:
        with history._engine.begin() as connection:
            connection.execute(text("DROP TABLE task_events"))
        client = app.test_client()
        for url in ("/history", "/history/by_name/X", "/tasklist", "/tasklist/X", "/tasklist/X?format=svg"):
            page = client.get(url)
            assert page.status_code == 503
        assert client.get("/history").headers["Retry-After"] == "10"
        twin = client.get("/history?format=json")
        assert twin.status_code == 503
        assert twin.get_json()["error"]["code"] == "history_unavailable"
    finally:
        app.extensions["luigiviz"].close()


def test_what_the_scheduler_does_arrives_in_the_history(tmp_path: Path) -> None:
    app = create_app(Settings(state_dir=tmp_path, history_url=f"sqlite:///{tmp_path}/history.db"))
    parts = app.extensions["luigiviz"]
    try:
        task = {"worker": "w", "task_id": "Hello_1", "family": "Hello", "params": {"name": "world"}}
        parts.service.call("add_task", task)
        parts.service.call("get_work", {"worker": "w", "host": "build-7"})
        parts.service.call("add_task", {**task, "status": "DONE"})
        assert parts.history.flush(30)
        (run,) = _runs(app.test_client(), "/history/by_task_id/Hello_1")
        assert (run["status"], run["host"], run["params"]) == ("DONE", "build-7", {"name": "world"})
        assert [told["name"] for told in run["events"]] == ["PENDING", "RUNNING", "DONE"]  # type: ignore[attr-defined]
        metrics = app.test_client().get("/metrics")
        assert metrics.mimetype == "text/plain"
        assert 'luigi_task_done_total{family="Hello"} 1.0' in metrics.text
        assert 'luigiviz_tasks{status="DONE"} 1.0' in metrics.text
    finally:
        parts.close()
