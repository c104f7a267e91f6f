"""Keeps the durable copy: opens the database, leads, loads, serves, and starts over when something gets in the way."""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from luigiviz.engine.documents import Changes, Document, mark_everything
from luigiviz.engine.restoring import Image, restore
from luigiviz.service.errors import Phase, Status
from luigiviz.service.leadership import Leadership
from luigiviz.store.errors import (
    LiveStateRefusedError,
    LiveStateUnavailableError,
    LostLeadershipError,
    StateFileError,
    StoreError,
)
from luigiviz.store.live.livestore import LiveStore
from luigiviz.store.luigid import read_state_file

if TYPE_CHECKING:
    from luigiviz.engine import Scheduler
    from luigiviz.service.commits import Commits
    from luigiviz.service.door import Service

logger = logging.getLogger(__name__)

#: Seconds between two tries while the database is away, and while somebody has to do something about it.
_RETRY = 1.0
_RETRY_REFUSED = 5.0
#: The most seconds between two looks at the lease: a leader that stops in order gives it up.
_STAND_BY_SECONDS = 1.0
#: Seconds between two looks after what can wait, and the most tasks that one commit takes along of it.
_FLUSH_EVERY = 1.0
_FLUSH_MOST = 1_000
#: Seconds between two times that the database's own log is taken over.
_TIDY_EVERY = 5.0
#: Seconds between two lines in the log while tasks are read, and how many tasks there are between two looks.
_SAY_EVERY = 2.0
_LOOK_EVERY = 5_000


