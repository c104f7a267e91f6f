"""Real PostgreSQL servers."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from typing import ClassVar
from urllib.parse import quote

from tests.support.database import DatabaseServer

_USER = "luigiviz"
_OPTIONS = ("listen_addresses=", "max_connections=60")
#: Durability is for real databases; most tests only need a quick one.
_QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class PostgresServer(DatabaseServer):
    """A PostgreSQL; ``programs`` is the folder of its programs."""

    name = "PostgreSQL"
    account = "postgres"
    signals: ClassVar = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}

    def _preparation(self) -> Sequence[object]:
        initdb = (self._programs / "initdb", "-D", self.folder / "data", "-U", _USER)
        return (*initdb, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")

    def _command(self) -> Sequence[object]:
        options = _OPTIONS if self._durable else (*_OPTIONS, *_QUICK)
        settings = [part for option in options for part in ("-c", option)]
        return (self._programs / "postgres", "-D", self.folder / "data", "-k", self.folder, *settings)

    def url(self, database: str = "postgres") -> str:
        """The SQLAlchemy URL of one of its databases."""
        return f"postgresql+psycopg://{_USER}@/{database}?host={quote(str(self.folder), safe='')}"

    def execute(self, statement: str) -> None:
        """Run a statement, as the owner of everything."""
        import psycopg

        with psycopg.connect(host=str(self.folder), user=_USER, dbname="postgres", autocommit=True) as connection:
            connection.execute(statement.encode())

    def _drop(self, name: str) -> None:
        self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _answers(self) -> bool:
        import psycopg

        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True
