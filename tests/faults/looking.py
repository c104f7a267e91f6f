"""Looking at a server, and into its database beside it: what is there, and whether it fits together."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from luigiviz.engine import Scheduler, SchedulerConfig
from luigiviz.engine.invariants import check
from luigiviz.engine.restoring import Image, restore
from luigiviz.store.live.livestore import LiveStore
from tests.support.polling import wait_for
from tests.support.server import ServerProcess

#: What the servers under test are told, beside the defaults: nothing happens by the passing of time alone.
CONFIG = "[scheduler]\npause_enabled = true\nstable_done_cooldown_secs = 0\nworker_disconnect_delay = 3600\n"
_SETTINGS = SchedulerConfig(pause_enabled=True, stable_done_cooldown_secs=0, worker_disconnect_delay=3600)


def load(url: str) -> Scheduler:
    """Make a scheduler of what a database holds, as a start does, and check all its indexes."""
    store = LiveStore(url)
    scheduler = Scheduler(_SETTINGS)
    try:
        with store.loading() as view:
            image = Image(view.tasks(), view.workers(), view.batchers(), view.values())
            restore(scheduler, image, seen_at=time.time())
    finally:
        store.close()
    check(scheduler)
    return scheduler


def load_copy(database: Path, scratch: Path) -> Scheduler:
    """Do the same with a copy of an SQLite file that a dead server has left, which is not even recovered by that."""
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    for file in (database, database.with_name(f"{database.name}-wal")):
        if file.exists():
            shutil.copy(file, scratch)
    return load(f"sqlite:///{scratch / database.name}")


def wait_until_ready(server: ServerProcess) -> None:
    """Wait until a server serves workers."""
    wait_for(lambda: server.get("/readyz").status == 200, "the server to be ready", timeout=60)


def check_log(server: ServerProcess, troubles: int) -> None:
    """Check that a log tells of each trouble in a line or two, and of no mistake."""
    assert "Traceback" not in server.output
    errors = [line for line in server.output.splitlines() if "ERROR" in line]
    assert len(errors) <= 2 * troubles, errors
