"""Keeps the lead of a shared database: signs of life, from the keeper's thread or beside it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from luigiviz.store.errors import LiveStateUnavailableError, StoreError
from luigiviz.store.live.livestore import LiveStore

#: A sign of life is due when so much of the lease is over, and whether it is due is looked at so many times in a lease.
_DUE = 0.25
_LOOKS = 8


class Leadership:
    """What one instance knows of its lead. To be used by one thread at a time, but for ``is_in_doubt``."""

    def __init__(self, store: LiveStore) -> None:
        """Lead nothing yet."""
        self._store = store
        #: Until when the lead is ours without another sign of life.
        self._until = 0.0

    def try_to_begin(self) -> bool:
        """Become the leader if nobody else is; tell whether we lead.

        Raises LiveStateUnavailableError: the database does not answer.
        """
        asked = time.monotonic()
        leads = self._store.try_to_lead()
        if leads:
            self._until = asked + self._store.lease_seconds
        return leads

    def is_in_doubt(self) -> bool:
        """Whether another instance may lead by now, as after a sleep; ``keep`` finds out."""
        return self._store.is_shared and time.monotonic() > self._until

    def keep(self) -> None:
        """Give a sign of life when it is due.

        Raises:
            LostLeadershipError: Another instance leads.
            LiveStateUnavailableError: The database has not answered for as long as the lease lasts: others may lead.
        """
        asked, lasts = time.monotonic(), self._store.lease_seconds
        if not self._store.is_shared or asked < self._until - lasts * (1 - _DUE):
            return
        try:
            self._store.keep_leading()
        except LiveStateUnavailableError:
            if asked > self._until:
                raise
        else:
            self._until = asked + lasts

    @contextmanager
    def kept(self) -> Iterator[Callable[[], None]]:
        """Keep the lead from a thread of its own while the caller's has long work to do.

        Lends a function that raises what ``keep`` has raised, which also happens at the end.
        """
        if not self._store.is_shared:
            yield lambda: None
            return
        done = threading.Event()
        trouble: list[StoreError] = []

        def beat() -> None:
            while not trouble and not done.wait(self._store.lease_seconds / _LOOKS):
                try:
                    self.keep()
                except StoreError as error:
                    trouble.append(error)

        def check() -> None:
            if trouble:
                raise trouble[0]

        thread = threading.Thread(target=beat, name="luigiviz-heartbeat", daemon=True)
        thread.start()
        try:
            yield check
        finally:
            done.set()
            thread.join()
        check()
