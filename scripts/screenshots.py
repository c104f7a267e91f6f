"""Remake docs/screenshots from the demo pipeline: every page, wide in light and narrow in dark.

The demo runs for about a minute; a picture is taken of each page as soon as there is something to see on all of them.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.support.browser import launch  # noqa: E402
from tests.support.polling import wait_for  # noqa: E402
from tests.support.requirements import find_chromium  # noqa: E402

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ViewportSize

TARGET = ROOT / "docs" / "screenshots"

WIDE: ViewportSize = {"width": 1400, "height": 800}
NARROW: ViewportSize = {"width": 400, "height": 800}


def main() -> int:
    """Run the demo, take the pictures, stop the demo."""
    chromium = find_chromium()
    if chromium is None:
        print("Chromium is not installed (Debian package: chromium).", file=sys.stderr)
        return 1
    TARGET.mkdir(exist_ok=True)
    with tempfile.TemporaryFile("w+") as output:
        command = [sys.executable, "-m", "luigiviz", "demo", "--port", "0"]
        demo = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd=ROOT)
        try:
            url = wait_for(lambda: _announced_url(output), "the demo to say where it listens", 60)
            tasks = wait_for(lambda: _worth_a_picture(url), "the pipeline to be worth a picture", 180, 0.5)
            with launch(chromium) as browser:
                _take(browser, url, tasks)
        finally:
            demo.send_signal(signal.SIGINT)
            demo.wait(timeout=60)
    return 0


def _announced_url(output: Any) -> str | None:
    output.seek(0)
    found = re.search(r"(http://[\d.]+:\d+)/tasks", output.read())
    return found.group(1) if found else None


def _call(url: str, method: str) -> Any:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{url}/api/{method}", timeout=30) as answer:
        return json.load(answer)["response"]


def _worth_a_picture(url: str) -> Mapping[str, Any] | None:
    """The tasks, once there are enough of most statuses."""
    tasks: dict[str, Any] = _call(url, "task_list")
    statuses = [task["status"] for task in tasks.values()]
    is_varied = {"FAILED", "PENDING"} <= set(statuses) and statuses.count("DONE") >= 20
    return tasks if is_varied and _running(tasks) else None


def _running(tasks: Mapping[str, Any]) -> list[Any]:
    """The running tasks that have something upstream, which the pages of tasks are about."""
    return [task for task in tasks.values() if task["status"] == "RUNNING" and task["name"].startswith("warehouse.")]


def _take(browser: Browser, url: str, tasks: Mapping[str, Any]) -> None:
    def id_of(family: str) -> str:
        return quote(next(task_id for task_id, task in tasks.items() if task["name"] == family), safe="")

    running = next(task_id for task_id, task in tasks.items() if task in _running(tasks))
    worker = next(worker["name"] for worker in _call(url, "worker_list") if worker["num_running"])
    pages = {
        "tasks": "/tasks?size=25",
        "task": f"/tasks/{quote(running, safe='')}",
        "bulk": "/actions/bulk?do=mark-as-done",
        "pipelines": "/pipelines",
        "grid": "/grid/warehouse.LoadTable",
        "graph": f"/graph/{id_of('reports.WeeklyReport')}",
        "workers": "/workers",
        "worker": f"/workers/{quote(worker, safe='')}",
        "resources": "/resources",
        "history": "/history",
        "families": "/tasklist",
        "running-times": "/tasklist/ingest.Orders",
    }
    for look, viewport, scheme in (("wide-light", WIDE, "light"), ("narrow-dark", NARROW, "dark")):
        context = browser.new_context(
            viewport=viewport, color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce"
        )
        page = context.new_page()
        for name, path in pages.items():
            answer = page.goto(url + path, wait_until="networkidle" if "svg" in path else "load")
            if answer is None or not answer.ok:
                raise RuntimeError(f"{path} was answered {answer.status if answer else 'not at all'}")
            target = TARGET / f"{name}-{look}.png"
            page.screenshot(path=target)
            print(f"{target.relative_to(ROOT)}: {target.stat().st_size:,} bytes")
        context.close()


if __name__ == "__main__":
    started = time.monotonic()
    status = main()
    print(f"{time.monotonic() - started:.0f} s")
    sys.exit(status)
