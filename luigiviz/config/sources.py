"""The raw configuration: which files are read, in which order, and what they say.

The rules are Luigi's. ``luigi.cfg`` files are INI files with case-sensitive keys, ``%(key)s`` and ``${VARIABLE}``
in values, and keys written with ``_`` or ``-``. Later files win, key by key.
"""

from __future__ import annotations

import configparser
import logging
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from luigiviz.config.errors import SettingsError

logger = logging.getLogger(__name__)

#: In the order in which they are read. ``client.cfg`` is an old name that Luigi still reads.
CFG_FILES = (Path("/etc/luigi/client.cfg"), Path("/etc/luigi/luigi.cfg"), Path("client.cfg"), Path("luigi.cfg"))
TOML_FILES = (Path("/etc/luigi/luigi.toml"), Path("luigi.toml"))
_CFG_NAMES = ("cfg", "conf", "ini")
_VARIABLE = re.compile(r"\$\{([^}]+)\}")


@dataclass(frozen=True, slots=True)
class Entry:
    """A key that a configuration has: where it stands, and how to get its value."""

    source: str
    #: It stands in ``[DEFAULT]``, which lends its keys to every section.
    inherited: bool
    #: Gives the value as it was written, after interpolation; raises SettingsError where that fails.
    read: Callable[[], object]


class RawConfig(Protocol):
    """Sections of keys, as written in files of one kind."""

    def entries(self, section: str) -> Mapping[str, Entry]:
        """The keys of a section, as they are spelled; empty if there is no such section."""
        ...


def underscored(entries: Mapping[str, Entry]) -> dict[str, Entry]:
    """The same keys spelled with underscores; a key that is written both ways counts as written with them."""
    spelled = {key.replace("-", "_"): entry for key, entry in entries.items() if "-" in key}
    return spelled | {key: entry for key, entry in entries.items() if "-" not in key}


class CfgConfig:
    """What INI files say."""

    def __init__(self, files: Sequence[Path], environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._parser = _parser()
        #: Which file had the last word on a key; [DEFAULT] is a section like any other here.
        self._sources: dict[str, dict[str, str]] = {}
        for file in files:
            text = _read_text(file)
            # A second reading that keeps [DEFAULT] apart tells which keys are a section's own.
            alone = _parser(interpolation=None, default_section="")
            try:
                self._parser.read_string(text, source=str(file))
                alone.read_string(text, source=str(file))
            except configparser.Error as error:
                raise SettingsError(f"not a valid INI file ({error.message})", source=str(file)) from None
            for section in alone.sections():
                self._sources.setdefault(section, {}).update(dict.fromkeys(alone[section], str(file)))

    def entries(self, section: str) -> Mapping[str, Entry]:
        """The keys of a section and those of ``[DEFAULT]``."""
        own = self._sources.get(section)
        if own is None:
            return {}
        defaults = self._sources.get(self._parser.default_section, {})
        return {
            key: Entry(source, key not in own, partial(self._interpolated, section, key, source))
            for key, source in (defaults | own).items()
        }

    def _interpolated(self, section: str, key: str, source: str) -> str:
        try:
            value = self._parser.get(section, key)
        except configparser.InterpolationError as error:
            written = self._parser.get(section, key, raw=True)
            reason = error.message.splitlines()[0]
            raise SettingsError(
                f"{reason} (a percent sign is written %%)", source=source, section=section, key=key, value=written
            ) from None
        for name in _VARIABLE.findall(value):
            if name not in self._environ:
                raise SettingsError(
                    f"the environment variable {name} is not set", source=source, section=section, key=key, value=value
                )
        return _VARIABLE.sub(lambda match: self._environ[match[1]], value)


class TomlConfig:
    """What TOML files say."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._sections: dict[str, dict[str, Entry]] = {}
        for file in files:
            try:
                data = tomllib.loads(_read_text(file))
            except tomllib.TOMLDecodeError as error:
                raise SettingsError(f"not a valid TOML file ({error})", source=str(file)) from None
            for section, keys in data.items():
                if isinstance(keys, dict):
                    found = {key: Entry(str(file), False, partial(_same, value)) for key, value in keys.items()}
                    self._sections.setdefault(section, {}).update(found)

    def entries(self, section: str) -> Mapping[str, Entry]:
        """The keys of a section."""
        return self._sections.get(section, {})


def _same(value: object) -> object:
    return value


def _parser(**options: Any) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(**options)
    parser.optionxform = str  # type: ignore[method-assign,assignment]  # keys are case-sensitive
    return parser


def read_config(files: Sequence[Path] | None, environ: Mapping[str, str]) -> RawConfig:
    """Read ``files``, or, without them, those that Luigi would read; files that do not exist are passed over.

    Raises:
        SettingsError: A file cannot be read or is malformed.
    """
    kind = _kind(environ)
    if files is None:
        files = [*(TOML_FILES if kind == "toml" else CFG_FILES), *_named_file(environ, kind)]
    elif files:
        kind = _kind_of(files[0]) or kind
    existing = [file for file in files if file.is_file()]
    for file in existing:
        if file.name == "client.cfg":
            logger.warning("%s: the name client.cfg is out of date; call it luigi.cfg", file)
    return TomlConfig(existing) if kind == "toml" else CfgConfig(existing, environ)


def _kind(environ: Mapping[str, str]) -> str:
    kind = environ.get("LUIGI_CONFIG_PARSER", "cfg")
    if kind != "toml" and kind not in _CFG_NAMES:
        logger.warning("LUIGI_CONFIG_PARSER=%s is not known (cfg or toml); reading luigi.cfg files", kind)
    return "toml" if kind == "toml" else "cfg"


def _kind_of(file: Path) -> str | None:
    suffix = file.suffix.removeprefix(".")
    return "toml" if suffix == "toml" else "cfg" if suffix in _CFG_NAMES else None


def _named_file(environ: Mapping[str, str], kind: str) -> list[Path]:
    """The file that ``LUIGI_CONFIG_PATH`` names, if it can be used."""
    name = environ.get("LUIGI_CONFIG_PATH")
    if not name:
        return []
    file = Path(name)
    if not file.is_file():
        logger.warning("LUIGI_CONFIG_PATH=%s: no such file", name)
        return []
    if (_kind_of(file) or kind) != kind:
        logger.warning(
            "LUIGI_CONFIG_PATH=%s is not read, as Luigi does not either: set LUIGI_CONFIG_PARSER=%s",
            name,
            _kind_of(file),
        )
        return []
    return [file]


def _read_text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsError(f"cannot be read: {reason}", source=str(file)) from None
