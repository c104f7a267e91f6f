"""What MySQL and MariaDB need to be told beside what all databases are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, LargeBinary, SQLColumnExpression, and_, cast, func, text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

#: SQLAlchemy's names for them; which of the two stands in the URL says nothing of the server.
DIALECTS = ("mysql", "mariadb")

#: Of tables, however the server and the database are set up: they have transactions and take any character, and texts
#: that differ in the case of a letter differ.
TABLE_OPTIONS: Any = {
    f"{dialect}_{option}": value
    for dialect in DIALECTS
    for option, value in (("engine", "InnoDB"), ("charset", "utf8mb4"), ("collate", "utf8mb4_bin"))
}


class _Either(FunctionElement[Any]):
    """An expression in the words of most databases, and in those of MySQL and MariaDB."""

    inherit_cache = True

    def __init__(self, most: Any, mysql: ColumnElement[Any]) -> None:
        super().__init__(most, mysql)


@compiles(_Either)
def _most(element: _Either, compiler: SQLCompiler, **options: Any) -> str:
    most, _ = element.clauses
    return compiler.process(most, **options)


@compiles(_Either, *DIALECTS)
def _mysql(element: _Either, compiler: SQLCompiler, **options: Any) -> str:
    _, mysql = element.clauses
    return f"({compiler.process(mysql, **options)})"


def exactly(column: SQLColumnExpression[Any]) -> ColumnElement[Any]:
    """Give a column for grouping.

    MySQL takes texts for equal that differ in spaces at their ends and, as most tables of Luigi's are, in their case.
    """
    return _Either(column, _as_bytes(column))


def is_any_of(column: SQLColumnExpression[Any], texts: Sequence[str]) -> ColumnElement[bool]:
    """Choose rows in which a column holds exactly one of some texts."""
    found = column.in_(texts)  # finds a few by an index
    return _Either(found, and_(found, _as_bytes(column).in_([one.encode() for one in texts])))


def _as_bytes(column: SQLColumnExpression[Any]) -> ColumnElement[bytes]:
    return cast(func.convert(column.op("USING")(text("utf8mb4"))), LargeBinary)
