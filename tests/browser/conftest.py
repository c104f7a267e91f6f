"""What the browser tests share: one real server with one of everything in it, and pages that note what goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from luigiviz.web.tasklist import COLUMNS
from tests.support import scene as s
from tests.support.polling import wait_for
from tests.support.server import ServerProcess

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

#: The scene must stand still: nothing times out, is retried or is forgotten while a test looks at it.
CONFIG = """
[scheduler]
record_task_history = true
worker_disconnect_delay = 1000000
remove_delay = 1000000
retry_delay = 1000000

[luigiviz]
poll_seconds = 0.25
"""

#: Every kind of page, with everything in it. Ids in paths are encoded by hand: the server's own links are tested too.
PAGES = {
    "dashboard": "/tasks",
    "dashboard, filtered and sorted": "/tasks?status=FAILED&status=DISABLED&sort=family&order=asc",
    "dashboard, all odd ids": "/tasks?size=100",
    "dashboard, nothing found": "/tasks?q=nosuchtask",
    "dashboard, all columns": "/tasks?" + "&".join(f"col={column.key}" for column in COLUMNS),
    "dashboard, boxes to tick": "/tasks?select=all",
    "dashboard, what a worker has left": f"/tasks?status=PENDING&runner={quote(s.WORKER, safe='')}",
    "question before a bulk action": "/actions/bulk?do=mark-as-done",
    "question before a release": f"/actions/bulk?do=release&task_id={s.RUNNING}",
    "question before a worker is disabled": f"/actions/disable-worker?worker={quote(s.WORKER, safe='')}",
    "old address": "/static/visualiser/index.html",
    "task: failed": f"/tasks/{s.FAILED}",
    "task: disabled": f"/tasks/{s.DISABLED}",
    "task: running": f"/tasks/{s.RUNNING}",
    "task: batch": f"/tasks/{s.BATCH_MEMBERS[0]}",
    "task: upstream failed": f"/tasks/{s.UPSTREAM_FAILED}",
    "task: done": f"/tasks/{s.DONE}",
    "task: unknown placeholder": f"/tasks/{s.UNKNOWN}",
    "task: odd id": "/tasks/A%28b%3Dc%2Fd%29%3F%23%C3%A9",
    "task: dots": "/tasks?task_id=..",
    "task: script": "/tasks/%3Cscript%3Ealert%28%27x%27%29%3C%2Fscript%3E",
    "task: long id": f"/tasks/{'z' * 10_000}",
    "mark as done": f"/actions/mark-as-done?task_id={s.FAILED}",
    "graphs": "/graph",
    "graphs, found": "/graph?q=orders",
    "graph": f"/graph/{s.UPSTREAM_FAILED}",
    "graph, downstream": f"/graph/{s.DONE}?direction=downstream",
    "graph, odd id": "/graph/%3Cscript%3Ealert%28%27x%27%29%3C%2Fscript%3E",
    "grids": "/grid",
    "grid": "/grid/ingest.Orders",
    "grid, one row": "/grid/ingest.Orders?across=region&down=",
    "pipelines": "/pipelines",
    "pipelines, single tasks too": "/pipelines?single=1",
    "workers": "/workers",
    "workers, none found": "/workers?q=nobody",
    "worker": f"/workers/{quote(s.WORKER, safe='')}",
    "worker with a hostile name": f"/workers/{quote(s.HOSTILE_WORKER, safe='')}",
    "resources": "/resources",
    "history": "/history",
    "history of a family": "/history/by_name/ingest.Orders",
    "history of a task": f"/history/by_task_id/{s.FAILED}",
    "history by parameters": "/history/by_params/ingest.Orders?data=%7B%22region%22%3A%22asia%22%7D",
    "a run": "/history/by_id/1",
    "families": "/tasklist",
    "running times": "/tasklist/ingest.Orders",
}
#: Pages that are answered with an error, by the status that they have.
ERROR_PAGES = {
    "/no/such/page": 404,
    "/tasks/Gone_1": 404,
    "/graph/Gone_1": 404,
    "/history/by_id/99999": 404,
    "/tasks?status=NO_SUCH": 400,
    "/actions/pause": 405,
}


def fill(server: ServerProcess) -> None:
    """Put the scene into a server, and wait until its history is written."""
    s.load_scene(server.rpc)
    wait_for(lambda: server.get("/history/by_id/1").status == 200, "the history to be written")


@pytest.fixture(scope="session")
def site(
    tmp_path_factory: pytest.TempPathFactory, require_chromium: object, require_dot: object
) -> Iterator[ServerProcess]:
    """A server with the scene in it, for all tests that only look."""
    server = ServerProcess(tmp_path_factory.mktemp("site"), CONFIG)
    fill(server)
    yield server
    server.stop()


class Notes:
    """What a page did: errors on its console, uncaught exceptions, and the requests that it made."""

    def __init__(self, page: Page) -> None:
        self.problems: list[str] = []
        self.requests: list[str] = []
        page.on("pageerror", lambda error: self.problems.append(f"uncaught: {error}"))
        page.on("console", self._note)
        page.on("request", lambda request: self.requests.append(request.url))

    def _note(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(f"console: {message.text}")


OpenPage = Callable[..., Any]


@contextmanager
def open_page(browser: Browser, **options: Any) -> Iterator[tuple[Page, Notes]]:
    """A page in a context of its own, with Playwright's options for contexts."""
    context = browser.new_context(**options)
    page = context.new_page()
    yield page, Notes(page)
    context.close()
