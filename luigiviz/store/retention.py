"""Forgets runs that ended long ago, a few at a time."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from sqlalchemy import Engine, delete, func, select

from luigiviz.store.recorder import local_time
from luigiviz.store.schema import TaskEvent, TaskParameter, TaskRecord

logger = logging.getLogger(__name__)

_DAY = 86_400.0
#: Records that are looked at in one transaction.
BATCH = 200
#: Seconds until the next batch, and until the next round once all that is left is young.
_BREATH = 0.05
_ROUND = 3_600.0


class Retention:
    """Deletes records whose last event is older than so many days.

    Records are looked at in the order of their numbers, which is about that of their times. The first batch without
    any that is old enough ends a round.
    """

    def __init__(self, engine: Engine, days: float, clock: Callable[[], float] = time.time) -> None:
        """Keep ``days`` days of history."""
        self._engine = engine
        self._days = days
        self._clock = clock
        self._after = 0
        self._deleted = 0

    def tidy(self) -> float:
        """Delete a few; return the seconds after which to call again.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: The database does not take it; nothing was deleted.
        """
        limit = local_time(self._clock() - self._days * _DAY)
        last = func.max(TaskEvent.ts)
        query = (
            select(TaskRecord.id, last)
            .outerjoin(TaskEvent, TaskEvent.task_id == TaskRecord.id)
            .where(TaskRecord.id > self._after)
            .group_by(TaskRecord.id)
            .order_by(TaskRecord.id)
            .limit(BATCH)
        )
        with self._engine.begin() as connection:
            found = connection.execute(query).all()
            old = [record_id for record_id, ts in found if ts is not None and ts < limit]
            if old:
                connection.execute(delete(TaskEvent).where(TaskEvent.task_id.in_(old)))
                connection.execute(delete(TaskParameter).where(TaskParameter.task_id.in_(old)))
                connection.execute(delete(TaskRecord).where(TaskRecord.id.in_(old)))
        if old:
            self._after = found[-1][0]
            self._deleted += len(old)
            return _BREATH
        if self._deleted:
            logger.info("history: %d runs from before %s were deleted", self._deleted, limit)
        self._after = self._deleted = 0
        return _ROUND
