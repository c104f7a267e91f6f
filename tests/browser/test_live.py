"""An open page follows a real pipeline by itself, and leaves alone what its reader is doing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import open_page
from tests.conftest import ServerFactory
from tests.e2e.harness import SMILE, Pipeline

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser


@pytest.fixture
def pipeline(tmp_path: Path, server_factory: ServerFactory) -> Iterator[Pipeline]:
    """A server without tasks, and a place to start real workers from."""
    running = Pipeline(server_factory("[luigiviz]\npoll_seconds = 0.25\n"), tmp_path / "work")
    yield running
    running.end()


def test_the_counts_of_an_open_dashboard_change_by_themselves_while_a_real_pipeline_runs(
    pipeline: Pipeline, browser: Browser
) -> None:
    from playwright.sync_api import expect

    with open_page(browser) as (page, notes):
        page.goto(f"{pipeline.server.url}/tasks")
        page.evaluate("() => { window.stillTheSame = true; }")
        expect(page.locator("#task-rows")).to_contain_text("No tasks yet")

        worker = pipeline.start("ManyWaiting", "--workers", "2")
        box = page.locator("#status-RUNNING")
        expect(box).to_have_attribute("data-count", "2", timeout=30_000)
        expect(page.locator("#status-PENDING")).to_have_attribute("data-count", "2")
        rows = page.locator("#task-rows tr[data-status=RUNNING]")
        expect(rows).to_have_count(2)
        expect(page.locator("#families")).to_contain_text("Waiting")

        pipeline.go()
        expect(page.locator("#status-DONE")).to_have_attribute("data-count", "4", timeout=30_000)
        expect(box).to_have_attribute("data-count", "0")
        expect(page.locator("#task-rows tr[data-status=DONE]")).to_have_count(4)
        assert SMILE in worker.wait()
        assert page.evaluate("() => window.stillTheSame"), "the page was loaded anew"
        assert notes.problems == []


def test_the_pipelines_page_follows_a_real_pipeline(pipeline: Pipeline, browser: Browser) -> None:
    from playwright.sync_api import expect

    with open_page(browser) as (page, notes):
        page.goto(f"{pipeline.server.url}/pipelines")
        expect(page.locator("#pipelines")).to_contain_text("No pipelines yet")
        worker = pipeline.start("ManyWaiting", "--workers", "2")
        item = page.locator("li.pipeline[data-status=PENDING]")
        expect(item).to_contain_text("0 of 4 done", timeout=30_000)
        expect(item).to_contain_text("2 running", timeout=30_000)
        pipeline.go()
        done = page.locator("li.pipeline[data-status=DONE]")
        expect(done).to_contain_text("4 of 4 done", timeout=30_000)
        expect(page.locator("#standing-finished")).to_have_attribute("data-count", "1")
        assert SMILE in worker.wait()
        assert notes.problems == []


def test_the_page_of_a_running_task_follows_its_progress_and_its_end(pipeline: Pipeline, browser: Browser) -> None:
    from playwright.sync_api import expect

    with open_page(browser) as (page, notes):
        worker = pipeline.start("Reporter", "--workers", "2")
        task = pipeline.wait_for_status("Reporter()", "RUNNING")
        page.goto(f"{pipeline.server.url}/tasks/{task['task_id']}")
        expect(page.locator("#progress")).to_contain_text("40 %", timeout=30_000)
        expect(page.locator("#progress")).to_contain_text("reporting")
        expect(page.locator("#act-track")).to_have_attribute("href", "http://tracker.example/run/1")
        pipeline.go()
        expect(page.locator("#task")).to_have_attribute("data-status", "DONE", timeout=30_000)
        assert SMILE in worker.wait()
        assert notes.problems == []


def test_a_message_goes_to_a_running_task_and_its_answer_appears(pipeline: Pipeline, browser: Browser) -> None:
    from playwright.sync_api import expect

    with open_page(browser) as (page, notes):
        worker = pipeline.start("Listener", "--workers", "2")
        task = pipeline.wait_for_status("Listener()", "RUNNING")
        pipeline.wait_for_starts(1)
        page.goto(f"{pipeline.server.url}/tasks/{task['task_id']}")
        page.get_by_label("Message to the running task").fill("how are you?")
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#message-answer")).to_contain_text("heard how are you?", timeout=30_000)
        page.get_by_label("Message to the running task").fill("stop")
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#task")).to_have_attribute("data-status", "DONE", timeout=30_000)
        assert SMILE in worker.wait()
        assert notes.problems == []
