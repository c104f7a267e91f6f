"""A page that refreshes itself leaves alone what its reader is doing, and says so when it cannot refresh."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import CONFIG, open_page
from tests.conftest import ServerFactory
from tests.support import scene as s
from tests.support.server import ServerProcess

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

LONG_ERROR = "\n".join(f"line {number}: something went wrong here" for number in range(200))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, require_chromium: object) -> Iterator[ServerProcess]:
    """A server of this module's own, since its tests change what it holds."""
    running = ServerProcess(tmp_path_factory.mktemp("peace"), CONFIG)
    s.load_scene(running.rpc)
    s.finish_task(running.rpc, "w", "Long", "FAILED", family="Long", expl=json.dumps(LONG_ERROR))
    yield running
    running.stop()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with open_page(browser, viewport={"width": 1400, "height": 700}) as (page, notes):
        yield page
        assert notes.problems == []


class Change:
    """Changes to the scheduler, each of which shows in a count on every dashboard."""

    number = 0

    def __init__(self, server: ServerProcess, page: Page, fragment: str) -> None:
        """Change something, and wait until the page has drawn one of its fragments anew."""
        Change.number += 1
        with page.expect_response(lambda answer: fragment in answer.url and answer.status == 200):
            server.rpc("add_task", worker="w", task_id=f"New_{Change.number}", family="New")
        # What follows in the page's own queue runs after the swap.
        page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def test_focus_stays_where_it_is(server: ServerProcess, page: Page) -> None:
    page.goto(f"{server.url}/tasks?status=FAILED&status=PENDING")
    link = page.locator(f"tr[data-task-id='{s.FAILED}'] a.taskname")
    link.focus()
    wanted = link.get_attribute("id")
    for _ in range(2):
        Change(server, page, "/fragments/tasks/rows")
        assert page.evaluate("() => document.activeElement.id") == wanted
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/tasks/{s.FAILED}")


def test_selected_text_and_scroll_positions_stay(server: ServerProcess, page: Page) -> None:
    page.goto(f"{server.url}/tasks/Long")
    page.evaluate("""() => {
        const trace = document.getElementById("trace");
        trace.scrollTop = 300;
        window.scrollTo(0, 150);
        const range = document.createRange();
        range.setStart(trace.firstChild, 5);
        range.setEnd(trace.firstChild, 60);
        getSelection().addRange(range);
    }""")
    where = "() => [getSelection().toString(), document.getElementById('trace').scrollTop, window.scrollY]"
    before = page.evaluate(where)
    assert before == [LONG_ERROR[5:60], 300, 150]
    Change(server, page, "/fragments/task?")
    assert page.evaluate(where) == before


def test_a_table_that_is_scrolled_does_not_jump(server: ServerProcess, page: Page) -> None:
    page.goto(f"{server.url}/tasks?sort=family&size=100")
    page.evaluate("() => window.scrollTo(0, 400)")
    Change(server, page, "/fragments/tasks/rows")
    assert page.evaluate("() => window.scrollY") == pytest.approx(400, abs=80)


def test_what_was_opened_or_closed_stays_so(server: ServerProcess, page: Page) -> None:
    page.goto(f"{server.url}/tasks?family=ml.Train")
    cut = page.locator("#task-rows details.cut").first
    cut.locator("summary").click()
    space = page.locator("#families details").first
    was_open = space.evaluate("element => element.open")
    space.locator("summary").first.click()
    menu = page.locator("#menu-columns")
    menu.locator("summary").click()
    Change(server, page, "/fragments/tasks/families")
    Change(server, page, "/fragments/tasks/rows")
    assert cut.evaluate("element => element.open")
    assert space.evaluate("element => element.open") is not was_open
    assert menu.evaluate("element => element.open")


def test_ticked_boxes_stay_ticked(server: ServerProcess, page: Page) -> None:
    page.goto(f"{server.url}/tasks?select=some&size=100")
    for task_id in (s.FAILED, s.DISABLED):
        page.locator(f"tr[data-task-id='{task_id}'] input[type=checkbox]").check()
    Change(server, page, "/fragments/tasks/boxes")
    Change(server, page, "/fragments/tasks/families")
    ticked = page.locator("#task-rows input:checked")
    assert ticked.count() == 2
    page.get_by_role("button", name="Mark as done…").click()
    assert page.locator("#bulk").get_attribute("data-count") == "2"


def test_what_is_being_typed_stays(server: ServerProcess, page: Page) -> None:
    page.goto(f"{server.url}/workers?q=4123")
    field = page.get_by_label("Number of processes")
    field.fill("17")
    Change(server, page, "/fragments/workers")
    assert field.input_value() == "17"
    assert page.evaluate("() => document.activeElement.name") == "n"
    page.goto(f"{server.url}/tasks")
    page.get_by_label("Search names and parameters, or a task id").fill("half a wo")
    Change(server, page, "/fragments/tasks/rows")
    assert page.get_by_label("Search names and parameters, or a task id").input_value() == "half a wo"


