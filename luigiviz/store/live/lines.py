"""The lines to a database server, which another thread can cut: drivers wait for an answer without end."""

from __future__ import annotations

import logging
import os
import socket
from typing import Any

from sqlalchemy import Engine, event

logger = logging.getLogger(__name__)


class Lines:
    """The sockets of all connections that an engine has.

    Each by a second handle of ours, so that none is somebody else's by the time it is cut. A driver's connection that
    does not tell its socket cannot be cut.
    """

    def __init__(self, engine: Engine) -> None:
        """Note the connections that an engine makes from now on."""
        self._sockets: dict[int, socket.socket] = {}
        event.listen(engine, "connect", self._add)
        event.listen(engine, "close", self._remove)

    def cut(self) -> None:
        """Have all who wait for an answer see that there will be none."""
        for handle in list(self._sockets.values()):
            try:
                handle.shutdown(socket.SHUT_RDWR)
            except OSError as error:
                logger.debug("A connection has ended by itself: %s", error)

    def _add(self, connection: Any, _record: object) -> None:
        # PyMySQL's connections have no word of their own for it.
        fileno = getattr(connection, "fileno", None) or getattr(getattr(connection, "_sock", None), "fileno", None)
        if fileno is not None:
            self._sockets[id(connection)] = socket.socket(fileno=os.dup(fileno()))

    def _remove(self, connection: Any, _record: object) -> None:
        handle = self._sockets.pop(id(connection), None)
        if handle is not None:
            handle.close()
