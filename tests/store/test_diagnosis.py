"""What a database reports is either waited for, or said with what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from luigiviz.engine.documents import Changes
from luigiviz.store.errors import LiveStateRefusedError, LiveStateUnavailableError, StoreError
from luigiviz.store.live.diagnosis import diagnose
from luigiviz.store.live.livestore import LiveStore


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/live.db"
    found: str = request.getfixturevalue("postgres_url")
    return found


@pytest.fixture
def store(url: str) -> Iterator[LiveStore]:
    """A store that leads, with nothing in it."""
    store = LiveStore(url)
    store.open()
    assert store.try_to_lead()
    yield store
    store.close()


def alter(url: str, statement: str) -> None:
    """Do something to a database that luigiviz does not do."""
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def write(store: LiveStore) -> None:
    """Commit a task."""
    changes = Changes()
    changes.tasks.append({"seq": 1, "id": "T", "status": "PENDING", "order": 1, "time": 1.5, "updated": 2.5})
    store.commit(changes)


def read(store: LiveStore) -> None:
    """Load everything."""
    with store.loading() as view:
        list(view.tasks())


@pytest.mark.parametrize("use", [write, read])
@pytest.mark.parametrize(
    "statement",
    ["ALTER TABLE luigiviz_task RENAME TO other", "ALTER TABLE luigiviz_task RENAME COLUMN document TO other"],
)
def test_tables_that_somebody_altered_are_no_matter_of_waiting(
    url: str, store: LiveStore, statement: str, use: Callable[[LiveStore], None]
) -> None:
    alter(url, statement)
    with pytest.raises(LiveStateRefusedError, match=r"is damaged: .*Tables of luigiviz were altered or removed"):
        use(store)


@pytest.mark.postgres
def test_rights_that_were_taken_away_are_no_matter_of_waiting(postgres_url: str) -> None:
    alter(postgres_url, "CREATE ROLE keeper LOGIN")
    owner = LiveStore(postgres_url)
    theirs = LiveStore(postgres_url.replace("//luigiviz@", "//keeper@"))
    try:
        owner.open()
        alter(postgres_url, "GRANT ALL ON ALL TABLES IN SCHEMA public TO keeper")
        assert theirs.try_to_lead()
        write(theirs)
        alter(postgres_url, "REVOKE INSERT, UPDATE ON luigiviz_task FROM keeper")
        with pytest.raises(LiveStateRefusedError, match=r"cannot be used: .*permission denied.* has to be allowed"):
            write(theirs)
        alter(postgres_url, "GRANT ALL ON luigiviz_task TO keeper")
        write(theirs)
    finally:
        theirs.close()
        owner.close()
        alter(postgres_url, "DROP OWNED BY keeper")
        alter(postgres_url, "DROP ROLE keeper")


def test_a_connection_that_is_cut_is_waited_for(tmp_path: Path) -> None:
    store = LiveStore(f"postgresql+psycopg://somebody:secret@/none?host={tmp_path}")
    with pytest.raises(LiveStateUnavailableError, match="connection") as caught:
        store.open()
    assert "secret" not in str(caught.value)


class _DriverError(Exception):
    """An error as one of the drivers makes it."""

    def __init__(self, *args: object, sqlstate: str | None = None, pgcode: str | None = None) -> None:
        super().__init__(*args)
        self.sqlstate, self.pgcode = sqlstate, pgcode


@pytest.mark.parametrize(
    ("scheme", "error", "expected", "says"),
    [
        ("sqlite", _DriverError("database disk image is malformed"), LiveStateRefusedError, "luigiviz backup"),
        (
            "sqlite",
            _DriverError("attempt to write a readonly database"),
            LiveStateRefusedError,
            "readable and writable",
        ),
        ("sqlite", _DriverError("database or disk is full"), LiveStateUnavailableError, "disk is full"),
        ("sqlite", _DriverError("database is locked"), LiveStateUnavailableError, "locked"),
        ("postgresql+psycopg", _DriverError("denied", sqlstate="42501"), LiveStateRefusedError, "has to be allowed"),
        ("postgresql+psycopg", _DriverError("denied", pgcode="42501"), LiveStateRefusedError, "has to be allowed"),
        ("postgresql+psycopg", _DriverError("malformed", sqlstate="22P02"), LiveStateUnavailableError, "malformed"),
        ("mysql+pymysql", _DriverError(1142, "denied"), LiveStateRefusedError, "has to be allowed"),
        ("mariadb+pymysql", _DriverError(1146, "no table"), LiveStateRefusedError, "altered or removed"),
        ("mariadb+pymysql", _DriverError(1205, "wait timeout"), LiveStateUnavailableError, "wait timeout"),
        ("postgresql+psycopg", PoolTimeoutError("all\n in use"), LiveStateUnavailableError, "all in use"),
        ("postgresql+psycopg", _DriverError(), LiveStateUnavailableError, "_DriverError"),
    ],
)
def test_what_drivers_say_is_told_apart(scheme: str, error: Exception, expected: type[StoreError], says: str) -> None:
    engine = create_engine(f"{scheme}://" + ("" if scheme == "sqlite" else "user:secret@host/db"))
    for said in (error, _wrapped(error)):
        found = diagnose(engine, said)
        assert type(found) is expected
        assert says in str(found)
        assert "SELECT" not in str(found)
        assert "secret" not in str(found)


def _wrapped(error: Exception) -> Exception:
    """Return an error as SQLAlchemy passes it on."""
    wrapped = SQLAlchemyError(f"{error} [SQL: SELECT 1]")
    wrapped.orig = error  # type: ignore[attr-defined]
    return wrapped
