"""A walk over every page: nothing inline, nothing from elsewhere, no errors, and nothing that axe finds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import luigiviz
from tests.browser.conftest import ERROR_PAGES, PAGES, Notes, open_page
from tests.support.server import ServerProcess

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

AXE = Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js"
VENDOR = Path(luigiviz.__file__).parent / "static" / "vendor"

#: What must not be in any page, however it came there.
_INLINE = """() => {
  const found = [];
  for (const element of document.querySelectorAll("*")) {
    const name = element.tagName.toLowerCase();
    if (name === "script" && !element.src) found.push("inline script");
    if (name === "style") found.push("inline style sheet");
    for (const attribute of element.attributes) {
      if (/^on/i.test(attribute.name)) found.push(`${name} has ${attribute.name}`);
      if (attribute.name === "style") found.push(`${name} has a style attribute`);
      if (/^hx-on/.test(attribute.name)) found.push(`${name} has ${attribute.name}`);
      const leads = /^(href|xlink:href|src|action|formaction|hx-get|hx-post)$/.test(attribute.name);
      if (leads && /^\\s*javascript:/i.test(attribute.value)) found.push(`${name} has ${attribute.name}=javascript:`);
    }
  }
  return found;
}"""

#: Script addresses, and ids that occur twice.
_SCRIPTS = "() => [...document.scripts].map(script => script.src)"
_DOUBLE_IDS = """() => {
  const ids = [...document.querySelectorAll("[id]")].map(element => element.id);
  return ids.filter((id, index) => ids.indexOf(id) !== index);
}"""
_TOO_WIDE = "() => document.documentElement.scrollWidth > document.documentElement.clientWidth"


#: Pages on which the walk waits until htmx has asked for news: one for each kind of fragment.
LIVE = {
    "dashboard, filtered and sorted",
    "task: running",
    "graph",
    "grid",
    "pipelines",
    "workers",
    "worker with a hostile name",
    "resources",
    "history",
}


@pytest.fixture(scope="module")
def walker(browser: Browser) -> Iterator[tuple[Page, Notes]]:
    with open_page(browser, reduced_motion="reduce") as opened:
        yield opened


@dataclass(frozen=True)
class Visit:
    """A page that was opened once, for all tests that look at it."""

    page: Page
    notes: Notes
    status: int
    name: str


@pytest.fixture(scope="module", params=[*PAGES, *ERROR_PAGES])
def visit(request: pytest.FixtureRequest, site: ServerProcess, walker: tuple[Page, Notes]) -> Visit:
    page, notes = walker
    name: str = request.param
    notes.problems.clear()
    notes.requests.clear()
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1400, "height": 800})
    if name in LIVE:
        with page.expect_response(lambda response: "/fragments/" in response.url) as polled:
            answer = page.goto(site.url + PAGES[name])
        assert polled.value.status in (200, 204)
    else:
        answer = page.goto(site.url + PAGES.get(name, name))
    assert answer is not None
    return Visit(page, notes, answer.status, name)


def test_a_page_holds_nothing_inline_loads_nothing_from_elsewhere_and_has_no_errors(
    site: ServerProcess, visit: Visit
) -> None:
    assert visit.status == ERROR_PAGES.get(visit.name, 200)
    assert visit.page.evaluate(_INLINE) == []
    assert visit.page.evaluate(_DOUBLE_IDS) == []
    expected = [] if visit.status == 200 else [f"the server responded with a status of {visit.status}"]
    assert len(visit.notes.problems) == len(expected)
    assert all(text in problem for text, problem in zip(expected, visit.notes.problems, strict=True))
    assert [url for url in visit.notes.requests if not url.startswith((f"{site.url}/", "data:"))] == []
    scripts = {script.partition("?")[0] for script in visit.page.evaluate(_SCRIPTS)}
    assert scripts <= {f"{site.url}/static/vendor/htmx/htmx.min.js"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(visit: Visit, scheme: str) -> None:
    # Between the themes only colours differ.
    check_with_axe(visit.page, scheme, {} if scheme == "light" else _COLOURS)


_COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}


def check_with_axe(page: Page, scheme: str, rules: dict[str, Any]) -> None:
    """Fail with what axe finds on a page in a theme."""
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found: dict[str, Any] = page.evaluate(
        "options => axe.run(document, options)", {"resultTypes": ["violations"], **rules}
    )
    problems = [
        f"{violation['id']}: {violation['help']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_result_of_a_bulk_action(
    site: ServerProcess, walker: tuple[Page, Notes], scheme: str
) -> None:
    page, notes = walker
    # Nothing that is done or waits can be retried, so the site stays as it is.
    answer = site.request("/actions/bulk?do=forgive&status=DONE&status=PENDING", method="POST")
    page.goto(site.url + answer.headers["Location"])
    notes.problems.clear()
    kinds = page.locator("#unchanged details")
    assert kinds.count() == 2
    for kind in kinds.all():
        kind.locator("summary").click()
    check_with_axe(page, scheme, {})
    page.set_viewport_size({"width": 400, "height": 800})
    assert not page.evaluate(_TOO_WIDE)
    assert page.evaluate(_INLINE) == page.evaluate(_DOUBLE_IDS) == notes.problems == []


def test_at_400_pixels_nothing_sticks_out(visit: Visit) -> None:
    visit.page.set_viewport_size({"width": 400, "height": 800})
    assert not visit.page.evaluate(_TOO_WIDE)


@pytest.mark.parametrize("url", ERROR_PAGES)
def test_an_error_is_a_page_with_the_way_back(site: ServerProcess, walker: tuple[Page, Notes], url: str) -> None:
    page, _ = walker
    answer = page.goto(site.url + url)
    assert answer is not None
    assert answer.status == ERROR_PAGES[url]
    assert page.evaluate(_INLINE) == []
    page.locator("main").get_by_role("link", name="To the tasks").click()
    assert page.url == f"{site.url}/tasks"


def test_the_only_script_is_htmx_exactly_as_recorded(site: ServerProcess) -> None:
    lines = (VENDOR / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    recorded = {name: digest for digest, name in map(str.split, lines)}
    for name, digest in recorded.items():
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == digest
        assert hashlib.sha256(site.get(f"/static/vendor/{name}").body).hexdigest() == digest
    scripts = {str(path.relative_to(VENDOR)) for path in VENDOR.parent.rglob("*") if path.suffix in (".js", ".mjs")}
    assert scripts == set(recorded)
