"""Programs from outside that tests need: a test without its program is skipped, and fails where CI=true."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def find_dot() -> Path | None:
    """Where Graphviz's ``dot`` is, or None."""
    return _which("dot")


def find_chromium() -> Path | None:
    """Where a Chromium is, or None."""
    return next((path for path in map(_which, BROWSERS) if path), None)


def find_postgres() -> Path | None:
    """The folder of PostgreSQL's server programs (``initdb``, ``postgres``), newest version first, or None."""
    initdb = _which("initdb")
    if initdb and (initdb.parent / "postgres").exists():
        return initdb.parent
    versions = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    return max(versions, key=lambda folder: float(folder.parent.name), default=None)


def find_mariadb() -> Path | None:
    """The folder of MariaDB's server program, or None."""
    # Where it is on Debian is in nobody's path but root's.
    server = _which("mariadbd") or _which("/usr/sbin/mariadbd")
    tools = ("mariadb-install-db", "my_print_defaults")
    return server.parent if server and all(map(_which, tools)) else None


def find_haproxy() -> Path | None:
    """Where HAProxy is, or None; for `make proxies` only."""
    return _which("haproxy") or _which("/usr/sbin/haproxy")


def find_nginx() -> Path | None:
    """Where nginx is, or None; for `make proxies` only."""
    return _which("nginx") or _which("/usr/sbin/nginx")


def require(found: Path | None, what: str, package: str, hint: str = "`make setup` installs it where it may") -> Path:
    """Give back ``found``; if it is None, skip the test, or fail it where CI=true."""
    if found is not None:
        return found
    message = f"{what} is not installed (Debian package: {package}); {hint}"
    if os.environ.get("CI") == "true":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def _which(name: str) -> Path | None:
    path = shutil.which(name)
    return Path(path) if path else None
