"""The tasks that the end-to-end tests run in real ``luigi`` processes.

They tell what happens by a journal: one JSON line per event, in the order in which things happened.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import luigi

#: The test's folder, which it names in the environment of its workers.
FOLDER = Path(os.environ.get("E2E_FOLDER", "."))
#: The process that imported this module: the worker itself, since task processes are forked from it.
WORKER_PID = os.getpid()


def note(task: luigi.Task, event: str) -> None:
    """Append an event to the journal. One short write to a file opened for appending is never torn apart."""
    line = {
        "event": event,
        "task": task.task_id,
        "family": task.task_family,
        "params": task.to_str_params(),
        "pid": os.getpid(),
        "worker_pid": WORKER_PID,
    }
    with (FOLDER / "journal").open("a") as journal:
        journal.write(json.dumps(line) + "\n")


def events(event: str) -> list[dict[str, Any]]:
    """Return what the journal holds so far under the name ``event``."""
    path = FOLDER / "journal"
    lines = path.read_text().splitlines() if path.exists() else []
    return [entry for entry in map(json.loads, lines) if entry["event"] == event]


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Poll until ``condition`` holds; fail when that takes far too long."""
    deadline = time.monotonic() + 30
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited in vain for {what}")
        time.sleep(0.02)


class Noted(luigi.Task):
    """A task that notes its start and its end, and writes a file in between."""

    def output(self) -> luigi.LocalTarget:
        """Return the file that says that the task is complete."""
        return luigi.LocalTarget(str(FOLDER / "done" / self.task_id))

    def run(self) -> Any:
        """Do the work between two notes."""
        note(self, "start")
        self.work()
        self.finish()

    def work(self) -> None:
        """Do what the subclass is for."""

    def finish(self) -> None:
        """Write the output and note the end."""
        with self.output().open("w") as out:
            out.write(self.task_id)
        note(self, "end")


class Top(Noted):
    """The source of the diamond."""


class Left(Noted):
    """One side of the diamond."""

    def requires(self) -> luigi.Task:
        """Return the source."""
        return Top()


class Right(Noted):
    """The other side of the diamond."""

    def requires(self) -> luigi.Task:
        """Return the source."""
        return Top()


class Diamond(Noted):
    """The end of the diamond."""

    def requires(self) -> list[luigi.Task]:
        """Return both sides."""
        return [Left(), Right()]


class SharedPart(Noted):
    """A part of `Shared`. The first parts wait until two workers have begun one each."""

    number = luigi.IntParameter()

    def work(self) -> None:
        """Wait for the other worker."""
        wait_until(lambda: len({entry["worker_pid"] for entry in events("start")}) > 1, "a second worker")


class Shared(Noted):
    """A DAG that two workers run together."""

    def requires(self) -> list[luigi.Task]:
        """Return the parts."""
        return [SharedPart(number=number) for number in range(8)]


class FailsTwice(Noted):
    """Fails at the first and the second attempt."""

    def work(self) -> None:
        """Fail unless this is the third attempt."""
        if len(events("start")) <= 2:
            raise ValueError("not yet")


class AlwaysFails(Noted):
    """Fails at every attempt."""

    retry_count = 2

    def work(self) -> None:
        """Fail."""
        raise ValueError("the tape is torn")


class NeedsFailing(Noted):
    """Depends on what always fails."""

    def requires(self) -> luigi.Task:
        """Return the failing task."""
        return AlwaysFails()


class Tape(Noted):
    """Uses one of the tape drives. The first two wait for each other, so that both drives are in use at once."""

    number = luigi.IntParameter()
    resources = {"tape": 1}  # noqa: RUF012  (Luigi's way to say it)

    def work(self) -> None:
        """Hold the drive for a moment."""
        wait_until(lambda: len(events("start")) >= 2, "a second drive to be used")
        time.sleep(0.05)


class BothTapes(Noted):
    """Uses both drives, once nothing else can run."""

    resources = {"tape": 2}  # noqa: RUF012
    priority = -1

    def work(self) -> None:
        """Hold both drives for a moment."""
        time.sleep(0.05)


class Tapes(luigi.WrapperTask):
    """All that wants a tape drive."""

    def requires(self) -> list[luigi.Task]:
        """Return more tasks than there are drives."""
        return [*(Tape(number=number) for number in range(6)), BothTapes()]


class Batched(Noted):
    """Loads letters, several in one run."""

    letter = luigi.Parameter(batch_method=",".join)

    def output(self) -> list[luigi.LocalTarget]:
        """Return a file per letter."""
        return [luigi.LocalTarget(str(FOLDER / "done" / f"letter-{letter}")) for letter in self.letter.split(",")]

    def finish(self) -> None:
        """Write the files of all letters."""
        for target in self.output():
            with target.open("w") as out:
                out.write("loaded")
        note(self, "end")


class Letters(luigi.WrapperTask):
    """The letters to load."""

    def requires(self) -> list[luigi.Task]:
        """Return one task per letter."""
        return [Batched(letter=letter) for letter in "abcde"]


class Found(Noted):
    """A dependency that is found at run time."""

    number = luigi.IntParameter()


class Dynamic(Noted):
    """Finds its dependencies when it runs, in two rounds."""

    def run(self) -> Generator[list[luigi.Task], Any, None]:
        """Yield two tasks, then one more, then finish. Luigi starts again from the top after each round."""
        note(self, "start")
        first = yield [Found(number=1), Found(number=2)]
        assert all(target.exists() for target in first)
        second = yield [Found(number=3)]
        assert all(target.exists() for target in second)
        self.finish()


class Ranked(Noted):
    """A task with a priority."""

    rank = luigi.IntParameter()

    @property
    def priority(self) -> int:
        """The rank is the priority."""
        return int(self.rank)


class Ranking(luigi.WrapperTask):
    """Tasks of different priorities, in no particular order."""

    def requires(self) -> list[luigi.Task]:
        """Return the tasks."""
        return [Ranked(rank=rank) for rank in (2, 9, 0, 7, 4)]


class SurvivesItsWorker(Noted):
    """Hangs at the first attempt, until its worker is killed; works at the next."""

    def work(self) -> None:
        """Hang at the first attempt."""
        if len(events("start")) == 1:
            wait_until(lambda: False, "the end of this worker")


class AfterTheSurvivor(Noted):
    """Depends on the task whose worker is killed."""

    def requires(self) -> luigi.Task:
        """Return that task."""
        return SurvivesItsWorker()


class Listener(Noted):
    """Answers messages until it is told to stop."""

    accepts_messages = True

    def work(self) -> None:
        """Answer each message."""
        while True:
            message = self.scheduler_messages.get(timeout=30)
            message.respond(f"heard {message}")
            if message == "stop":
                return


class Reporter(Noted):
    """Tells how it is doing, and runs until the test says that it may end."""

    def work(self) -> None:
        """Report, then wait."""
        self.set_status_message("reporting")
        self.set_progress_percentage(40)
        self.set_tracking_url("http://tracker.example/run/1")
        wait_until((FOLDER / "go").exists, "the test to say go")


class Idle(luigi.WrapperTask):
    """What an assistant is started with: nothing to do itself."""


class Waiting(Noted):
    """Runs until the test says that it may end."""

    number = luigi.IntParameter(default=0)

    def work(self) -> None:
        """Wait for the test's file."""
        wait_until((FOLDER / "go").exists, "the test to say go")


class ManyWaiting(luigi.WrapperTask):
    """Tasks that run until the test says that they may end."""

    def requires(self) -> list[luigi.Task]:
        """Return three of them."""
        return [Waiting(number=number) for number in range(3)]
