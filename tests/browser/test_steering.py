"""What people come for, with and without JavaScript: find what failed and why, try again, steer what runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import pytest

from tests.browser.conftest import CONFIG, open_page
from tests.conftest import ServerFactory
from tests.e2e.harness import SMILE, Pipeline
from tests.support import scene as s
from tests.support.server import ServerProcess

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

LOADED = 3000
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(params=[True, False], ids=["with JavaScript", "without JavaScript"])
def page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    with open_page(browser, java_script_enabled=request.param) as (page, notes):
        yield page
        assert notes.problems == []


@pytest.fixture
def server(server_factory: ServerFactory) -> ServerProcess:
    return server_factory(CONFIG)


@pytest.fixture
def pipeline(tmp_path: Path, server_factory: ServerFactory) -> Iterator[Pipeline]:
    """A server on which nothing is tried again by itself, and a place to start real workers from."""
    running = Pipeline(server_factory("[scheduler]\nretry_delay = -1\n"), tmp_path / "work")
    yield running
    running.end()


def load(server: ServerProcess, count: int = LOADED) -> None:
    """So many tasks, a day and a shop each; every tenth has failed, and one pipeline waits for all of a day."""
    connection = HTTPConnection("127.0.0.1", server.port)

    def add(**arguments: object) -> None:
        connection.request("POST", "/api/add_task", urlencode({"data": json.dumps(arguments)}), FORM)
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        answer.read()

    for number in range(count):
        day, shop = divmod(number, 60)
        add(
            worker=f"w{number % 7}",
            task_id=f"etl.Load_{number}",
            family="etl.Load",
            params={"date": f"2026-{1 + day // 28:02}-{1 + day % 28:02}", "shop": f"shop {shop}"},
            status="FAILED" if number % 10 == 0 else "DONE" if number % 10 < 8 else "PENDING",
            expl=json.dumps(f'Traceback:\n  File "load.py", line 3\n    x()\nIOError: no rows in {number}'),
        )
    deps = [f"etl.Load_{number}" for number in range(60)]
    add(worker="w0", task_id="etl.Report_1", family="etl.Report", deps=deps)
    connection.close()


def status(server: ServerProcess, task_id: str) -> str:
    return str(server.rpc("task_list")[task_id]["status"])


def test_at_night_one_finds_the_failed_task_its_error_and_the_button_in_three_clicks(
    pipeline: Pipeline, page: Page
) -> None:
    pipeline.start("NeedsFailing").wait()
    url = pipeline.server.url
    page.goto(f"{url}/tasks")
    assert page.title().startswith("(1 failed) ")
    page.locator("#status-FAILED").click()
    row = page.locator("#task-rows tr")
    assert row.locator(".errtext").inner_text().endswith("ValueError: the tape is torn")
    row.get_by_role("button", name="Retry").click()
    assert "pending again" in page.locator(".notice").inner_text()
    assert pipeline.statuses()["AlwaysFails()"] == "PENDING"


def test_the_pipeline_leads_to_what_blocks_it_and_a_real_worker_then_finishes_it(
    pipeline: Pipeline, page: Page
) -> None:
    pipeline.start("FailsTwice").wait()
    task = pipeline.tasks()["FailsTwice()"]
    pipeline.server.rpc("add_task", worker="w", task_id="After_1", family="After", deps=[task["task_id"]])
    page.goto(f"{pipeline.server.url}/pipelines")
    root = page.locator("li.pipeline[data-task-id=After_1]")
    assert root.get_attribute("data-status") == "UPSTREAM_FAILED"
    root.locator("h2 a").click()
    blocker = page.locator("#blockers li")
    assert blocker.get_attribute("data-task-id") == task["task_id"]
    assert "ValueError: not yet" in blocker.inner_text()
    blocker.get_by_role("button", name="Retry").click()
    assert page.locator("#blockers").count() == 0
    pipeline.start("FailsTwice").wait()
    page.goto(f"{pipeline.server.url}/tasks/{task['task_id']}")
    page.get_by_role("button", name="Retry now").click()
    assert SMILE in pipeline.start("FailsTwice").wait()
    page.goto(f"{pipeline.server.url}/tasks/{task['task_id']}")
    assert page.locator("#task").get_attribute("data-status") == "DONE"


def test_among_thousands_all_that_failed_are_retried_with_the_count_before_and_after(
    server: ServerProcess, page: Page
) -> None:
    load(server)
    page.goto(f"{server.url}/tasks?status=FAILED&status=DONE&q=shop+3")
    assert page.locator("#task-rows tr").count() == 50
    page.get_by_role("link", name="Retry all…").click()
    question = page.locator("#bulk")
    count = question.get_attribute("data-count")
    assert count is not None
    assert question.get_by_role("heading", level=1).inner_text() == f"Retry {count} tasks?"
    page.get_by_role("button", name=f"Retry {count} tasks").click()
    result = page.locator("#bulk-result")
    assert result.get_attribute("data-changed") == count
    kept = result.locator("#unchanged details")
    assert "done" in kept.locator("summary").inner_text()
    kept.locator("summary").click()
    stayed = kept.locator("li").first.get_attribute("data-task-id")
    assert stayed is not None
    assert status(server, stayed) == "DONE"
    page.get_by_role("link", name="To the tasks").click()
    assert page.url.endswith("q=shop+3")
    assert page.locator("#task-rows tr[data-status=FAILED]").count() == 0


def test_a_grid_of_thousands_of_cells_shows_failures_and_leads_to_them(server: ServerProcess, page: Page) -> None:
    load(server)
    page.goto(f"{server.url}/grid/etl.Load?columns=120")
    assert page.locator("#grid a.cell").count() == LOADED
    failed = page.locator("#grid a.cell[data-status=FAILED]")
    assert failed.count() == LOADED // 10
    failed.first.click()
    assert page.locator("#task").get_attribute("data-status") == "FAILED"
    page.goto(f"{server.url}/grid/etl.Load")
    page.get_by_label("Rows by").select_option("nothing")
    page.get_by_role("button", name="Show").click()
    assert page.locator("#grid tbody tr").count() == 1
    page.get_by_label("Columns by").select_option(label="shop (60)")
    page.get_by_role("button", name="Show").click()
    assert page.locator("#grid tbody a.cell").count() == 60


def test_families_columns_and_parameter_values_narrow_thousands_of_tasks(server: ServerProcess, page: Page) -> None:
    load(server)
    page.goto(f"{server.url}/tasks")
    page.locator("#families").get_by_role("link", name="Load").click()
    page.get_by_text("Parameter value", exact=True).click()
    page.get_by_label("Parameter (any, if empty)").fill("shop")
    page.get_by_label("Has exactly this value").fill("shop 7")
    page.locator("#menu-value").get_by_role("button", name="Show").click()
    assert "of 50 tasks" in page.locator("#pager").inner_text()
    page.get_by_text("Columns", exact=True).click()
    for word in ("Resources", "Prio.", "Tries"):
        page.get_by_label(word, exact=True).uncheck()
    page.locator("#menu-columns").get_by_role("button", name="Show").click()
    assert page.get_by_role("columnheader").all_inner_texts()[:5] == [
        "Status",
        "Family",
        "Parameters",
        "Worker",
        "Updated",
    ]
    assert "of 50 tasks" in page.locator("#pager").inner_text()
    assert "value=shop+7" in page.url


def test_a_worker_is_found_among_hundreds_and_its_page_names_what_failed_and_what_is_left(
    server: ServerProcess, page: Page
) -> None:
    for number in range(300):
        info = {"host": f"etl-{number:03}.example", "pid": number, "username": "luigi", "workers": 2}
        server.rpc("add_worker", worker=f"worker {number:03}", info=list(info.items()))
    s.finish_task(server.rpc, "worker 123", "Bad_1", "FAILED", family="Bad", expl=json.dumps("KeyError: 'x'"))
    server.rpc("add_task", worker="worker 123", task_id="Next_1", family="Next", params={"day": "1"})
    page.goto(f"{server.url}/workers?sort=pending")
    assert "of 300 workers" in page.locator("#workers nav").inner_text()
    page.get_by_label("Search hosts, pids, users and root tasks").fill("etl-123")
    page.get_by_role("button", name="Show", exact=True).click()
    card = page.locator("article.card")
    assert card.count() == 1
    card.get_by_role("heading").get_by_role("link").click()
    assert page.locator("#left li").get_attribute("data-task-id") == "Next_1"
    failed = page.get_by_role("region", name="Failed on it")
    assert "KeyError: 'x'" in failed.inner_text()
    failed.get_by_role("link", name="Bad").first.click()
    page.locator("#error").get_by_role("link", name="worker 123").click()
    assert page.locator("#worker").get_attribute("data-worker-id") == "worker 123"
    page.get_by_role("link", name="Disable…").click()
    page.get_by_role("button", name="Disable the worker").click()
    assert "Disabled" in page.locator("#worker").inner_text()


def test_resources_name_who_holds_and_who_waits_and_edits_and_the_pause_survive_a_restart(
    server: ServerProcess, server_factory: ServerFactory, page: Page
) -> None:
    s.load_scene(server.rpc)
    server.rpc("add_task", worker="w", task_id="Wants_1", family="Wants", resources={"gpu": 1})
    page.goto(f"{server.url}/resources")
    gpu = page.locator("[data-resource=gpu]")
    assert "1 of 1 in use" in gpu.inner_text()
    assert gpu.locator("li[data-status=RUNNING]").get_attribute("data-task-id") == s.RUNNING
    assert gpu.locator("details li").get_attribute("data-task-id") == "Wants_1"
    gpu.get_by_role("button", name="One more").click()
    assert "1 of 2 in use" in gpu.inner_text()
    page.get_by_role("button", name="Pause").click()
    banner = page.locator("#paused-banner")
    assert "by 127.0.0.1" in banner.inner_text()
    since = banner.locator("time").get_attribute("datetime")
    page.goto("about:blank")
    server.stop()
    again = server_factory(CONFIG, folder=server.folder)
    page.goto(f"{again.url}/resources")
    assert "of 2 in use" in gpu.inner_text()
    assert "by 127.0.0.1" in banner.inner_text()
    assert banner.locator("time").get_attribute("datetime") == since


def test_a_log_link_leads_to_the_configured_place(server_factory: ServerFactory, page: Page) -> None:
    server = server_factory("[luigiviz]\nlog_url = https://logs.example/find?q={task_id}&h={host}\n")
    task_id = "A(b=c/d)?#é"
    s.run_task(server.rpc, s.WORKER, task_id, family="A")
    for url in ("/tasks", f"/tasks/{quote(task_id, safe='')}"):
        page.goto(server.url + url)
        link = page.get_by_role("link", name="Log")
        assert link.get_attribute("href") == f"https://logs.example/find?q={quote(task_id, safe='')}&h=etl-07.example"


def test_empty_pages_say_what_to_do(server: ServerProcess, page: Page) -> None:
    first = f"luigi --module examples.hello HelloPipeline --scheduler-url {server.url}"
    for url in ("/tasks", "/pipelines", "/graph", "/grid", "/workers"):
        page.goto(server.url + url)
        assert page.locator("pre.command").inner_text() == first
    page.goto(f"{server.url}/resources")
    assert page.locator("pre.command").inner_text() == "[resources]\ndatabase=4"
