"""Reads the whole live state, task by task, so that a million of them need not be in memory twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Table, func, select

from luigiviz.store.errors import LiveStateRefusedError
from luigiviz.store.live import schema
from luigiviz.store.live.codec import read_document, read_text

#: Rows that are fetched at a time.
_PAGE = 5_000

Document = dict[str, Any]


def count_tasks(connection: Connection) -> int:
    """Return the number of tasks."""
    number: int = connection.scalar(select(func.count()).select_from(schema.tasks)) or 0
    return number


def load_tasks(connection: Connection) -> Iterator[tuple[Document, tuple[str, ...]]]:
    """Iterate over tasks with the ids of their dependencies, in the order of ``seq``.

    Raises LiveStateRefusedError: a document does not parse.
    """
    edges = _edges(connection)
    owner, deps = next(edges, (None, ()))
    query = select(schema.tasks.c.seq, schema.tasks.c.document).order_by(schema.tasks.c.seq)
    for seq, text in _stream(connection, query):
        while owner is not None and owner < seq:
            owner, deps = next(edges, (None, ()))
        document = _read(schema.tasks, seq, text)
        yield document, deps if owner == seq else ()


def load_documents(connection: Connection, table: Table) -> list[Document]:
    """Return all documents of a table of workers or batchers."""
    rows = connection.execute(select(table.c.seq, table.c.document).order_by("seq"))
    return [_read(table, seq, text) for seq, text in rows]


def load_values(connection: Connection) -> dict[str, Document]:
    """Return the single values by name."""
    rows = connection.execute(select(schema.values.c.name, schema.values.c.document))
    return {name: _read(schema.values, name, text) for name, text in rows}


def _edges(connection: Connection) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Iterate over numbers of tasks and the ids of what they wait for."""
    columns = schema.dependencies.c
    owner: int | None = None
    deps: list[str] = []
    query = select(columns.task_seq, columns.dep_id).order_by(columns.task_seq, columns.position)
    for seq, dep_id in _stream(connection, query):
        if seq != owner:
            if owner is not None:
                yield owner, tuple(deps)
            owner, deps = seq, []
        deps.append(read_text(dep_id) if dep_id[:1] < " " else dep_id)
    if owner is not None:
        yield owner, tuple(deps)


def _stream(connection: Connection, query: Any) -> Iterator[Any]:
    for page in connection.execution_options(yield_per=_PAGE).execute(query).partitions():
        yield from page


def _read(table: Table, key: object, text: str) -> Document:
    try:
        document: Document = read_document(text)
    except ValueError as error:
        raise LiveStateRefusedError(
            f"the row {key} of {table.name} holds no JSON ({error}); `luigiviz check` tells what else is wrong, "
            "and a backup brings back what was there"
        ) from error
    return document
