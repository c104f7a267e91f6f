"""From raw configuration to Settings: files first, then the environment, then the command line."""

from __future__ import annotations

import difflib
import logging
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from luigiviz.config.errors import SettingsError
from luigiviz.config.settings import CorsSettings, PrometheusSettings, Settings
from luigiviz.config.sources import Entry, RawConfig, read_config, underscored
from luigiviz.config.table import ENVIRON_PREFIX, OURS, SETTINGS, Setting
from luigiviz.config.values import MEMORY, amount
from luigiviz.engine.config import SchedulerConfig

logger = logging.getLogger(__name__)

#: Sections of Luigi's that are the scheduler's alone, and where an unknown key is worth a word.
_WATCHED = ("scheduler", "cors", "task_history", "prometheus")
#: What the command line can set: our keys, and those of ``[scheduler]``.
_COMMAND_LINE = (OURS, "scheduler")


def load_settings(
    *,
    files: Sequence[Path] | None = None,
    environ: Mapping[str, str] | None = None,
    **overrides: object,
) -> Settings:
    """Read the settings as luigid does, and ours from the section ``[luigiviz]`` of the same files.

    Args:
        files: What to read in place of the files that Luigi reads; the later ones win.
        environ: The environment variables; the process's own by default.
        overrides: Keys of ``[luigiviz]`` and ``[scheduler]`` from the command line; None stands for "not given".

    Raises:
        SettingsError: A file or a value cannot be used.
    """
    environ = os.environ if environ is None else environ
    config = read_config(files, environ)
    values: dict[str, dict[str, Any]] = {}
    for section in {setting.section: None for setting in SETTINGS}:
        values[section] = _read_section(config, section)
    values[OURS] |= _read_environ(environ)
    for key, value in overrides.items():
        if value is not None:
            setting = _command_line_setting(key)
            values[setting.section][key] = _parsed(setting, value, f"command line: --{key.replace('_', '-')}", None)
    return _settings(values, _read_resources(config))


def _settings(values: Mapping[str, Mapping[str, Any]], resources: Mapping[str, float]) -> Settings:
    core, ours = values["core"], dict(values[OURS])
    # luigid listens where its clients look for it, unless it is told otherwise.
    for key in ("default_scheduler_port", "scheduler_port"):
        if key in core and "port" not in values[OURS]:
            ours["port"] = core[key]
    scheduler = SchedulerConfig(**values["scheduler"])
    settings = Settings(
        scheduler=scheduler,
        resources=MappingProxyType(dict(resources)),
        cors=CorsSettings(**values["cors"]),
        prometheus=PrometheusSettings(**values["prometheus"]),
        logging_conf_file=core.get("logging_conf_file"),
        configure_logging=not core.get("no_configure_logging", False),
        **ours,
    )
    if settings.database_url is None:
        settings = replace(settings, database_url=f"sqlite:///{settings.state_dir / 'state.db'}")
    elif settings.database_url == MEMORY:
        settings = replace(settings, database_url=None)
    if not scheduler.record_task_history:
        return settings
    url = values["task_history"].get("db_connection") or f"sqlite:///{settings.state_dir / 'history.db'}"
    return replace(settings, history_url=url)


def _read_section(config: RawConfig, section: str) -> dict[str, Any]:
    known = {setting.key: setting for setting in SETTINGS if setting.section == section}
    found: dict[str, Any] = {}
    for key, entry in underscored(config.entries(section)).items():
        if key in known:
            found[key] = _parsed(known[key], entry.read(), entry.source, section)
        elif not entry.inherited:
            _report_unknown(key, entry, section, known)
    return found


def _report_unknown(key: str, entry: Entry, section: str, known: Iterable[str]) -> None:
    hint = _hint(key, known)
    if section == OURS:
        expected = "there is no such setting" + (hint or "; docs/settings.md lists them")
        raise SettingsError(expected, source=entry.source, section=section, key=key)
    if section in _WATCHED:
        logger.warning("%s: [%s] %s is not a setting of luigiviz, and is ignored%s", entry.source, section, key, hint)


def _read_resources(config: RawConfig) -> dict[str, float]:
    resources: dict[str, float] = {}
    for name, entry in config.entries("resources").items():
        if not entry.inherited:
            resources[name] = _checked(amount, entry.read(), entry.source, "resources", name)
    return resources


def _read_environ(environ: Mapping[str, str]) -> dict[str, Any]:
    ours = {setting.environ: setting for setting in SETTINGS if setting.environ}
    found: dict[str, Any] = {}
    for name, value in environ.items():
        if name in ours:
            found[ours[name].key] = _parsed(ours[name], value, name, None)
        elif name.startswith(ENVIRON_PREFIX) and (hint := _hint(name, filter(None, ours))):
            logger.warning("The environment variable %s means nothing to luigiviz%s", name, hint)
    return found


def _command_line_setting(key: str) -> Setting:
    for setting in SETTINGS:
        if setting.key == key and setting.section in _COMMAND_LINE:
            return setting
    raise TypeError(f"load_settings() has no setting {key!r}")


def _parsed(setting: Setting, raw: object, source: str, section: str | None) -> Any:
    return _checked(setting.parse, raw, source, section, setting.key if section else None)


def _checked(parse: Callable[[object], Any], raw: object, source: str, section: str | None, key: str | None) -> Any:
    try:
        return parse(raw)
    except ValueError as error:
        raise SettingsError(str(error), source=source, section=section, key=key, value=raw) from None


def _hint(key: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(key, list(known), n=1, cutoff=0.7)
    return f"; did you mean {near[0]}?" if near else ""
