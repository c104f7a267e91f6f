"""luigid's state file, for those who move in from there: its tasks, workers and batchers as documents of ours."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from luigiviz.store import luigid_reader
from luigiviz.store.errors import StateFileError

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class StateFile:
    """What luigid remembered. Documents are as ``docs/architecture.md`` describes them."""

    #: Each task with the ids of its dependencies, in the order of creation.
    tasks: list[tuple[Document, tuple[str, ...]]] = field(default_factory=list)
    workers: list[Document] = field(default_factory=list)
    batchers: list[Document] = field(default_factory=list)

    def changes(self, values: dict[str, Document] | None = None) -> WholeState:
        """Describe it as what changes in an empty database; ``values`` are single values to be written with it."""
        return WholeState(
            tasks=[document for document, _ in self.tasks],
            edges=[(document["seq"], 0, deps, 0) for document, deps in self.tasks if deps],
            workers=self.workers,
            batchers=self.batchers,
            values=values or {},
        )


@dataclass(slots=True)
class WholeState:
    """A state as changes that ``LiveStore.commit`` takes."""

    tasks: list[Document]
    edges: list[tuple[int, int, tuple[str, ...], int]]
    workers: list[Document]
    batchers: list[Document]
    values: dict[str, Document]
    removed: list[int] = field(default_factory=list)
    removed_workers: list[int] = field(default_factory=list)
    removed_batchers: list[int] = field(default_factory=list)


def read_state_file(path: Path) -> StateFile:
    """Read a state file that luigid wrote, of any version since Luigi 2.0; the file stays as it is.

    Nothing that the file names is imported or called: see ``luigid_reader``, which does it in a process of its own.

    Raises:
        StateFileError: It cannot be read, or is something else than luigid's state.
    """
    try:
        # Errors of the file system are said better from here.
        with path.open("rb"):
            pass
        # Isolated: neither the environment nor the site's packages have a say in it.
        command = [sys.executable, "-I", "-S", str(Path(luigid_reader.__file__)), str(path.resolve())]
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as reader:
            state, end = _collect(reader)
    except OSError as error:
        raise StateFileError(f"{path}: {error.strerror}") from error
    if end is None:
        raise StateFileError(f"{path}: it makes its reader crash, or run out of memory or time; nothing is imported")
    if end[0] == "error":
        raise StateFileError(f"{path}: {end[1]}; nothing is imported")
    return state


def _collect(reader: subprocess.Popen[bytes]) -> tuple[StateFile, list[Any] | None]:
    """Collect what is printed; the second part is the last line, None if the reader ended without one."""
    state = StateFile()
    assert reader.stdout is not None
    for line in reader.stdout:
        try:
            kind, *content = json.loads(line)
        except ValueError:
            break  # cut off, or nothing of our reader's
        if kind == "task":
            state.tasks.append((content[0], tuple(content[1])))
        elif kind == "worker":
            state.workers.append(content[0])
        elif kind == "batcher":
            state.batchers.append(content[0])
        else:
            return state, [kind, *content]
    return state, None
