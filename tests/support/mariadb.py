"""Real MariaDB servers."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

from tests.support.database import DatabaseServer

_USER = "root"
#: Small, and with no word on character sets: what the program itself prefers, latin1 in many versions, has to do.
_OPTIONS = (
    "--skip-networking",
    "--skip-name-resolve",
    "--innodb-buffer-pool-size=16M",
    "--innodb-log-file-size=16M",
    "--max-connections=60",
)
#: Durability is for real databases; most tests only need a quick one.
_QUICK = ("--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0")


class MariaDBServer(DatabaseServer):
    """A MariaDB; ``programs`` is the folder of ``mariadbd``."""

    name = "MariaDB"
    account = "mysql"
    # It ends in order but at once, or not even that.
    signals: ClassVar = {"fast": signal.SIGTERM, "immediate": signal.SIGKILL}

    def _preparation(self) -> Sequence[object]:
        install = ("mariadb-install-db", "--no-defaults", "--auth-root-authentication-method=normal")
        return (*install, "--skip-test-db", f"--datadir={self.folder / 'data'}", *_OPTIONS, *_QUICK)

    def _command(self) -> Sequence[object]:
        options = _OPTIONS if self._durable else (*_OPTIONS, *_QUICK)
        places = (f"--datadir={self.folder / 'data'}", f"--socket={self.socket}", f"--pid-file={self.folder / 'pid'}")
        return (self._programs / "mariadbd", "--no-defaults", *places, *options)

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self.folder / "socket"

    def url(self, database: str = "mysql") -> str:
        """The SQLAlchemy URL of one of its databases."""
        return f"mysql+pymysql://{_USER}@localhost/{database}?unix_socket={quote(str(self.socket), safe='')}"

    def execute(self, statement: str) -> None:
        """Run a statement, as the owner of everything."""
        import pymysql

        with pymysql.connect(unix_socket=str(self.socket), user=_USER, autocommit=True) as connection:
            connection.cursor().execute(statement)

    def _drop(self, name: str) -> None:
        self.execute(f"DROP DATABASE {name}")

    def _answers(self) -> bool:
        import pymysql

        try:
            self.execute("SELECT 1")
        except pymysql.OperationalError:
            return False
        return True