class Keeper:
    """A thread that brings a service its scheduler, and writes down what can wait."""

    def __init__(self, service: Service, store: LiveStore, *, state_path: Path | None = None) -> None:
        """Keep a service's state in a store; ``state_path`` is luigid's state file, taken over by an empty store."""
        self._service = service
        self._store = store
        self._state_path = state_path
        self._stopping = threading.Event()
        #: Set once it serves, or is known not to for now.
        self._settled = threading.Event()
        self._thread: threading.Thread | None = None
        #: Whether the database was opened, and looked at, for the next round.
        self._is_open = False
        self._last_trouble = ""
        self._leadership = Leadership(store)
        service.is_in_doubt = self._leadership.is_in_doubt

    def open(self) -> None:
        """Open the database, so that what only people can mend is said at once.

        Raises:
            LiveStateRefusedError: Somebody has to do something first.
        """
        try:
            self._store.open()
            self._is_open = True
        except LiveStateUnavailableError as error:
            self._say(f"The database of the live state is not available, waiting for it: {error}")

    def start(self, wait: float = 2.0) -> None:
        """Begin, in a thread. A start that is quick is waited for, so that the first call need not be refused."""
        self._thread = threading.Thread(target=self._run, name="luigiviz-keeper", daemon=True)
        self._thread.start()
        self._settled.wait(wait)

    def close(self) -> None:
        """Write what is left, give up the lead, and stop."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=10)
            self._thread = None
        self._service.stop_serving(Status(Phase.CLOSED, "The scheduler has stopped."))
        self._store.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                if not self._is_open:
                    self._store.open()
                self._is_open = False  # whatever ends this round, the next one looks again
                if self._lead():
                    commits = self._load()
                    self._last_trouble = ""
                    self._tend(commits)
            except LiveStateRefusedError as error:
                self._wait(Status(Phase.REFUSED, str(error)), _RETRY_REFUSED)
            except LiveStateUnavailableError as error:
                self._wait(Status(Phase.UNAVAILABLE, f"The state cannot be kept: {error}"), _RETRY)
            except LostLeadershipError as error:
                logger.warning("Stepping down: %s", error)
                self._service.stop_serving(Status(Phase.STANDBY, "Another instance leads now."))
                self._store.step_down()
            except Exception:
                # A mistake of ours: whatever it is, the thread must live on.
                logger.exception("Keeping the state failed; it is tried again")
                self._wait(Status(Phase.UNAVAILABLE, "An error occurred; the log has the details."), _RETRY_REFUSED)

    def _wait(self, status: Status, seconds: float) -> None:
        self._say(status.message)
        self._service.stop_serving(status)
        self._settled.set()
        self._stopping.wait(seconds)

    def _say(self, trouble: str) -> None:
        """Log trouble once, not with every try."""
        if trouble != self._last_trouble:
            logger.error("%s", trouble)
            self._last_trouble = trouble

    # Leading

    def _lead(self) -> bool:
        """Wait until this instance leads; False if it is to stop."""
        said = ""
        while not self._stopping.is_set():
            if self._leadership.try_to_begin():
                if said:
                    logger.info("This instance leads now")
                return True
            leader = self._store.leader()
            name = "another instance" if leader is None else leader.address or leader.name
            if name != said:
                logger.info("Standing by: %s leads", name)
                said = name
            status = Status(
                Phase.STANDBY,
                f"This instance stands by; {name} leads.",
                leader_address="" if leader is None else leader.address,
            )
            self._service.stop_serving(status)
            self._settled.set()
            self._stopping.wait(min(_STAND_BY_SECONDS, self._store.lease_seconds / 10))
        return False

    # Loading

    def _load(self) -> Commits:
        self._service.stop_serving(Status(Phase.LOADING, "The scheduler is loading its state."))
        self._try_to_write()
        started = time.monotonic()
        scheduler = self._service.new_scheduler()
        imported = None
        with self._leadership.kept() as check:
            with _collector_at_rest():
                with self._store.loading() as view:
                    values = view.values()
                    tasks = self._watched(view.tasks(), view.numbers(), check)
                    image = Image(tasks, view.workers(), view.batchers(), values)
                    replaced = restore(scheduler, image, seen_at=self._service.now())
                if not scheduler.tasks and not scheduler.workers and "imported" not in values:
                    imported = self._import(scheduler)
            if scheduler.tasks:
                numbers = len(scheduler.tasks), len(scheduler.workers)
                logger.info("Loaded %d tasks and %d workers in %.1f s", *numbers, time.monotonic() - started)
            commits = self._service.prepare(scheduler, self._store)
            for seq in replaced:
                commits.journal.removed_later[seq] = None
            if imported is not None:
                mark_everything(scheduler.state, commits.journal)
                commits.note("imported", imported)
                commits.flush(None)
        self._service.begin(scheduler, commits)
        self._settled.set()
        return commits

    def _try_to_write(self) -> None:
        """Note that the state is loaded: a database that takes nothing is not served from, only to be lost again."""
        changes = Changes()
        changes.values["loaded"] = {"at": self._service.now()}
        self._store.commit(changes)

    def _watched(
        self,
        tasks: Iterable[tuple[Document, tuple[str, ...]]],
        numbers: tuple[int, int],
        check: Callable[[], None],
    ) -> Iterator[tuple[Document, tuple[str, ...]]]:
        """Pass tasks on; say how far it is, and stop when told to or when ``check`` raises."""
        said = time.monotonic()
        for number, task in enumerate(tasks, start=1):
            seq = task[0]["seq"]
            yield task
            if number % _LOOK_EVERY == 0:
                check()
                if self._stopping.is_set():
                    raise LiveStateUnavailableError("the server stops")
                if time.monotonic() - said > _SAY_EVERY:
                    said = time.monotonic()
                    part = (seq - numbers[0]) / max(1, numbers[1] - numbers[0])
                    logger.info("Loading: %d tasks, about %.0f %%", number, part * 100)
                    message = f"The scheduler is loading its state: {number:,} tasks, about {part:.0%}."
                    self._service.stop_serving(Status(Phase.LOADING, message))

    def _import(self, scheduler: Scheduler) -> dict[str, Any] | None:
        """Take over luigid's state file, if there is one.

        Raises LiveStateRefusedError: there is one, but it cannot be read; an empty start would lose it silently.
        """
        path = self._state_path
        if path is None or not path.is_file():
            return None
        try:
            state = read_state_file(path)
        except StateFileError as error:
            raise LiveStateRefusedError(
                f"luigid's state file cannot be imported: {error}. Mend it, or name another with state_path"
            ) from error
        restore(scheduler, Image(state.tasks, state.workers, state.batchers, {}), seen_at=self._service.now())
        logger.info("Imported luigid's state from %s: %d tasks, %d workers", path, len(state.tasks), len(state.workers))
        return {"path": str(path), "at": self._service.now(), "tasks": len(state.tasks)}

    # Serving

    def _tend(self, commits: Commits) -> None:
        """Write what can wait, and keep the lead, until the scheduler is lost or this is to stop."""
        pause = min(_FLUSH_EVERY, self._store.lease_seconds / 8)
        more, tidied_at = False, time.monotonic()
        while not self._service.lost.wait(0 if more else pause):
            if self._stopping.is_set():
                self._service.stop_calls()
                commits.flush(None)
                return
            try:
                self._leadership.keep()
                more = commits.flush(_FLUSH_MOST)
                if time.monotonic() - tidied_at > _TIDY_EVERY:
                    tidied_at = time.monotonic()
                    self._tidy()
            except LostLeadershipError:
                raise
            except StoreError:
                break  # the service has been told why
        reason = self._service.status().message
        logger.warning(
            "%s Starting over from what the database holds", reason if reason.endswith(".") else f"{reason}."
        )

    def _tidy(self) -> None:
        try:
            self._store.tidy()
        except LiveStateUnavailableError as error:
            logger.warning("The log of the state's database grows for now: %s", error)


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """Keep the garbage collector from walking through a growing number of tasks that all stay."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            # Else the first collection would look at all of them, for seconds.
            gc.freeze()
            gc.enable()
