"""The history of runs: events go in without ever waiting for the database, pages of runs come out."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from luigiviz.store import queries
from luigiviz.store.database import open_engine
from luigiviz.store.errors import HistoryUnavailableError
from luigiviz.store.events import HistoryEvent
from luigiviz.store.recorder import REMEMBERED_TASKS, Recorder
from luigiviz.store.retention import Retention
from luigiviz.store.runs import FamilyRuns, HistoryRun, RunFilter, RunPage
from luigiviz.store.schema import open_schema
from luigiviz.store.writer import BACK_OFF, MAX_QUEUED, HistoryWriter, WriterStats

logger = logging.getLogger(__name__)

#: Runs of a page, unless asked otherwise.
PAGE_SIZE = 50
#: Runs that the running-time chart shows.
CHART_RUNS = 100
_EVERYTHING = RunFilter()


class History:
    """The history in a database with Luigi's three tables, which are made if they are missing.

    A database that is away when we start is no error: events wait, and the tables are made when it answers.
    With ``retention_days`` runs that ended longer ago are deleted.

    Raises:
        DatabaseUrlError: The URL cannot be used.
    """

    def __init__(
        self,
        url: str,
        *,
        max_queued: int = MAX_QUEUED,
        remembered_tasks: int = REMEMBERED_TASKS,
        back_off: tuple[float, float] = BACK_OFF,
        retention_days: float = 0,
    ) -> None:
        self._engine = open_engine(url)
        try:
            open_schema(self._engine)
        except SQLAlchemyError as error:
            logger.warning("history: the database %s does not answer yet: %s", self.safe_url, type(error).__name__)
        self._writer = HistoryWriter(
            Recorder(self._engine, remembered_tasks),
            prepare=lambda: open_schema(self._engine),
            max_queued=max_queued,
            back_off=back_off,
            upkeep=Retention(self._engine, retention_days).tidy if retention_days else None,
        )

    @property
    def safe_url(self) -> str:
        """The database's URL without its password, for logs and people."""
        return self._engine.url.render_as_string(hide_password=True)

    # Recording.

    def record(self, events: Iterable[HistoryEvent]) -> None:
        """Queue events; they are written in this order. Never waits for the database, never raises for its sake."""
        self._writer.put(events)

    def flush(self, timeout: float) -> bool:
        """Wait until all events recorded so far are settled; False if that takes more than ``timeout`` seconds."""
        return self._writer.flush(timeout)

    def close(self, timeout: float = 5.0) -> None:
        """Write what is queued, for at most ``timeout`` seconds, and let go of the database."""
        self._writer.close(timeout)
        self._engine.dispose()

    def stats(self) -> WriterStats:
        """Count what became of the events."""
        return self._writer.stats()

    # Reading. All of it raises HistoryUnavailableError while the database is away.

    def find(self, wanted: RunFilter = _EVERYTHING, *, limit: int = PAGE_SIZE, offset: int = 0) -> RunPage:
        """Give the runs that match a filter, those with the newest last event first."""
        with self._reading() as session:
            return queries.find_page(session, wanted, limit, offset)

    def recent(self, since: float | None = None, *, limit: int = PAGE_SIZE, offset: int = 0) -> RunPage:
        """Give the runs in which something happened since a time (seconds since the epoch; None: ever)."""
        return self.find(RunFilter(since=since), limit=limit, offset=offset)

    def by_name(self, name: str, *, limit: int = PAGE_SIZE, offset: int = 0) -> RunPage:
        """Give the runs of a family."""
        return self.find(RunFilter(family=name), limit=limit, offset=offset)

    def by_id(self, record_id: int) -> HistoryRun | None:
        """Give the run with a record number; None: there is none."""
        with self._reading() as session:
            return queries.find_record(session, record_id)

    def by_task_id(self, task_id: str, *, limit: int = PAGE_SIZE, offset: int = 0) -> RunPage:
        """Give the runs of a task."""
        return self.find(RunFilter(task_id=task_id), limit=limit, offset=offset)

    def by_params(self, name: str, params: Mapping[str, object], *, limit: int = PAGE_SIZE, offset: int = 0) -> RunPage:
        """Give the runs of a family whose parameters have these values, whatever the others are."""
        return self.find(RunFilter(family=name, params=params), limit=limit, offset=offset)

    def families(self) -> tuple[FamilyRuns, ...]:
        """Give all families with a history, by name."""
        with self._reading() as session:
            return queries.find_families(session)

    def runs_of(self, name: str, limit: int = CHART_RUNS) -> tuple[HistoryRun, ...]:
        """Give the latest runs of a family, oldest first, for a chart."""
        return self.by_name(name, limit=limit).runs[::-1]

    @contextmanager
    def _reading(self) -> Iterator[Session]:
        try:
            with Session(self._engine) as session:
                yield session
        except SQLAlchemyError as error:
            raise HistoryUnavailableError(f"the history database does not answer ({type(error).__name__})") from error
