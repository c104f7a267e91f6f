"""Files that are no state of luigid, or a hostile one: refused in a line, and nothing of them is carried out."""

from __future__ import annotations

import os
import pickle
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import luigi.scheduler
import pytest

from luigiviz.store.errors import StateFileError
from luigiviz.store.luigid import read_state_file


class Calls:
    """Pickles as a call."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.parts = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.parts


def refusal(path: Path, content: bytes) -> str:
    """Return why a file is refused."""
    path.write_bytes(content)
    with pytest.raises(StateFileError) as caught:
        read_state_file(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state.pickle"


@pytest.fixture
def good(file: Path) -> bytes:
    """A state that luigid wrote."""
    scheduler = luigi.scheduler.Scheduler(state_path=str(file))
    for number in range(20):
        scheduler.add_task(worker="w", task_id=f"T{number}", family="T", params={"n": str(number)})
    scheduler.dump()
    return file.read_bytes()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    ("function", "name"),
    [
        (os.system, "posix.system"),
        (subprocess.Popen, "Popen"),
        (eval, "eval"),
        (getattr, "getattr"),
        (Path.unlink, "unlink"),
    ],
)
def test_a_file_that_names_anything_else_is_refused_with_the_name(
    file: Path, tmp_path: Path, function: Callable[..., Any], name: str, protocol: int
) -> None:
    proof = tmp_path / "proof"
    state: Any = ({"T": Calls(function, f"touch {proof}")}, {}, {})
    message = refusal(file, pickle.dumps(state, protocol=protocol))
    if name != "unlink":
        assert name in message
    assert "it names" in message
    assert "nothing is imported" in message
    assert not proof.exists()


def test_names_with_dots_lead_nowhere(file: Path) -> None:
    reach = b"\x80\x04\x8c\x0fluigi.scheduler\x8c\x0dTask.__init__\x93\x8c\x01x\x85R."
    assert "it names luigi.scheduler.Task.__init__" in refusal(file, reach)


@pytest.mark.parametrize(
    "content",
    [
        b"cluigi.scheduler\nWorker\n(dS'__class__'\ncluigi.scheduler\nTask\nsb.",
        b"cluigi.scheduler\nTask\n(N}S'__setstate__'\ncluigi.scheduler\nTask\nstb.",
        b"ccopy_reg\n_reconstructor\n(c__builtin__\nset\nc__builtin__\nobject\nNtR.",
        b"ccopy_reg\n_reconstructor\n(I1\nI2\nI3\ntR.",
        b"cluigi.scheduler\nRetryPolicy\n(tR.",
        b"Pelsewhere\n.",
        b"\x80\x04\x82\x01.",
    ],
)
def test_tricks_with_the_names_that_are_allowed_are_refused(file: Path, content: bytes) -> None:
    assert "nothing is imported" in refusal(file, content)


def test_torn_files_are_refused(file: Path, good: bytes) -> None:
    assert "it is empty" in refusal(file, b"")
    for length in (1, 2, 10, len(good) // 2, len(good) - 1):
        assert "damaged" in refusal(file, good[:length])


@pytest.mark.parametrize(
    "content",
    [b"hello\n", b'{"tasks": []}', b"SQLite format 3\x00" + bytes(100), bytes(1000), b"\xff" * 1000],
    ids=["text", "json", "sqlite", "zeros", "ones"],
)
def test_files_of_other_kinds_are_refused(file: Path, content: bytes) -> None:
    assert "it is no state file" in refusal(file, content)


@pytest.mark.parametrize(
    "state",
    [None, 1, {}, ({}, []), ({}, {}, {}, {}), ([], {}), ({"T": {}}, {}), ({}, {"w": None}), ({}, {}, {"w": 3})],
    ids=repr,
)
def test_pickles_of_something_else_are_refused(file: Path, state: object) -> None:
    assert "nothing is imported" in refusal(file, pickle.dumps(state))


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("status", "BROKEN", "its status is 'BROKEN'"),
        ("time", None, "it has no beginning"),
        ("time", float("inf"), "time is no time"),
        ("updated", "now", "updated is no number"),
        ("priority", "high", "priority is no number"),
        ("priority", float("nan"), "priority is no number"),
        ("resources", {"db": "1"}, "the amount of 'db' is no number"),
        ("params", [1], "params is no dict"),
        ("deps", {1}, "the id of a dependency is no text"),
        ("family", 7, "its family is no text"),
        ("expl", b"bytes", "bytes"),
    ],
)
def test_a_task_that_cannot_be_is_named(file: Path, good: bytes, name: str, value: object, words: str) -> None:
    tasks, workers, batchers = pickle.loads(good)
    setattr(tasks["T7"], name, value)
    message = refusal(file, pickle.dumps((tasks, workers, batchers)))
    if name != "expl":
        assert "task 'T7'" in message
    assert words in message


def test_workers_in_a_circle_are_refused(file: Path, good: bytes) -> None:
    tasks, workers, batchers = pickle.loads(good)
    ring = tasks["T7"].workers.end[2]
    ring[2] = ring
    assert "in a circle" in refusal(file, pickle.dumps((tasks, workers, batchers)))


# Files that ask for too much


def test_a_huge_memo_is_refused(file: Path) -> None:
    for index in (0x0FFF_FFFF, 0x7FFF_FFFF):
        content = b"\x80\x03}r" + struct.pack("<I", index) + b"."
        assert "nothing is imported" in refusal(file, content)


def test_a_text_that_claims_to_be_huge_is_refused(file: Path) -> None:
    assert "nothing is imported" in refusal(file, b"\x80\x04\x8d" + struct.pack("<Q", 2**40) + b"x.")


def test_deep_nesting_is_refused(file: Path, good: bytes) -> None:
    depth = 200_000
    nested = b"\x80\x04" + b"(" * depth + b"l" * depth + b"."
    assert "nothing is imported" in refusal(file, nested)
    key = b"\x80\x04})" + b"\x85" * depth + b"Ns."  # a tuple in a tuple in a tuple, as a key
    assert "nothing is imported" in refusal(file, key)
    tasks, workers, batchers = pickle.loads(good)
    tasks["T7"].expl = "PLACE"
    content = pickle.dumps((tasks, workers, batchers), protocol=3)
    place = content.index(b"X\x05\x00\x00\x00PLACE")
    deep = b"]" * 5_000 + b"a" * 4_999
    content = content[:place] + deep + content[place + 10 :]
    assert "nested too deeply" in refusal(file, content)


def test_a_text_that_is_used_without_end_is_refused(file: Path, good: bytes) -> None:
    tasks, workers, batchers = pickle.loads(good)
    text: Any = "x" * 1000
    for _ in range(40):
        text = [text, text]
    tasks["T7"].expl = text
    assert "nothing is imported" in refusal(file, pickle.dumps((tasks, workers, batchers)))
    shared = "x" * 100_000
    template = vars(tasks["T7"]) | {"expl": shared}
    for number in range(10_000):
        task = tasks[f"M{number}"] = luigi.scheduler.Task.__new__(luigi.scheduler.Task)
        vars(task).update({name: template[name] for name in ("status", "time", "expl")})
    del tasks["T7"]
    assert "a multiple of its size" in refusal(file, pickle.dumps((tasks, workers, batchers)))


def test_what_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing", tmp_path / "missing" / "state"):
        with pytest.raises(StateFileError, match=r"(directory|folder)"):
            read_state_file(path)
