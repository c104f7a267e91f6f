"""The shared fixtures themselves: each brings the real thing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, text

from tests.support.requirements import require

if TYPE_CHECKING:
    from playwright.sync_api import Page


def test_a_missing_program_skips_the_test_on_a_developers_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="Debian package: graphviz"):
        require(None, "dot", "graphviz")


def test_a_missing_program_fails_the_test_in_continuous_integration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="Debian package: graphviz"):
        require(None, "dot", "graphviz")


@pytest.mark.postgres
def test_postgres_url_is_an_empty_database_of_the_tests_own(postgres_url: str) -> None:
    engine = create_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE things (id integer)"))
        tables = connection.execute(text("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")).scalar_one()
    engine.dispose()
    assert tables == 1


@pytest.mark.mariadb
def test_mariadb_url_is_an_empty_database_of_the_tests_own(mariadb_url: str) -> None:
    engine = create_engine(mariadb_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE things (id integer)"))
        tables = connection.execute(text("SHOW TABLES")).all()
    engine.dispose()
    assert len(tables) == 1


@pytest.mark.browser
def test_browser_page_shows_a_page_and_runs_its_scripts(browser_page: Page, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<title>before</title><script>document.title = 'after'</script>", encoding="utf-8")
    browser_page.goto(page.as_uri())
    assert browser_page.title() == "after"
