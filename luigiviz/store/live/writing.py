"""Writes what changed: rows by their numbers, so that writing the same twice does no harm.

SQLAlchemy puts the statements into the database's words, once; they are run through the driver's own cursor, since
every call of a worker waits for them.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Protocol

from sqlalchemy import Delete, Insert, Table, bindparam, delete
from sqlalchemy.engine import Dialect
from sqlalchemy.engine.interfaces import DBAPICursor

from luigiviz.store.live import schema
from luigiviz.store.live.codec import for_column, number_for_column, write_document, write_text
from luigiviz.store.mysql import DIALECTS

#: Rows that are sent at once.
_AT_ONCE = 5_000

Document = Mapping[str, Any]
Row = dict[str, Any]


class Changes(Protocol):
    """What is to be written at once; documents as ``docs/architecture.md`` describes them."""

    tasks: list[dict[str, Any]]
    #: (number of the task, how many of its first dependencies stay, those that follow, how many there were)
    edges: list[tuple[int, int, tuple[str, ...], int]]
    removed: list[int]
    workers: list[dict[str, Any]]
    removed_workers: list[int]
    batchers: list[dict[str, Any]]
    removed_batchers: list[int]
    values: dict[str, dict[str, Any]]


class _Statement:
    """A statement that is put into the database's words once, and then run often."""

    def __init__(self, statement: Insert | Delete, dialect: Dialect) -> None:
        compiled: Any = statement.compile(dialect=dialect)
        self._sql = str(compiled)
        names = compiled.positiontup
        # A driver takes parameters by position or by name.
        self._arrange: Callable[[Row], Any] = (
            dict if names is None else (lambda row: tuple(row[name] for name in names))
        )

    def run(self, cursor: DBAPICursor, rows: Iterable[Row]) -> None:
        """Run it for each of some rows."""
        left = map(self._arrange, rows)
        # A database that hears nothing for long in the middle of a transaction ends it.
        while parameters := list(islice(left, _AT_ONCE)):
            if len(parameters) == 1:
                cursor.execute(self._sql, parameters[0])
            else:
                cursor.executemany(self._sql, parameters)


class Writer:
    """Writes changes into one kind of database."""

    def __init__(self, dialect: Dialect) -> None:
        """Prepare the statements."""
        self._upserts = {
            table.name: _Statement(_upsert(table, dialect.name), dialect)
            for table in (schema.tasks, schema.dependencies, schema.workers, schema.batchers, schema.values)
        }
        self._deletes = {
            table.name: _Statement(delete(table).where(table.c.seq == bindparam("old")), dialect)
            for table in (schema.tasks, schema.workers, schema.batchers)
        }
        edges = schema.dependencies.c
        self._cut = _Statement(
            delete(schema.dependencies).where(
                edges.task_seq == bindparam("old"), edges.position >= bindparam("first_gone")
            ),
            dialect,
        )

    def write(self, cursor: DBAPICursor, changes: Changes) -> None:
        """Write changes; the caller commits."""
        self._delete(cursor, schema.tasks, changes.removed)
        self._cut.run(cursor, ({"old": seq, "first_gone": 0} for seq in changes.removed))
        self._delete(cursor, schema.workers, changes.removed_workers)
        self._delete(cursor, schema.batchers, changes.removed_batchers)
        self._put(cursor, schema.tasks, map(_task_row, changes.tasks))
        self._write_edges(cursor, changes.edges)
        for table, name, documents in (
            (schema.workers, "id", changes.workers),
            (schema.batchers, "worker", changes.batchers),
        ):
            self._put(cursor, table, (_worker_row(document, document[name]) for document in documents))
        self._put(
            cursor,
            schema.values,
            ({"name": name, "document": write_document(value)} for name, value in changes.values.items()),
        )

    def _write_edges(self, cursor: DBAPICursor, edges: Sequence[tuple[int, int, tuple[str, ...], int]]) -> None:
        self._cut.run(
            cursor,
            (
                {"old": seq, "first_gone": same + len(rest)}
                for seq, same, rest, before in edges
                if before > same + len(rest)
            ),
        )
        self._put(
            cursor,
            schema.dependencies,
            (
                {"task_seq": seq, "position": same + offset, "dep_id": write_text(dep_id)}
                for seq, same, rest, _ in edges
                for offset, dep_id in enumerate(rest)
            ),
        )

    def _put(self, cursor: DBAPICursor, table: Table, rows: Iterable[Row]) -> None:
        self._upserts[table.name].run(cursor, rows)

    def _delete(self, cursor: DBAPICursor, table: Table, numbers: Iterable[int]) -> None:
        self._deletes[table.name].run(cursor, ({"old": number} for number in numbers))


def _task_row(document: Document) -> Row:
    worker = document.get("worker_running")
    return {
        "seq": document["seq"],
        "task_id": for_column(document["id"]),
        "family": for_column(document.get("family", "")),
        "status": document["status"],
        "priority": number_for_column(document.get("priority", 0)),
        "updated": document["updated"],
        "worker_running": None if worker is None else for_column(worker),
        "document": write_document(document),
    }


def _worker_row(document: Document, worker_id: str) -> Row:
    return {"seq": document["seq"], "worker_id": for_column(worker_id), "document": write_document(document)}


def _upsert(table: Table, dialect: str) -> Insert:
    """Return the statement that inserts a row, or overwrites the one with the same key."""
    keys = [column.name for column in table.primary_key]
    others = [column.name for column in table.columns if column.name not in keys]
    # Each is imported where it is used: together they take a noticeable part of a start.
    if dialect in DIALECTS:
        from sqlalchemy.dialects import mysql

        onto = mysql.insert(table)
        return onto.on_duplicate_key_update({name: onto.inserted[name] for name in others})
    module: Any = importlib.import_module(f"sqlalchemy.dialects.{dialect}")
    insert: Any = module.insert(table)
    statement: Insert = insert.on_conflict_do_update(
        index_elements=keys, set_={name: insert.excluded[name] for name in others}
    )
    return statement
