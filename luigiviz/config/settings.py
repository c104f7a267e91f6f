"""The settings of a luigiviz process, as immutable values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal
from zoneinfo import ZoneInfo

import platformdirs

from luigiviz.engine.config import SchedulerConfig


def default_state_dir() -> Path:
    """Where a user's programs keep their state between runs, by the customs of the system."""
    return platformdirs.user_state_path("luigiviz", appauthor=False)


@dataclass(frozen=True, slots=True)
class CorsSettings:
    """Luigi's ``[cors]``: which other sites' pages may read ``/api/``. Header values are passed on as written."""

    enabled: bool = False
    allow_any_origin: bool = False
    allow_null_origin: bool = False
    #: Neither ``*`` nor ``null`` counts here: they have settings of their own.
    allowed_origins: tuple[str, ...] = ()
    #: Seconds for which a browser may remember the answer to a preflight request.
    max_age: int = 86400
    allowed_methods: str = "GET, OPTIONS"
    allowed_headers: str = "Accept, Content-Type, Origin"
    exposed_headers: str = ""
    allow_credentials: bool = False


@dataclass(frozen=True, slots=True)
class PrometheusSettings:
    """Luigi's ``[prometheus]``: the labels of the task series at ``/metrics``."""

    use_task_family_in_labels: bool = True
    task_parameters_to_use_in_labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """All that a luigiviz process can be told. ``load_settings`` makes them; tests may make them by hand."""

    scheduler: SchedulerConfig = field(default_factory=SchedulerConfig)
    #: How much there is of each of ``[resources]``.
    resources: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    cors: CorsSettings = field(default_factory=CorsSettings)
    prometheus: PrometheusSettings = field(default_factory=PrometheusSettings)
    #: The SQLAlchemy URL of the history database; None: runs are not recorded.
    history_url: str | None = None
    #: Runs that ended longer ago than so many days are deleted from the history; 0: none are.
    history_retention_days: float = 0
    #: The SQLAlchemy URL of the database of the live state; None: it is kept in memory only.
    database_url: str | None = None
    #: ``full``: an answer leaves when its change is on the disk; ``normal``: when it survives a crash of this process;
    #: ``relaxed``: at once, changes are written every second.
    durability: Literal["full", "normal", "relaxed"] = "normal"
    #: With several instances on one database: the leader is replaced after so many seconds without a sign of life.
    lease_seconds: float = 10.0
    #: Where people and workers find this instance; shown by those that stand by while it leads.
    public_url: str = ""
    #: The interface to listen on; empty: all of them, as luigid does.
    address: str = ""
    #: The port to listen on; 0: any free one.
    port: int = 8082
    #: How many requests are worked on at the same time.
    threads: int = 16
    #: Seconds between two refreshes of a live page.
    poll_seconds: float = 2.0
    #: Larger request bodies are answered with 413.
    max_body_bytes: int = 16 * 1024 * 1024
    #: The folder for all that is kept between runs.
    state_dir: Path = field(default_factory=default_state_dir)
    #: How many reverse proxies stand in front, whose ``X-Forwarded-…`` headers are believed.
    trusted_proxies: int = 0
    #: Who may show the pages in a frame: the ``frame-ancestors`` of the content security policy.
    frame_ancestors: str = "'self'"
    #: The address of a task's log, with fields in braces; None: there is no such link.
    log_url: str | None = None
    #: The zone in which pages show times; None: that of the machine.
    time_zone: ZoneInfo | None = None
    #: The least severe messages that are logged.
    log_level: str = "INFO"
    #: Luigi's ``[core] logging_conf_file``: a file for Python's logging that replaces ours.
    logging_conf_file: Path | None = None
    #: False by Luigi's ``[core] no_configure_logging``: logging is left as Python sets it up.
    configure_logging: bool = True
