"""A worker's connection to a server, which tells refused calls from calls of which nobody knows what became."""

from __future__ import annotations

import http.client
import json
import urllib.parse
from typing import Any


class RefusedError(Exception):
    """The server answered 503; ``code`` is the error's code in the answer."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class NoAnswerError(Exception):
    """The connection broke before an answer came: the call may have been carried out, or not."""


class NotSentError(Exception):
    """There is nobody to connect to."""


class Connection:
    """One connection that is kept open, as Luigi's worker does; it is not for several threads."""

    def __init__(self, port: int, timeout: float = 60) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)

    def call(self, method: str, arguments: dict[str, Any]) -> Any:
        """Make a call and return its answer; an answer that is neither 200 nor a proper 503 fails the test."""
        body = urllib.parse.urlencode({"data": json.dumps(arguments)})
        if self._connection.sock is None:
            try:
                self._connection.connect()
            except OSError as error:
                raise NotSentError(str(error)) from error
        try:
            self._connection.request(
                "POST", f"/api/{method}", body, {"Content-Type": "application/x-www-form-urlencoded"}
            )
            answer = self._connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise NoAnswerError(repr(error)) from error
        if answer.status == 503:
            assert int(answer.headers["Retry-After"]) > 0, answer.headers
            refusal = json.loads(text)["error"]
            assert set(refusal) == {"code", "message"}, refusal
            assert refusal["message"], refusal
            raise RefusedError(refusal["code"], refusal["message"])
        assert answer.status == 200, (method, arguments, answer.status, text)
        return json.loads(text)["response"]

    def close(self) -> None:
        """Close the connection; the next call opens a new one."""
        self._connection.close()
