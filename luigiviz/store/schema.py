"""Luigi's three history tables, so that an existing history database opens as it is."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from sqlalchemy import (
    TIMESTAMP,
    Connection,
    Dialect,
    Engine,
    ForeignKey,
    Integer,
    String,
    Text,
    TypeDecorator,
    inspect,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeEngine

from luigiviz.store.mysql import DIALECTS, TABLE_OPTIONS
from luigiviz.store.text import HOST_LENGTH, NAME_LENGTH, TASK_ID_LENGTH

logger = logging.getLogger(__name__)


class LocalTime(TypeDecorator[datetime]):
    """Luigi's TIMESTAMP; that of MySQL has no fractions, ends in 2038, and lacks hours that the server's zone skips."""

    impl = TIMESTAMP
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the column's type."""
        if dialect.name not in DIALECTS:
            return super().load_dialect_impl(dialect)
        from sqlalchemy.dialects.mysql import DATETIME

        return DATETIME(fsp=6)


class HistoryBase(DeclarativeBase):
    """The base of the history's tables."""


class TaskRecord(HistoryBase):
    """A run of a task: from its scheduling to its end."""

    __tablename__ = "tasks"
    __table_args__ = TABLE_OPTIONS

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    task_id: Mapped[str | None] = mapped_column(String(TASK_ID_LENGTH), index=True)
    name: Mapped[str | None] = mapped_column(String(NAME_LENGTH), index=True)
    host: Mapped[str | None] = mapped_column(String(HOST_LENGTH))


class TaskParameter(HistoryBase):
    """A parameter of the task of a run."""

    __tablename__ = "task_parameters"
    __table_args__ = TABLE_OPTIONS

    #: The number of the record, not the task's id.
    task_id: Mapped[int] = mapped_column(Integer, ForeignKey("tasks.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(NAME_LENGTH), primary_key=True)
    value: Mapped[str | None] = mapped_column(Text)


class TaskEvent(HistoryBase):
    """Something that happened in a run."""

    __tablename__ = "task_events"
    __table_args__ = TABLE_OPTIONS

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    #: The number of the record, not the task's id.
    task_id: Mapped[int | None] = mapped_column(Integer, ForeignKey("tasks.id"), index=True)
    event_name: Mapped[str | None] = mapped_column(String(20))
    #: Local time without a zone: Luigi's choice, kept so that both can work on one database.
    ts: Mapped[datetime] = mapped_column(LocalTime, index=True)


def open_schema(engine: Engine) -> None:
    """Create the tables that are missing, and bring those of old Luigi versions up to date as Luigi does."""
    with engine.begin() as connection:
        HistoryBase.metadata.create_all(connection)
        _add_task_id(connection)
        _widen_values(connection)


def _add_task_id(connection: Connection) -> None:
    """Give ``tasks`` the column that Luigi did not have before version 2.6."""
    if any(column["name"] == "task_id" for column in inspect(connection).get_columns("tasks")):
        return
    logger.warning("the history database comes from an old Luigi: adding the column tasks.task_id")
    connection.execute(text(f"ALTER TABLE tasks ADD COLUMN task_id VARCHAR({TASK_ID_LENGTH})"))
    connection.execute(text("CREATE INDEX ix_tasks_task_id ON tasks (task_id)"))


def _widen_values(connection: Connection) -> None:
    """Make ``task_parameters.value`` a TEXT where it is an old VARCHAR(256); SQLite knows no such limit."""
    changes = {
        "postgresql": "ALTER TABLE task_parameters ALTER COLUMN value TYPE TEXT",
        "mysql": "ALTER TABLE task_parameters MODIFY COLUMN value TEXT",
        "mariadb": "ALTER TABLE task_parameters MODIFY COLUMN value TEXT",
    }
    change = changes.get(connection.dialect.name)
    if change is None:
        return
    columns = {column["name"]: column["type"] for column in inspect(connection).get_columns("task_parameters")}
    if not isinstance(columns["value"], Text):
        logger.warning("the history database comes from an old Luigi: widening task_parameters.value")
        connection.execute(text(change))
