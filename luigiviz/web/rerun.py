"""What to type in order to run a failed task again, and the error that a worker sent, made readable."""

from __future__ import annotations

import json
import re
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


#: How a line of a traceback names a place in the code.
_PLACE = re.compile(r'\s*File ".*", line \d+')

#: What stands in front of the class of an exception.
_MODULES = re.compile(r"^(?:[A-Za-z_]\w*\.)+(?=[A-Za-z_]\w*(?::|$))")


def error_line(expl: str | None) -> str | None:
    """The line of an error that says what went wrong: a traceback's exception, or else the last line."""
    lines = [line for line in (readable_error(expl) or "").splitlines() if line.strip()]
    if not lines:
        return None
    places = [number for number, line in enumerate(lines) if _PLACE.match(line)]
    # Below the last place stand its code, indented, and then the exception, which may go on for more lines.
    after = lines[places[-1] + 1 :] if places else []
    return next((line for line in after if not line[0].isspace()), lines[-1]).strip()


def short_error(line: str) -> str:
    """An error without the modules in front of its class: ``sqlalchemy.exc.DataError: x`` is ``DataError: x``."""
    return _MODULES.sub("", line)


def readable_error(expl: str | None) -> str | None:
    """The error as text: Luigi's workers send it as a JSON string, others may send it as it is."""
    if not expl:
        return None
    try:
        decoded = json.loads(expl)
    except ValueError:
        return expl
    return decoded if isinstance(decoded, str) else expl
