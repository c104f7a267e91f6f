"""Reads the whole live state, task by task, so that a million of them need not be in memory twice."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Any

from sqlalchemy import ColumnElement, Connection, LargeBinary, Select, Table, and_, cast, func, or_, select

from luigiviz.store.errors import LiveStateRefusedError
from luigiviz.store.live import schema
from luigiviz.store.live.codec import read_document, read_text
from luigiviz.store.mysql import DIALECTS

#: Rows that are fetched at a time, and those for which a query is made where a stream cannot be had.
_PAGE = 500
_LONG_PAGE = 5_000

#: Comes after all edges.
_NO_EDGE = (math.inf, "")

Document = dict[str, Any]


def count_tasks(connection: Connection) -> int:
    """Return the number of tasks."""
    number: int = connection.scalar(select(func.count()).select_from(schema.tasks)) or 0
    return number


def task_numbers(connection: Connection) -> tuple[int, int]:
    """Return the lowest and the highest ``seq`` of a task; twice 0 if there is none."""
    seq = schema.tasks.c.seq
    # Each alone is read off the key; together SQLite would walk through all.
    return connection.scalar(select(func.min(seq))) or 0, connection.scalar(select(func.max(seq))) or 0


def load_tasks(connection: Connection) -> Iterator[tuple[Document, tuple[str, ...]]]:
    """Iterate over tasks with the ids of their dependencies, in the order of ``seq``.

    Raises LiveStateRefusedError: a document does not parse.
    """
    columns = schema.dependencies.c
    edges = select(columns.task_seq, columns.dep_id)
    left = _stream(connection, edges, columns.task_seq, columns.position)
    owner, dep_id = next(left, _NO_EDGE)
    document_column: ColumnElement[Any] = schema.tasks.c.document
    if connection.dialect.name == "sqlite":
        # JSON is read from bytes, which SQLite has already.
        document_column = cast(document_column, LargeBinary)
    tasks = select(schema.tasks.c.seq, document_column)
    for seq, text in _stream(connection, tasks, schema.tasks.c.seq):
        while owner < seq:
            owner, dep_id = next(left, _NO_EDGE)
        try:
            document = read_document(text)
        except ValueError as error:
            raise _unreadable(schema.tasks, seq, error) from error
        deps = []
        while owner == seq:
            deps.append(read_text(dep_id) if dep_id < " " else dep_id)
            owner, dep_id = next(left, _NO_EDGE)
        yield document, tuple(deps)


def load_documents(connection: Connection, table: Table) -> list[Document]:
    """Return all documents of a table of workers or batchers."""
    rows = connection.execute(select(table.c.seq, table.c.document).order_by("seq"))
    return [_read(table, seq, text) for seq, text in rows]


def load_values(connection: Connection) -> dict[str, Document]:
    """Return the single values by name."""
    rows = connection.execute(select(schema.values.c.name, schema.values.c.document))
    return {name: _read(schema.values, name, text) for name, text in rows}


def _stream(connection: Connection, query: Select[Any], *key: ColumnElement[Any]) -> Iterator[Any]:
    """Read rows in the order of their keys; several streams may be read side by side."""
    if connection.dialect.name in DIALECTS:
        return chain.from_iterable(_pages(connection, query, key))
    query = query.order_by(*key)
    if connection.dialect.name == "sqlite":
        # The driver's own cursor: it reads as it goes, and SQLAlchemy's rows would cost as much again.
        cursor = connection.connection.cursor()
        cursor.execute(str(query.compile(dialect=connection.dialect)))
        pages: Iterator[Sequence[Any]] = iter(partial(cursor.fetchmany, _PAGE), [])
    else:
        pages = connection.execution_options(yield_per=_PAGE).execute(query).partitions()
    return chain.from_iterable(pages)


def _pages(connection: Connection, query: Select[Any], key: Sequence[ColumnElement[Any]]) -> Iterator[Iterator[Any]]:
    """Read page by page, each with a query of its own: MySQL streams only one result at a time over a connection."""
    width = len(query.selected_columns)
    query = query.add_columns(*key).order_by(*key).limit(_LONG_PAGE)
    rest = query
    while rows := connection.execute(rest).all():
        yield (row[:width] for row in rows)
        rest = query.where(_after(key, rows[-1][width:]))


def _after(key: Sequence[ColumnElement[Any]], last: Sequence[Any]) -> ColumnElement[bool]:
    """Choose rows whose key comes after another, in words for which MySQL uses the index."""
    column, value = key[0], last[0]
    after: ColumnElement[bool] = column > value
    return or_(after, and_(column == value, _after(key[1:], last[1:]))) if len(key) > 1 else after


def _read(table: Table, key: object, text: str) -> Document:
    try:
        document: Document = read_document(text)
    except ValueError as error:
        raise _unreadable(table, key, error) from error
    return document


def _unreadable(table: Table, key: object, error: ValueError) -> LiveStateRefusedError:
    return LiveStateRefusedError(
        f"the row {key} of {table.name} holds no JSON ({error}); `luigiviz check` tells what else is wrong, "
        "and a backup brings back what was there"
    )
