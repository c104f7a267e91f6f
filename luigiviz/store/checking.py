"""Looks through a database of the live state, row by row, and says what is wrong; nothing is written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, NullPool, Table, create_engine, inspect, make_url, select, text
from sqlalchemy.exc import DBAPIError

from luigiviz.store.database import connect_to_read, open_engine
from luigiviz.store.errors import LiveStateRefusedError
from luigiviz.store.live import schema
from luigiviz.store.live.codec import for_column, number_for_column, read_document, read_text
from luigiviz.store.live.diagnosis import diagnose
from luigiviz.store.live.opening import HEAD, sqlite_file
from luigiviz.store.mysql import DIALECTS

Document = dict[str, Any]

#: Rows that are fetched at a time, and the most problems that are told of one kind of row.
_PAGE = 5_000
_MOST = 20

_NUMBER = (int, float)
#: What every document has, and of which type it is.
_TASK_KEYS: dict[str, Any] = {
    "seq": int,
    "id": str,
    "status": str,
    "order": int,
    "time": _NUMBER,
    "updated": _NUMBER,
}
_WORKER_KEYS: dict[str, Any] = {"seq": int, "id": str, "started": _NUMBER, "last_active": _NUMBER}
_BATCHER_KEYS: dict[str, Any] = {"seq": int, "worker": str, "families": dict}


@dataclass(slots=True)
class Findings:
    """What is in a database, as documents, and what is wrong with it."""

    tasks: list[tuple[Document, tuple[str, ...]]] = field(default_factory=list)
    workers: list[Document] = field(default_factory=list)
    batchers: list[Document] = field(default_factory=list)
    values: dict[str, Document] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def note(self, problems: Iterable[str]) -> None:
        """Take problems of one kind over: the first ones, and how many more there are."""
        told = 0
        for told, problem in enumerate(problems, start=1):
            if told <= _MOST:
                self.problems.append(problem)
        if told > _MOST:
            self.problems.append(f"… and {told - _MOST} more of this kind")


def look_through(url: str) -> Findings:
    """Read all of a database as it is at one moment; a server that works on it goes on.

    Raises:
        DatabaseUrlError: The URL cannot be used.
        LiveStateRefusedError: It is no database, has no tables of ours, or those of another version.
        LiveStateUnavailableError: It does not answer.
    """
    engine = _open_to_read(url)
    try:
        with engine.connect() as connection, _one_moment(connection):
            _require_version(connection)
            findings = Findings()
            if engine.dialect.name == "sqlite":
                findings.note(_damage(connection))
            findings.note(_read_tasks(connection, findings))
            for table, keys, documents in (
                (schema.workers, _WORKER_KEYS, findings.workers),
                (schema.batchers, _BATCHER_KEYS, findings.batchers),
            ):
                findings.note(_read_numbered(connection, table, keys, documents))
            findings.note(_read_values(connection, findings.values))
            return findings
    except DBAPIError as error:
        raise diagnose(engine, error) from error
    finally:
        engine.dispose()


def _open_to_read(url: str) -> Engine:
    file = sqlite_file(make_url(url))
    if file is None:
        return open_engine(url)
    if not file.is_file():
        raise LiveStateRefusedError(f"there is no database {file}")
    # Not by open_engine, which makes folders and changes how the file is written.
    return create_engine(url, poolclass=NullPool, creator=lambda: connect_to_read(file))


@contextmanager
def _one_moment(connection: Connection) -> Iterator[None]:
    """Show nothing of what others write meanwhile."""
    kind = connection.dialect.name
    if kind == "sqlite":
        connection.exec_driver_sql("BEGIN")
    elif kind == "postgresql":
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
    elif kind in DIALECTS:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.exec_driver_sql("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
    yield


def _require_version(connection: Connection) -> None:
    where = connection.engine.url.render_as_string(hide_password=True)
    if not inspect(connection).has_table(schema.VERSION_TABLE):
        raise LiveStateRefusedError(f"{where} holds no live state of luigiviz")
    version = connection.scalar(text(f"SELECT version_num FROM {schema.VERSION_TABLE}"))
    if version != HEAD:
        raise LiveStateRefusedError(
            f"the tables of {where} have version {version}, this program checks version {HEAD}: a start of the server "
            "upgrades older ones"
        )


def _damage(connection: Connection) -> Iterator[str]:
    for (found,) in connection.exec_driver_sql("PRAGMA integrity_check"):
        if found != "ok":
            yield f"the file is damaged: {found}"


def _read_tasks(connection: Connection, findings: Findings) -> Iterator[str]:
    """Read all tasks and dependencies; problems come out."""
    deps: dict[int, list[str]] = {}
    yield from _read_dependencies(connection, deps)
    columns = schema.tasks.c
    for row in _stream(connection, select(schema.tasks).order_by(columns.seq)):
        document, problems = _parse(row.document, _TASK_KEYS, row.seq)
        if document is not None:
            expected = {
                "task_id": for_column(document["id"]),
                "family": for_column(document.get("family", "")),
                "status": document["status"],
                "priority": number_for_column(document.get("priority", 0)),
                "updated": document["updated"],
                "worker_running": _optional(document.get("worker_running")),
            }
            problems += [
                f"the column {name} says {getattr(row, name)!r}, the document {value!r}"
                for name, value in expected.items()
                if getattr(row, name) != value
            ]
            findings.tasks.append((document, tuple(deps.pop(row.seq, ()))))
        else:
            deps.pop(row.seq, None)
        yield from (f"{schema.tasks.name} {row.seq} ({row.task_id}): {problem}" for problem in problems)
    for seq, names in deps.items():
        yield f"{schema.dependencies.name} {seq}: {len(names)} dependencies of a task that is not there"


def _read_dependencies(connection: Connection, deps: dict[int, list[str]]) -> Iterator[str]:
    columns = schema.dependencies.c
    for row in _stream(connection, select(schema.dependencies).order_by(columns.task_seq, columns.position)):
        names = deps.setdefault(row.task_seq, [])
        if row.position != len(names):
            yield f"{schema.dependencies.name} {row.task_seq}: position {row.position} follows {len(names) - 1}"
        try:
            names.append(read_text(row.dep_id))
        except ValueError as error:
            names.append(row.dep_id)
            yield f"{schema.dependencies.name} {row.task_seq}: position {row.position} is no text ({error})"


def _read_numbered(
    connection: Connection, table: Table, keys: dict[str, Any], documents: list[Document]
) -> Iterator[str]:
    """Read workers or batchers; problems come out."""
    for row in _stream(connection, select(table).order_by(table.c.seq)):
        document, problems = _parse(row.document, keys, row.seq)
        if document is not None:
            worker_id = for_column(document["id" if "id" in keys else "worker"])
            if row.worker_id != worker_id:
                problems.append(f"the column worker_id says {row.worker_id!r}, the document {worker_id!r}")
            documents.append(document)
        yield from (f"{table.name} {row.seq} ({row.worker_id}): {problem}" for problem in problems)


def _read_values(connection: Connection, values: dict[str, Document]) -> Iterator[str]:
    for row in connection.execute(select(schema.values)):
        document, problems = _parse(row.document, {}, None)
        if document is not None:
            values[row.name] = document
        yield from (f"{schema.values.name} {row.name}: {problem}" for problem in problems)


def _parse(content: str, keys: dict[str, Any], seq: int | None) -> tuple[Document | None, list[str]]:
    """Read a document; None with the reasons if it cannot be used."""
    try:
        document = read_document(content)
    except (ValueError, RecursionError) as error:
        return None, [f"its document is no JSON: {error}"]
    if not isinstance(document, dict):
        return None, [f"its document is {json.dumps(document)[:50]}"]
    problems = [
        f"its document has no {name!r} of the right kind"
        for name, kind in keys.items()
        if not isinstance(document.get(name), kind) or isinstance(document.get(name), bool)
    ]
    if problems:
        return None, problems
    if seq is not None and document["seq"] != seq:
        return None, [f"its document has the number {document['seq']}"]
    return document, []


def _optional(value: str | None) -> str | None:
    return None if value is None else for_column(value)


def _stream(connection: Connection, query: Any) -> Iterator[Any]:
    for page in connection.execution_options(yield_per=_PAGE).execute(query).partitions():
        yield from page
