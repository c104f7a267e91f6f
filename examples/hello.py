"""A first pipeline: a few greetings are written, then gathered into one letter.

Start a scheduler (``make run``), then, from the root of the clone::

    PYTHONPATH=. .venv/bin/luigi --module examples.hello HelloPipeline --scheduler-port 8082

A second run finds everything done. ``--run-id again`` starts over in a folder of its own.
"""

from __future__ import annotations

import time
from pathlib import Path

import luigi

#: Where the pipeline writes, below the working directory. Git ignores it.
OUTPUT = Path("build") / "hello"


class Greeting(luigi.Task):
    """Write one greeting. It takes a moment, so that it can be seen running."""

    name = luigi.Parameter(description="who is greeted")
    run_id = luigi.Parameter(default="first", description="names a run and its folder")
    seconds = luigi.FloatParameter(default=2.0, significant=False, description="how long a greeting takes")

    def output(self) -> luigi.LocalTarget:
        """Return the file of this greeting."""
        return luigi.LocalTarget(str(OUTPUT / self.run_id / f"{self.name}.txt"))

    def run(self) -> None:
        """Write the greeting, telling the scheduler how far it is."""
        steps = 4
        for step in range(steps):
            self.set_status_message(f"Thinking of something nice to say to {self.name}")
            self.set_progress_percentage(100 * step // steps)
            time.sleep(self.seconds / steps)
        with self.output().open("w") as out:
            out.write(f"Hello {self.name}!\n")


class HelloPipeline(luigi.Task):
    """Gather all greetings into one letter."""

    run_id = luigi.Parameter(default="first", description="names a run and its folder")

    def requires(self) -> list[luigi.Task]:
        """Return the greetings that the letter is made of."""
        return [Greeting(name=name, run_id=self.run_id) for name in ("Ada", "Grace", "Linus")]

    def output(self) -> luigi.LocalTarget:
        """Return the letter."""
        return luigi.LocalTarget(str(OUTPUT / self.run_id / "letter.txt"))

    def run(self) -> None:
        """Copy every greeting into the letter."""
        with self.output().open("w") as letter:
            for greeting in self.input():
                with greeting.open() as lines:
                    letter.write(lines.read())
