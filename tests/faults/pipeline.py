"""A pipeline that takes a few seconds: lanes of steps, each of which waits for the one before it."""

from __future__ import annotations

import time

import luigi

from tests.e2e.pipelines import Noted


class Step(Noted):
    """One step of a lane."""

    lane = luigi.IntParameter()
    number = luigi.IntParameter()

    def requires(self) -> list[luigi.Task]:
        """Return the step before."""
        return [Step(lane=self.lane, number=self.number - 1)] if self.number else []

    def work(self) -> None:
        """Take a moment."""
        time.sleep(0.2)


class Report(luigi.WrapperTask):
    """All lanes."""

    def requires(self) -> list[luigi.Task]:
        """Return the last step of each lane."""
        return [Step(lane=lane, number=5) for lane in range(4)]
