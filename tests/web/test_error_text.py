"""The one line of an error that says what went wrong."""

from __future__ import annotations

import json

import pytest

from luigiviz.web.rerun import error_line, short_error

TRACEBACK = """Runtime error:
Traceback (most recent call last):
  File "/lib/luigi/worker.py", line 210, in run
    new_deps = self._run_get_new_deps()
               ^^^^^^^^^^^^^^^^^^^^^^^^
  File "/etl/load.py", line 88, in run
    self.connection.execute(statement)
sqlalchemy.exc.OperationalError: connection refused
(Background on this error at: https://sqlalche.me/e/20/e3q8)
"""


@pytest.mark.parametrize(
    ("expl", "line"),
    [
        (json.dumps(TRACEBACK), "sqlalchemy.exc.OperationalError: connection refused"),
        (TRACEBACK, "sqlalchemy.exc.OperationalError: connection refused"),
        ('"one line"', "one line"),
        ("first\nlast\n\n", "last"),
        ('  File "x.py", line 3\n    y = (\n', "y = ("),
        ('{"not": "text"}', '{"not": "text"}'),
        ('"   "', None),
        ("", None),
        (None, None),
    ],
)
def test_it_is_the_exception_of_a_traceback_or_else_the_last_line(expl: str | None, line: str | None) -> None:
    assert error_line(expl) == line


@pytest.mark.parametrize(
    ("line", "short"),
    [
        ("sqlalchemy.exc.OperationalError: no", "OperationalError: no"),
        ("shop.errors.Torn", "Torn"),
        ("ValueError: a.b: c", "ValueError: a.b: c"),
        ("the file a.b: is gone", "the file a.b: is gone"),
    ],
)
def test_modules_in_front_of_an_exception_are_left_out(line: str, short: str) -> None:
    assert short_error(line) == short
