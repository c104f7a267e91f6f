"""A start on a database that is in use, cannot be written, is torn or damaged: refused, with what to do about it."""

from __future__ import annotations

import ctypes
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random

import pytest

from tests.conftest import ServerFactory
from tests.faults.load import Client, Load
from tests.faults.looking import CONFIG, load, wait_until_ready
from tests.support.server import ServerProcess, server_environ

_PR_CAPBSET_DROP = 24
_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 1, 2


@pytest.fixture(scope="module")
def left_behind(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database that a server has left behind, with a hundred tasks."""
    folder = tmp_path_factory.mktemp("sound")
    server = ServerProcess(folder, CONFIG, args=["--database-url", f"sqlite:///{folder}/live.db"])
    running = Load([Client(f"w{n}", f"files {n}") for n in range(4)], server.port)
    running.wait_for_answers(600)
    running.stop()
    assert server.stop() == 0
    return folder / "live.db"


@pytest.fixture
def folder(tmp_path: Path, left_behind: Path) -> Path:
    """The folder of a server that has stopped, with its database ``live.db``."""
    folder = tmp_path / "server"
    folder.mkdir()
    shutil.copy(left_behind, folder)
    (folder / "live.db.lock").touch()
    return folder


def start_in_vain(folder: Path, *, powerless: bool = False) -> str:
    """Start a server that is to refuse; give back what it says."""
    url = f"sqlite:///{folder}/live.db"
    ended = subprocess.run(
        [sys.executable, "-m", "luigiviz", "serve", "--address", "127.0.0.1", "--port", "0", "--database-url", url],
        cwd=folder.parent,
        env=server_environ(folder),
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=_obey_permissions if powerless else None,
    )
    assert ended.returncode == 1, (ended.returncode, ended.stderr)
    assert "Traceback" not in ended.stderr
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
    return ended.stderr


def _obey_permissions() -> None:
    """Take root's right to ignore permissions; without it root is like any owner of its files."""
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        for capability in (_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH):
            if libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0):
                raise OSError(ctypes.get_errno(), "prctl")


@contextmanager
def mode(path: Path, bits: int) -> Iterator[None]:
    """Give a file or folder other permissions for a while."""
    before = path.stat().st_mode
    path.chmod(bits)
    try:
        yield
    finally:
        path.chmod(before)


def test_a_second_server_on_the_same_file_refuses_and_says_who_uses_it(
    folder: Path, server_factory: ServerFactory
) -> None:
    first = server_factory(CONFIG, args=["--database-url", f"sqlite:///{folder}/live.db"], folder=folder)
    wait_until_ready(first)
    said = start_in_vain(folder)
    assert f"process {first.process.pid} uses {folder}/live.db" in said
    assert "only one luigiviz can work on an SQLite file" in said
    assert first.get("/readyz").status == 200


def test_a_file_that_is_read_only_is_refused(folder: Path) -> None:
    with mode(folder / "live.db", 0o444):
        assert "live.db has to be readable and writable" in start_in_vain(folder, powerless=True)


def test_a_folder_that_is_read_only_is_refused(folder: Path) -> None:
    (folder / "live.db.lock").unlink()
    with mode(folder, 0o555):
        assert f"cannot write beside {folder}/live.db: Permission denied" in start_in_vain(folder, powerless=True)


def test_a_folder_that_is_read_only_is_refused_even_if_the_lock_file_is_there(folder: Path) -> None:
    with mode(folder, 0o555):
        assert f"{folder}/live.db" in start_in_vain(folder, powerless=True)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
def test_a_torn_file_is_refused_with_what_to_do(folder: Path, share: float) -> None:
    file = folder / "live.db"
    os.truncate(file, int(file.stat().st_size * share))
    before = file.read_bytes()
    said = start_in_vain(folder)
    assert str(file) in said
    assert "Put a backup in its place" in said
    assert file.read_bytes() == before, "the file was changed, though it may be all that is left"


def test_garbage_in_a_file_is_refused_with_what_to_do(folder: Path) -> None:
    file = folder / "live.db"
    sound = file.read_bytes()
    random = Random("garbage")
    pages = [page for page in range(0, len(sound), 4096) if b'"id":"w0.' in sound[page : page + 4096]]
    for page in (0, *random.sample(pages, 4)):
        file.write_bytes(sound[:page] + random.randbytes(2000) + sound[page + 2000 :])
        said = start_in_vain(folder)
        assert str(file) in said
        assert "Put a backup in its place" in said


def test_a_file_that_is_no_database_is_refused_with_what_to_do(folder: Path) -> None:
    file = folder / "live.db"
    file.write_bytes(b"This is a letter, and not a database at all.\n" * 1000)
    said = start_in_vain(folder)
    assert "file is not a database" in said
    assert "Put a backup in its place" in said


def test_a_file_that_is_missing_beside_its_log_is_refused(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "live.db", isolation_level=None)) as other:
        other.execute("PRAGMA wal_autocheckpoint = 0")
        other.execute("UPDATE luigiviz_task SET priority = 1")
        shutil.copy(folder / "live.db-wal", folder / "kept")
    (folder / "kept").rename(folder / "live.db-wal")
    (folder / "live.db").unlink()
    assert "live.db is missing, but the log that belongs to it is there" in start_in_vain(folder)
    assert not (folder / "live.db").exists()


def test_a_row_that_cannot_be_read_is_never_passed_over(folder: Path, server_factory: ServerFactory) -> None:
    """SQLite sees nothing wrong, so the server starts; it serves nobody, and says why."""
    with closing(sqlite3.connect(folder / "live.db", isolation_level=None)) as other:
        [(seq, document)] = other.execute("SELECT seq, document FROM luigiviz_task ORDER BY seq LIMIT 1").fetchall()
        other.execute("UPDATE luigiviz_task SET document = 'torn' WHERE seq = ?", (seq,))
        server = server_factory(CONFIG, args=["--database-url", f"sqlite:///{folder}/live.db"], folder=folder)
        refusal = server.request("/api/ping", data=b'data={"worker": "w"}')
        assert refusal.status == 503
        assert refusal.json()["error"]["code"] == "refused"
        assert f"the row {seq} of luigiviz_task holds no JSON" in refusal.json()["error"]["message"]
        assert server.get("/readyz").status == 503
        assert "Traceback" not in server.output
        # Somebody repairs it; the server notices by itself.
        other.execute("UPDATE luigiviz_task SET document = ? WHERE seq = ?", (document, seq))
    wait_until_ready(server)
    load(f"sqlite:///{folder}/live.db")
