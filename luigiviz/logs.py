"""Where log messages go: standard error or a folder, unless Luigi's ``[core]`` settings say otherwise."""

from __future__ import annotations

import logging
import logging.config
from logging.handlers import TimedRotatingFileHandler
from pathlib import Path

from luigiviz.config import Settings, SettingsError

_FORMAT = "%(asctime)s %(name)s[%(process)s] %(levelname)s: %(message)s"
#: luigid's name for it, so that whatever collects its log finds ours.
LOG_FILE = "luigi-server.log"
_DAYS_KEPT = 7


def log_to_stderr(level: str = "INFO") -> None:
    """Log to standard error, in place of any handler that there was."""
    logging.basicConfig(level=level, format=_FORMAT, force=True)


def configure_logging(settings: Settings, logdir: Path | None = None) -> None:
    """Set logging up for a server; with ``logdir``, into a file there that starts anew each day.

    Raises:
        SettingsError: ``logging_conf_file`` cannot be used.
        OSError: ``logdir`` cannot be written to.
    """
    if not settings.configure_logging:
        logging.basicConfig(handlers=[logging.NullHandler()], force=True)
        return
    if logdir is not None:
        logdir.mkdir(parents=True, exist_ok=True)
        handler = TimedRotatingFileHandler(logdir / LOG_FILE, when="d", backupCount=_DAYS_KEPT, encoding="utf-8")
        logging.basicConfig(level=settings.log_level, format=_FORMAT, handlers=[handler], force=True)
    elif settings.logging_conf_file is not None:
        _configure_from(settings.logging_conf_file)
    else:
        log_to_stderr(settings.log_level)
    # Waitress warns about every request that has to wait for a thread; with many workers that is everyday life.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)


def _configure_from(file: Path) -> None:
    try:
        logging.config.fileConfig(file, disable_existing_loggers=False)
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        raise SettingsError(
            f"expected a configuration file for Python's logging ({error})",
            source=str(file),
            section="core",
            key="logging_conf_file",
        ) from None
