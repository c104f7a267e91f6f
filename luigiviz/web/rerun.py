"""What to type in order to run a failed task again, and the error that a worker sent, made readable."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping


def rerun_command(module: str | None, family: str, params: Mapping[str, str], scheduler_url: str) -> list[str]:
    """The ``luigi`` command line of a task, word by word, each quoted for a shell.

    Luigi's BoolParameter is a flag: ``True`` is written as the bare option, ``False`` by leaving it out.
    Luigi sends values only, not their types, so text that reads ``True`` or ``False`` is taken for one.
    """
    words = ["luigi"]
    if module:
        words += ["--module", module]
    words.append(family)
    for name, value in params.items():
        option = f"--{name.replace('_', '-')}"
        if value == "True":
            words.append(option)
        elif value.startswith("-"):
            # As a word of its own it would be taken for an option.
            words.append(f"{option}={value}")
        elif value != "False":
            words += [option, value]
    words += ["--scheduler-url", scheduler_url]
    return [shlex.quote(word) for word in words]


def has_flags(params: Mapping[str, str]) -> bool:
    """Whether the command line had to guess that a value is a flag."""
    return any(value in ("True", "False") for value in params.values())


def readable_error(expl: str | None) -> str | None:
    """The error as text: Luigi's workers send it as a JSON string, others may send it as it is."""
    if not expl:
        return None
    try:
        decoded = json.loads(expl)
    except ValueError:
        return expl
    return decoded if isinstance(decoded, str) else expl
