"""What is wrong with a setting, in one line."""

from __future__ import annotations


class SettingsError(Exception):
    """A setting cannot be used; the text names where it stands, its value, and what would be right."""

    def __init__(
        self,
        expected: str,
        *,
        source: str,
        section: str | None = None,
        key: str | None = None,
        value: object = None,
    ) -> None:
        self.expected = expected
        #: A file's path, an environment variable, or "command line".
        self.source = source
        self.section = section
        self.key = key
        self.value = value
        place = source
        if section is not None:
            place += f": [{section}]"
        if key is not None:
            place += f" {key}"
        if value is not None:
            place += f" = {value!r}"
        super().__init__(" ".join(f"{place}: {expected}".split()))
