"""Says of what a driver reports whether waiting helps and, if not, what does."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Engine

from luigiviz.store.errors import LiveStateRefusedError, LiveStateUnavailableError

#: What to do about a file that is damaged or lost.
RESTORE = (
    "Put a backup in its place (`luigiviz backup` makes them), or move the file and those beside it "
    "(-wal, -shm) away to start with an empty state"
)


class _Ailment(NamedTuple):
    """What no waiting will mend."""

    finding: str
    advice: str
    #: What SQLite says of it, which has no finer numbers.
    words: tuple[str, ...] = ()
    #: PostgreSQL's SQLSTATE, MySQL's numbers.
    codes: tuple[str | int, ...] = ()


_AILMENTS = (
    _Ailment("is damaged", RESTORE, words=("malformed", "not a database")),
    _Ailment(
        "is damaged",
        "Tables of luigiviz were altered or removed: restore a backup, or use another database",
        words=("no such table", "no such column", "has no column"),
        codes=("42P01", "42703", 1146, 1054),
    ),
    _Ailment(
        "cannot be used",
        "The file and its folder have to be readable and writable",
        words=("unable to open", "readonly database", "authorization denied"),
    ),
    _Ailment(
        "cannot be used", "Its user has to be allowed to make, read and change tables", codes=("42501", 1044, 1142)
    ),
)


def diagnose(engine: Engine, error: Exception) -> LiveStateRefusedError | LiveStateUnavailableError:
    """Turn an error of SQLAlchemy's or of a driver's into one of ours, without the statement and passwords."""
    where = engine.url.render_as_string(hide_password=True)
    message = in_one_line(error)
    is_sqlite = engine.dialect.name == "sqlite"
    codes = _codes(getattr(error, "orig", None) or error)
    for ailment in _AILMENTS:
        if any(word in message for word in ailment.words) if is_sqlite else codes.intersection(ailment.codes):
            return LiveStateRefusedError(f"{where} {ailment.finding}: {message}. {ailment.advice}")
    return LiveStateUnavailableError(f"{where}: {message}")


def in_one_line(error: BaseException) -> str:
    """Return what a driver said, without the statement that SQLAlchemy adds."""
    cause = getattr(error, "orig", None) or error
    return " ".join(str(cause).split()) or type(cause).__name__


def _codes(cause: BaseException) -> set[object]:
    """Return what drivers of PostgreSQL (psycopg, psycopg2) and of MySQL number their errors by."""
    return {getattr(cause, "sqlstate", None), getattr(cause, "pgcode", None), *cause.args[:1]}
