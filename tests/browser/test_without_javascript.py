"""With JavaScript off every page is complete, and every action works through links and forms."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import CONFIG, PAGES, open_page
from tests.conftest import ServerFactory
from tests.support import scene as s
from tests.support.server import ServerProcess

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def plain(browser: Browser) -> Iterator[Page]:
    """A page without JavaScript."""
    with open_page(browser, java_script_enabled=False) as (page, _):
        yield page


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_complete(site: ServerProcess, plain: Page, name: str) -> None:
    answer = plain.goto(site.url + PAGES[name])
    assert answer is not None
    assert answer.status == 200
    assert plain.locator("h1").count() == 1
    assert plain.locator("main").inner_text().strip()
    assert plain.get_by_role("navigation", name="Main").get_by_role("link").count() >= 5


def test_every_action_works_through_links_and_forms(server_factory: ServerFactory, plain: Page) -> None:
    server = server_factory(CONFIG)
    s.load_scene(server.rpc)

    def notice() -> str:
        return plain.locator(".notice").inner_text()

    def status(task_id: str) -> str:
        return str(server.rpc("task_list")[task_id]["status"])

    plain.goto(f"{server.url}/tasks?status=FAILED")
    plain.get_by_role("button", name="Retry").click()
    assert "pending again" in notice()
    assert status(s.FAILED) == "PENDING"

    plain.goto(f"{server.url}/tasks/{s.DISABLED}")
    plain.get_by_role("button", name="Re-enable").click()
    assert status(s.DISABLED) == "FAILED"
    plain.get_by_role("link", name="Mark as done…").click()
    plain.get_by_role("button", name="Mark as done").click()
    assert "marked as done" in notice()
    assert status(s.DISABLED) == "DONE"

    plain.goto(f"{server.url}/tasks?status=PENDING&family=reports.Margins")
    plain.get_by_text("All that match", exact=True).click()
    plain.get_by_role("link", name="Retry all that match…").click()
    assert "None of the 1 chosen tasks would change" in plain.locator("#bulk").inner_text()
    plain.goto(f"{server.url}/tasks?status=DONE&status=BATCH_RUNNING")
    plain.get_by_role("link", name="Select…").click()
    for member in s.BATCH_MEMBERS:
        plain.locator(f"tr[data-task-id='{member}']").get_by_role("checkbox").check()
    plain.get_by_role("button", name="Release…").click()
    plain.get_by_role("button", name="Release 2 tasks").click()
    assert "2 tasks changed" in plain.locator("#bulk-result").inner_text()
    assert [status(member) for member in s.BATCH_MEMBERS] == ["PENDING", "PENDING"]

    plain.goto(f"{server.url}/tasks/{s.RUNNING}")
    plain.get_by_label("Message to the running task").fill("status")
    plain.get_by_role("button", name="Send").click()
    [message] = server.rpc("ping", worker=s.WORKER)["rpc_messages"]
    server.rpc(
        "add_scheduler_message_response",
        task_id=s.RUNNING,
        message_id=message["kwargs"]["message_id"],
        response="epoch 4",
    )
    plain.get_by_role("link", name="Look again").click()
    assert "epoch 4" in plain.locator("#message-answer").inner_text()

    plain.get_by_role("button", name="Pause").click()
    assert "paused" in notice()
    assert server.rpc("is_paused") == {"paused": True}
    plain.get_by_role("button", name="Resume").click()
    assert server.rpc("is_paused") == {"paused": False}

    plain.goto(f"{server.url}/workers")
    card = plain.locator("article").filter(has_text="etl-07")
    card.get_by_label("Number of processes").fill("5")
    card.get_by_role("button", name="Set").click()
    [message] = server.rpc("ping", worker=s.WORKER)["rpc_messages"]
    assert message["kwargs"] == {"n": 5}
    card.get_by_role("link", name="Disable…").click()
    plain.get_by_role("button", name="Disable the worker").click()
    assert "was disabled" in notice()

    plain.goto(f"{server.url}/resources")
    plain.locator("[data-resource=database]").get_by_label("New total").fill("12")
    plain.locator("[data-resource=database]").get_by_role("button", name="Set").click()
    assert "new total" in notice()
    assert "of 12 in use" in plain.locator("[data-resource=database]").inner_text()


def test_filters_search_sorting_and_paging_work_as_links_and_forms(site: ServerProcess, plain: Page) -> None:
    plain.goto(f"{site.url}/tasks")
    plain.locator("#status-FAILED").click()
    plain.locator("#status-DISABLED").click()
    assert plain.locator("#task-rows tr").count() == 2
    plain.get_by_label("Search names and parameters").fill("newsletter")
    plain.get_by_role("button", name="Show", exact=True).click()
    assert plain.locator("#task-rows tr").get_attribute("data-task-id") == s.DISABLED
    plain.get_by_role("link", name="Show all").click()
    plain.get_by_role("link", name="Family", exact=True).click()
    assert "sort=family" in plain.url
    plain.get_by_label("Per page").select_option("25")
    plain.get_by_role("button", name="Show", exact=True).click()
    plain.get_by_role("link", name="Next").click()
    assert "page=2" in plain.url
