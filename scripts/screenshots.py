"""Remake docs/screenshots from the demo pipeline: every page, wide and narrow, in light and dark, and an index of them.

The demo runs for some minutes; pictures are taken as soon as there is something to see on all pages. They are WebP
files, which Chromium itself can write and which take a third of the room of PNG.
"""

from __future__ import annotations

import base64
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
    from playwright.sync_api import Browser, Page, ViewportSize

TARGET = ROOT / "docs" / "screenshots"

#: Pictures by name, in the order of the index, each with what it shows.
PAGES = {
    "tasks": "All tasks: counts by status, families, parameters, workers and running times",
    "failed": "The failed and disabled tasks, with the line of the error that says what went wrong",
    "error": "A task that failed: its error, what to type in order to run it again, its retries",
    "blocked": "A task that is held up: what blocks it, and the buttons to try that again",
    "task": "A running task: its progress, what it waits for and what waits for it",
    "bulk": "The question before many tasks are changed",
    "pipelines": "Pipelines: is tonight's run fine?",
    "grid": "A family as a grid of days and tables",
    "graph": "The graph of what a task needs",
    "workers": "The workers",
    "worker": "One worker: what it runs, what it has left, what failed on it",
    "resources": "Resources: who holds them, who waits for them",
    "history": "Past runs",
    "families": "Families with their past runs and running times",
    "running-times": "The running times of a family",
}

_SIZES: dict[str, ViewportSize] = {"wide": {"width": 1400, "height": 800}, "narrow": {"width": 400, "height": 800}}
_SCHEMES = ("light", "dark")
#: Size and colours, as in the names of the files.
LOOKS = [f"{size}-{scheme}" for size in _SIZES for scheme in _SCHEMES]

#: Of WebP, a share of 1: text stays crisp.
_QUALITY = 0.82

_TO_WEBP = """async ([png, quality]) => {
  const image = new Image();
  image.src = "data:image/png;base64," + png;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = image.width;
  canvas.height = image.height;
  canvas.getContext("2d").drawImage(image, 0, 0);
  return canvas.toDataURL("image/webp", quality);
}"""


#: Tracebacks name the folders of the machine that took the pictures; what is shown has others.
_HIDE_PATHS = """pairs => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = texts.nextNode(); text; text = texts.nextNode()) {
    for (const [path, shown] of pairs) {
      if (text.data.includes(path)) text.data = text.data.replaceAll(path, shown);
    }
  }
}"""


def file_name(page: str, look: str) -> str:
    """The picture of a page in one of ``LOOKS``."""
    return f"{page}-{look}.webp"


def index() -> str:
    """The text of the folder's README."""
    lines = ["# Screenshots", "", "Every page of `luigiviz demo` while it runs, wide and narrow, in light and dark."]
    lines += ["`make screenshots` remakes them, and this index.", ""]
    for page, text in PAGES.items():
        lines += [f"## {text}", ""]
        lines += [f"![{look.replace('-', ', ')}]({file_name(page, look)})" for look in LOOKS]
        lines.append("")
    return "\n".join(lines[:-1]) + "\n"


def main() -> int:
    """Run the demo, take the pictures, stop the demo."""
    chromium = find_chromium()
    if chromium is None:
        print("Chromium is not installed (Debian package: chromium).", file=sys.stderr)
        return 1
    TARGET.mkdir(exist_ok=True)
    with tempfile.TemporaryFile("w+") as output:
        # Slower than usual: all pictures show it at about the same time.
        command = [sys.executable, "-m", "luigiviz", "demo", "--port", "0", "--speed", "0.6"]
        demo = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd=ROOT)
        try:
            url = wait_for(lambda: _announced_url(output), "the demo to say where it listens", 60)
            tasks = wait_for(lambda: _worth_a_picture(url), "the pipeline to be worth a picture", 180, 0.5)
            with launch(chromium) as browser:
                _take(browser, url, tasks)
            (TARGET / "README.md").write_text(index(), encoding="utf-8")
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
    """The tasks, once there are enough of most statuses, and one has just failed for which another waits."""
    tasks: dict[str, Any] = _call(url, "task_list")
    statuses = [task["status"] for task in tasks.values()]
    newsletter = next((task for task in tasks.values() if task["name"] == "marketing.SendNewsletter"), None)
    has_failed = (
        newsletter is not None and newsletter["status"] == "FAILED" and time.time() - newsletter["last_updated"] < 3
    )
    is_varied = has_failed and statuses.count("DONE") >= 15 and "PENDING" in statuses
    return tasks if is_varied and _running(tasks) else None


def _running(tasks: Mapping[str, Any]) -> list[Any]:
    """The running tasks that have something upstream, which the pages of tasks are about."""
    return [task for task in tasks.values() if task["status"] == "RUNNING" and task["name"].startswith("warehouse.")]


def _take(browser: Browser, url: str, tasks: Mapping[str, Any]) -> None:
    def id_of(family: str) -> str:
        return quote(next(task_id for task_id, task in tasks.items() if task["name"] == family), safe="")

    running = next(task_id for task_id, task in tasks.items() if task in _running(tasks))
    busiest = max(_call(url, "worker_list"), key=lambda worker: (worker["num_running"] > 0, worker["num_pending"]))
    paths = {
        "tasks": "/tasks?size=25",
        "failed": "/tasks?status=FAILED&status=DISABLED",
        "error": f"/tasks/{id_of('marketing.SendNewsletter')}",
        "blocked": f"/tasks/{id_of('marketing.Campaign')}",
        "task": f"/tasks/{quote(running, safe='')}",
        "bulk": "/actions/bulk?do=mark-as-done",
        "pipelines": "/pipelines",
        "grid": "/grid/warehouse.LoadTable",
        "graph": f"/graph/{id_of('reports.WeeklyReport')}",
        "workers": "/workers",
        "worker": f"/workers/{quote(busiest['name'], safe='')}",
        "resources": "/resources",
        "history": "/history",
        "families": "/tasklist",
        "running-times": "/tasklist/ingest.Orders",
    }
    converter = browser.new_page()
    pages = {}
    for look in LOOKS:
        size, _, scheme = look.partition("-")
        context = browser.new_context(
            viewport=_SIZES[size], color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce"
        )
        pages[look] = context.new_page()
    # All looks of a page before the next page: they show the same moment. What changes fastest comes first.
    fleeting = ("error", "blocked", "failed", "task", "worker")
    for name in (*fleeting, *(name for name in PAGES if name not in fleeting)):
        for look, page in pages.items():
            answer = page.goto(url + paths[name], wait_until="load")
            if answer is None or not answer.ok:
                raise RuntimeError(f"{paths[name]} was answered {answer.status if answer else 'not at all'}")
            page.evaluate(_HIDE_PATHS, [[sys.prefix, "/srv/luigiviz/.venv"], [str(ROOT), "/srv/luigiviz"]])
            target = TARGET / file_name(name, look)
            target.write_bytes(_webp(converter, page.screenshot()))
            print(f"{target.relative_to(ROOT)}: {target.stat().st_size:,} bytes")


def _webp(converter: Page, png: bytes) -> bytes:
    """A picture as WebP: Playwright writes PNG and JPEG only, but Chromium can."""
    url = converter.evaluate(_TO_WEBP, [base64.b64encode(png).decode(), _QUALITY])
    return base64.b64decode(url.partition(",")[2])


if __name__ == "__main__":
    started = time.monotonic()
    status = main()
    print(f"{time.monotonic() - started:.0f} s")
    sys.exit(status)
