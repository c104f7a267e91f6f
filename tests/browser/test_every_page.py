"""A walk over every page: nothing inline, nothing from elsewhere, no errors, and nothing that axe finds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
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


@pytest.fixture(scope="module")
def walker(browser: Browser) -> Iterator[tuple[Page, Notes]]:
    with open_page(browser) as opened:
        yield opened


@pytest.mark.parametrize("name", PAGES)
def test_a_page_holds_nothing_inline_loads_nothing_from_elsewhere_and_has_no_errors(
    site: ServerProcess, walker: tuple[Page, Notes], name: str
) -> None:
    page, notes = walker
    notes.problems.clear()
    notes.requests.clear()
    answer = page.goto(site.url + PAGES[name])
    assert answer is not None
    assert answer.status == 200
    with page.expect_response(lambda response: "/fragments/" in response.url) as polled:
        pass
    assert polled.value.status in (200, 204)
    assert page.evaluate(_INLINE) == []
    assert page.evaluate(_DOUBLE_IDS) == []
    assert notes.problems == []
    assert [url for url in notes.requests if not url.startswith((f"{site.url}/", "data:"))] == []
    scripts = page.evaluate(_SCRIPTS)
    assert [script.partition("?")[0] for script in scripts] == [f"{site.url}/static/vendor/htmx/htmx.min.js"]


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


@pytest.mark.parametrize("name", [*PAGES, *ERROR_PAGES])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(site: ServerProcess, walker: tuple[Page, Notes], scheme: str, name: str) -> None:
    page, _ = walker
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
    page.goto(site.url + PAGES.get(name, name))
    page.evaluate(AXE.read_text(encoding="utf-8"))
    # Between the themes only colours differ.
    rules = {"runOnly": {"type": "rule", "values": ["color-contrast"]}} if scheme == "dark" else {}
    found: dict[str, Any] = page.evaluate(
        "options => axe.run(document, options)", {"resultTypes": ["violations"], **rules}
    )
    problems = [
        f"{violation['id']}: {violation['help']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("name", [*PAGES, *ERROR_PAGES])
def test_at_400_pixels_nothing_sticks_out(site: ServerProcess, narrow: Page, name: str) -> None:
    narrow.goto(site.url + PAGES.get(name, name))
    assert not narrow.evaluate(_TOO_WIDE)


@pytest.fixture(scope="module")
def narrow(browser: Browser) -> Iterator[Page]:
    with open_page(browser, viewport={"width": 400, "height": 800}) as (page, _):
        yield page
