"""What the demo's tasks share: their settings, where they write, and how they pass the time."""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import luigi


class DemoSettings(luigi.Config):
    """The ``[DemoSettings]`` section of the demo's luigi.cfg."""

    directory = luigi.Parameter(default=str(Path("build") / "demo"), description="where tasks write")
    speed = luigi.FloatParameter(default=1.0, description="how many times faster than normal")
    unlucky_day = luigi.DateParameter(
        default=datetime.date(1970, 1, 1), description="the day when the bank is hard to reach"
    )
    site = luigi.Parameter(default="http://127.0.0.1:8082", description="where tracking URLs lead")


class ShopTask(luigi.Task):
    """A task about one day of the shop, whose output is one JSON file."""

    date = luigi.DateParameter(description="the day that the task is about")

    def path(self, name: str) -> Path:
        """Return the path of the file ``name`` in the folder of this task's family."""
        return Path(DemoSettings().directory) / self.task_family / name

    def output(self) -> luigi.LocalTarget:
        """Return the file that this task writes."""
        return luigi.LocalTarget(str(self.path(f"{self.task_id}.json")))

    def save(self, value: object) -> None:
        """Write ``value`` as this task's output, all at once."""
        write_json(self.output(), value)

    def steps(self, seconds: float, count: int, doing: str) -> Iterator[int]:
        """Spread ``seconds`` of work over ``count`` steps; report status and progress at each.

        Yields the number of the step, from 1 to ``count``.
        """
        for step in range(1, count + 1):
            self.set_status_message(f"{doing} ({step} of {count})")
            self.set_progress_percentage(round(100 * (step - 1) / count))
            time.sleep(seconds / count / DemoSettings().speed)
            yield step
        self.set_progress_percentage(100)

    def spend(self, seconds: float, doing: str) -> None:
        """Work for ``seconds``, reporting status and progress about once a second."""
        for _ in self.steps(seconds, max(1, round(seconds)), doing):
            pass

    def show_earlier_runs(self) -> None:
        """Set the tracking URL: a real job would name its cluster's page; here it is the family's history."""
        self.set_tracking_url(f"{DemoSettings().site}/history/by_name/{quote(self.task_family, safe='')}")


def read_json(target: luigi.LocalTarget) -> Any:
    """Return the value that another task saved."""
    with target.open() as file:
        return json.load(file)


def write_json(target: luigi.LocalTarget, value: object) -> None:
    """Write ``value`` to ``target`` so that it appears whole or not at all."""
    with target.open("w") as file:
        json.dump(value, file, indent=1, sort_keys=True)
