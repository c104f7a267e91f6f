"""Commit before the answer, shared: the first call that waits commits for all that have changed something by then."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from luigiviz.engine import Scheduler
from luigiviz.engine.documents import Document, take_changes
from luigiviz.engine.journal import Journal
from luigiviz.store.errors import LiveStateUnavailableError, StoreError
from luigiviz.store.live.livestore import LiveStore

logger = logging.getLogger(__name__)

#: A commit that fails is tried again for so many seconds. Callers wait as long: Luigi's worker gives up after ten.
PATIENCE = 3.0
_PAUSE = 0.1
#: A commit that is not answered for so many times as long as a lease lasts is broken off.
_ANSWERS_IN = 2
#: Changes that can wait ride along with a commit that does not, at most so many, and once in so many seconds.
_RIDERS = 200
_RIDE_EVERY = 1.0


class Commits:
    """Writes down what one scheduler changes, from its loading until the first failure.

    After a failure the memory is ahead of the database, so that scheduler is not asked any more.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        store: LiveStore,
        lock: threading.Lock,
        *,
        take_events: Callable[[], Callable[[], None]],
        on_failure: Callable[[Commits, StoreError], None],
        patience: float = PATIENCE,
    ) -> None:
        """Write for a scheduler that ``lock`` guards.

        ``take_events`` is called under the lock, and what it returns once the changes are safe.
        """
        self._state = scheduler.state
        self.journal = self._state.journal = Journal()
        self._store = store
        self._epoch = store.epoch
        self._lock = lock
        self._take_events = take_events
        self._on_failure = on_failure
        self._patience = patience
        #: Held by whoever commits.
        self._turn = threading.Lock()
        #: Every change up to this value of ``Journal.urgent`` is safe.
        self._safe = 0
        self._failure: StoreError | None = None
        self._rode_at = 0.0
        self._notes: dict[str, Document] = {}

    def wait(self, ticket: int) -> None:
        """Return once every change up to a value of ``Journal.urgent`` is safe.

        Raises:
            StoreError: It is not, and will not be.
        """
        with self._taking_turns():
            if self._safe >= ticket:
                return
            self._refuse_after_failure()
            now = time.monotonic()
            rides = now - self._rode_at >= _RIDE_EVERY
            if rides:
                self._rode_at = now
            self._commit(_RIDERS if rides else 0, with_workers=rides)

    def flush(self, most_later: int | None) -> bool:
        """Write what has changed, also what can wait (at most so many tasks); tell whether something is left.

        Raises:
            StoreError: It could not be written.
        """
        with self._taking_turns():
            self._refuse_after_failure()
            self._rode_at = time.monotonic()
            self._commit(most_later, with_workers=True)
            return bool(self.journal.later or self.journal.removed_later)

    def note(self, name: str, value: Document) -> None:
        """Have a single value written with the next commit."""
        self._notes[name] = value

    @contextmanager
    def _taking_turns(self) -> Iterator[None]:
        """Let one commit after the other; one that a sleeping database keeps is broken off."""
        # Longer than a commit may take that fails and is tried again.
        seconds = max(_ANSWERS_IN * self._store.lease_seconds, 2 * self._patience)
        if not self._turn.acquire(timeout=seconds):
            self._store.break_off(f"no answer for {seconds:.0f} s")
            self._turn.acquire()
        try:
            yield
        finally:
            self._turn.release()

    def _refuse_after_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _commit(self, most_later: int | None, *, with_workers: bool) -> None:
        with self._lock:
            ticket = self.journal.urgent
            changes = take_changes(self._state, most_later, with_workers_later=with_workers)
            changes.values |= self._notes
            self._notes = {}
            announce = self._take_events()
        if changes:
            started = time.monotonic()
            while True:
                try:
                    self._store.commit(changes, self._epoch)
                    break
                except LiveStateUnavailableError as error:
                    if time.monotonic() - started > self._patience:
                        self._fail(error)
                        raise
                    time.sleep(_PAUSE)
                except StoreError as error:
                    self._fail(error)
                    raise
                except Exception as error:
                    # A mistake of ours. The marks of what changed are gone, so nothing may be built on this state.
                    logger.exception("The state could not be written")
                    failure = LiveStateUnavailableError(f"{self._store.describe()}: {error!r}")
                    self._fail(failure)
                    raise failure from error
        self._safe = ticket
        announce()

    def _fail(self, error: StoreError) -> None:
        self._failure = error
        self._on_failure(self, error)
