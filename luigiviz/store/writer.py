"""A thread that takes events from a bounded queue to the database, and survives the database's troubles."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError, StatementError

from luigiviz.store.events import HistoryEvent
from luigiviz.store.recorder import Recorder

logger = logging.getLogger(__name__)

#: Events that wait at most; about 1 kB each. Newer ones are dropped while the queue is full.
MAX_QUEUED = 100_000
#: Events of one transaction at most.
BATCH = 1_000
#: Seconds that a first event waits for company.
LINGER = 0.05
#: Seconds between attempts while the database is away: doubled each time, from the first to the second.
BACK_OFF = (0.1, 15.0)
_CLOSING_DELAY = 0.2
#: What MySQL says of a time that a TIMESTAMP, as in tables of Luigi's, cannot hold; its drivers call that no DataError.
_NO_SUCH_TIME = 1292
#: Seconds that a database gets to come back when it is already away at the moment of closing.
_LAST_CHANCE = 0.5


@dataclass(frozen=True, slots=True)
class WriterStats:
    """What became of the events so far."""

    queued: int
    written: int
    #: Lost: the queue was full, the database refused the event itself, or we had to stop.
    dropped: int
    #: Transactions that failed.
    failures: int
    #: The last attempt to write failed.
    in_trouble: bool


class HistoryWriter:
    """Queues events and writes them in batches, in order, one transaction each.

    While the database is away events wait, up to ``max_queued``. If a connection breaks while it commits, the batch
    is written again: an event can then appear twice, but none is lost.
    """

    def __init__(
        self,
        recorder: Recorder,
        prepare: Callable[[], None],
        *,
        max_queued: int = MAX_QUEUED,
        back_off: tuple[float, float] = BACK_OFF,
        upkeep: Callable[[], float] | None = None,
    ) -> None:
        """Make a writer; ``prepare`` makes the tables and is called before the first batch and after each trouble.

        ``upkeep`` is called between batches; it returns the seconds after which it is to be called again.
        """
        self._recorder = recorder
        self._prepare = prepare
        self._max_queued = max_queued
        self._back_off = back_off
        self._upkeep = upkeep
        self._upkeep_at = 0.0
        self._condition = threading.Condition()
        self._queue: deque[HistoryEvent] = deque()
        self._flushing = 0
        self._closing = False
        self._give_up = False
        self._accepted = 0
        self._settled = 0
        self._written = 0
        self._dropped = 0
        self._dropped_when_full = 0
        self._failures = 0
        self._in_trouble = False
        self._thread = threading.Thread(target=self._run, name="luigiviz-history", daemon=True)
        self._thread.start()

    def put(self, events: Iterable[HistoryEvent]) -> None:
        """Queue events; those that find no room are dropped and counted."""
        with self._condition:
            for event in events:
                if self._closing or len(self._queue) >= self._max_queued:
                    self._drop_for_want_of_room()
                else:
                    self._queue.append(event)
                    self._accepted += 1
            self._condition.notify_all()

    def flush(self, timeout: float) -> bool:
        """Wait until all that is queued now is written (or refused); False if that took over ``timeout`` seconds."""
        with self._condition:
            goal = self._accepted
            self._flushing += 1
            self._condition.notify_all()
            try:
                return self._condition.wait_for(lambda: self._settled >= goal, timeout)
            finally:
                self._flushing -= 1

    def close(self, timeout: float) -> None:
        """Write what is queued, for at most ``timeout`` seconds, and end the thread.

        A database that takes no events as we close is given a last chance, but not all that time.
        """
        with self._condition:
            self._closing = True
            if self._in_trouble:
                timeout = min(timeout, _LAST_CHANCE)
            self._condition.notify_all()
        self._thread.join(timeout)
        with self._condition:
            self._give_up = True
            lost = len(self._queue)
            self._queue.clear()
            self._settled += lost
            self._dropped += lost
            self._condition.notify_all()
        if lost:
            logger.error("history: stopped while the database was away; %d events are lost", lost)

    def stats(self) -> WriterStats:
        """Count what became of the events."""
        with self._condition:
            return WriterStats(len(self._queue), self._written, self._dropped, self._failures, self._in_trouble)

    # The thread.

    def _run(self) -> None:
        prepared = False
        delay = self._back_off[0]
        while (batch := self._next_batch()) is not None:
            try:
                if not prepared:
                    self._prepare()
                    prepared = True
                if batch:
                    self._write(batch)
                if self._upkeep is not None and time.monotonic() >= self._upkeep_at:
                    self._upkeep_at = time.monotonic() + self._upkeep()
                delay = self._back_off[0]
            except (SQLAlchemyError, OSError) as error:
                prepared = False
                self._note_trouble(error)
                self._wait(delay)
                delay = min(delay * 2, self._back_off[1])

    def _next_batch(self) -> list[HistoryEvent] | None:
        """Wait for events and give the oldest of them, which stay queued until they are settled.

        Empty: it is time for upkeep; None: this is the end.
        """
        with self._condition:
            pause = None if self._upkeep is None else max(0.0, self._upkeep_at - time.monotonic())
            self._condition.wait_for(lambda: self._queue or self._closing, timeout=pause)
            if not self._queue:
                return None if self._closing else []
            if len(self._queue) < BATCH:
                self._condition.wait_for(
                    lambda: len(self._queue) >= BATCH or self._flushing or self._closing, timeout=LINGER
                )
            if self._give_up:
                return None
            return list(islice(self._queue, BATCH))

    def _write(self, batch: Sequence[HistoryEvent]) -> None:
        """Write a batch, or, where an event itself cannot be stored, all others of it."""
        try:
            self._recorder.write(batch)
        except Exception as error:
            if _is_trouble(error):
                raise
            self._recorder.forget(event.task_id for event in batch)
            for event in batch:
                self._write_alone(event)
        else:
            self._settle(len(batch), written=len(batch))

    def _write_alone(self, event: HistoryEvent) -> None:
        try:
            self._recorder.write([event])
        except Exception as error:
            if _is_trouble(error):
                raise
            self._note_refusal(event, error)
            self._settle(1, written=0)
        else:
            self._settle(1, written=1)

    def _settle(self, count: int, written: int) -> None:
        with self._condition:
            if self._give_up:
                return  # close() has settled everything
            for _ in range(count):
                self._queue.popleft()
            self._settled += count
            self._written += written
            self._dropped += count - written
            if self._in_trouble:
                self._in_trouble = False
                logger.warning("history: the database takes events again; %d waited", len(self._queue) + count)
            if self._dropped_when_full and len(self._queue) < self._max_queued:
                logger.error("history: %d events were lost while the queue was full", self._dropped_when_full)
                self._dropped_when_full = 0
            self._condition.notify_all()

    def _note_trouble(self, error: Exception) -> None:
        with self._condition:
            self._failures += 1
            first, self._in_trouble = not self._in_trouble, True
        if first:
            logger.warning("history: the database takes no events, they wait: %s", _brief(error))

    def _note_refusal(self, event: HistoryEvent, error: Exception) -> None:
        logger.error("history: an event of %r is dropped, it cannot be stored: %s", event.task_id, _brief(error))

    def _drop_for_want_of_room(self) -> None:
        self._dropped += 1
        self._dropped_when_full += 1
        if self._dropped_when_full == 1:
            reason = "is closed" if self._closing else f"has {self._max_queued} events waiting"
            logger.error("history: the queue %s; further events are lost", reason)

    def _wait(self, seconds: float) -> None:
        """Wait before another attempt; once we are closing, attempts follow each other quickly."""
        with self._condition:
            closing = self._closing
            self._condition.wait_for(
                lambda: self._give_up or self._closing != closing,
                timeout=min(seconds, _CLOSING_DELAY) if closing else seconds,
            )


def _is_trouble(error: Exception) -> bool:
    """Tell whether the database is in trouble, which passes; otherwise it is the event that cannot be stored."""
    if isinstance(error, DBAPIError):
        is_refusal = isinstance(error, (DataError, IntegrityError)) or _NO_SUCH_TIME in getattr(error.orig, "args", ())
        return error.connection_invalidated or not is_refusal
    if isinstance(error, StatementError):  # a value that SQLAlchemy could not turn into the column's type
        return False
    return isinstance(error, (SQLAlchemyError, OSError))


def _brief(error: Exception) -> str:
    """Give the error's own first line, without the statement and its parameters."""
    cause = getattr(error, "orig", None) or error
    lines = str(cause).strip().splitlines()
    return f"{type(cause).__name__}: {lines[0]}" if lines else type(cause).__name__