def test_everything_can_be_reached_and_done_by_keyboard(server: ServerProcess, page: Page) -> None:
    page.goto(f"{server.url}/tasks?status=FAILED")
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("() => document.activeElement.id") == "main"
    seen: list[str] = []
    for _ in range(60):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("() => document.activeElement.id || document.activeElement.textContent.trim()"))
        outline = page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", f"focus on {seen[-1]} cannot be seen"
        if seen[-1].endswith("-retry"):
            break
    assert {"status-FAILED", "q", "sort", "order", "size", "Columns", "Select…"} <= set(seen)
    before = server.rpc("task_list", status="FAILED")
    page.keyboard.press("Enter")
    page.locator(".notice").wait_for()
    assert len(server.rpc("task_list", status="FAILED")) == len(before) - 1


def test_a_screen_reader_finds_landmarks_and_hears_of_news(server: ServerProcess, page: Page) -> None:
    page.goto(f"{server.url}/tasks?notice=paused")
    for role, name in (("banner", ""), ("navigation", "Main"), ("main", ""), ("contentinfo", ""), ("search", "")):
        found = page.get_by_role(role, name=name) if name else page.get_by_role(role)  # type: ignore[arg-type]
        assert found.count() == 1, role
    told = page.get_by_role("status").all_inner_texts()
    assert any("The scheduler is paused" in text for text in told)
    assert page.get_by_role("table").count() == 1
    assert page.get_by_role("columnheader", name="Updated").get_attribute("aria-sort") == "descending"


@pytest.mark.parametrize(
    "url", ["/tasks", f"/tasks/{s.RUNNING}", f"/tasks/{s.UPSTREAM_FAILED}", "/pipelines", "/workers", "/resources"]
)
def test_a_printed_page_has_the_facts_and_no_controls(server: ServerProcess, page: Page, url: str) -> None:
    page.emulate_media(media="print", color_scheme="dark")
    page.goto(server.url + url)
    for selector in (".mainnav", ".toolbar", ".tools", ".pulse", ".stepper", ".task__acts", ".acts", ".btn--row"):
        assert page.locator(f"{selector}:visible").count() == 0, selector
    assert page.locator("main").inner_text().strip()
    background, colour = page.evaluate(
        "() => [getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
    )
    assert (background, colour) == ("rgb(255, 255, 255)", "rgb(0, 0, 0)")


def test_only_the_header_keeps_asking_while_nothing_happens_and_while_the_server_is_away(
    server_factory: ServerFactory, browser: Browser
) -> None:
    server = server_factory(CONFIG)
    with open_page(browser) as (page, _):
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url.removeprefix(server.url).split("?")[0]))

        def heart(event: str) -> None:
            """Wait until the header has asked twice more, and has been answered or not."""
            for _ in range(2):
                page.wait_for_event(event, lambda request: "/fragments/state" in request.url)

        def parts() -> set[str]:
            found = {url for url in asked if url != "/fragments/state"}
            asked.clear()
            return found

        page.goto(f"{server.url}/tasks")
        asked.clear()
        heart("requestfinished")
        server.rpc("add_task", worker="w", task_id="T", family="F")
        page.locator("#task-rows tr[data-task-id=T]").wait_for()
        assert {"/fragments/tasks/boxes", "/fragments/tasks/rows"} <= parts()
        server.stop()
        heart("requestfailed")
        parts()
        heart("requestfailed")
        assert parts() == set()
        again = server_factory(CONFIG, folder=server.folder, port=server.port)
        again.rpc("add_task", worker="w", task_id="U", family="F")
        page.locator("#task-rows tr[data-task-id=U]").wait_for()


def test_a_page_whose_server_is_away_says_so_and_comes_back_by_itself(
    server_factory: ServerFactory, browser: Browser
) -> None:
    from playwright.sync_api import expect

    server = server_factory(CONFIG)
    with open_page(browser) as (page, _):
        page.goto(f"{server.url}/tasks")
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        expect(page.get_by_text("Not updating")).to_be_hidden()
        server.stop()
        # The stylesheet counts down; time passes a thousand times as fast.
        clock = page.context.new_cdp_session(page)
        clock.send("Animation.enable")
        clock.send("Animation.setPlaybackRate", {"playbackRate": 1000})
        expect(page.get_by_text("Not updating")).to_be_visible()
        expect(page.get_by_text("Live", exact=True)).to_be_hidden()
        clock.send("Animation.setPlaybackRate", {"playbackRate": 1})
        again = server_factory(CONFIG, folder=server.folder, port=server.port)
        again.rpc("add_task", worker="w", task_id="T", family="F")
        expect(page.get_by_text("Live", exact=True)).to_be_visible(timeout=30_000)
        expect(page.locator("#task-rows tr[data-task-id=T]")).to_be_visible(timeout=30_000)
