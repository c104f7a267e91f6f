"""TCP in between: a switch that finds the server that is ready, as load balancers do, and a line that can be cut."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Callable, Sequence


class Line:
    """Forwards connections, until it is cut, which ends all of them in the middle of what they carry."""

    def __init__(self, connect: Callable[[], socket.socket | None]) -> None:
        """Forward to what ``connect`` connects to; None: hang up."""
        self._connect = connect
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port: int = self._listener.getsockname()[1]
        self._ends: set[socket.socket] = set()
        self._guard = threading.Lock()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take no more connections, and end those that there are."""
        _shut(self._listener)
        self._thread.join(timeout=10)
        self.cut()

    def cut(self) -> None:
        """End all connections."""
        with self._guard:
            ends, self._ends = self._ends, set()
        for end in ends:
            _shut(end)

    def carries(self, end: socket.socket) -> bool:
        """Whether a connection has not ended."""
        with self._guard:
            return end in self._ends

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def _forward(self, client: socket.socket) -> None:
        try:
            server = self._connect()
        except OSError:
            server = None
        if server is None:
            _shut(client)
            return
        with self._guard:
            self._ends |= {client, server}
        threading.Thread(target=self._pump, args=(server, client), daemon=True).start()
        self._pump(client, server)

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with self._guard:
            self._ends -= {source, target}
        _shut(source)
        _shut(target)


class Switch(Line):
    """Forwards to whichever server's ``/readyz`` answers 200; hangs up while none does."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports = list(ports)
        super().__init__(self._connect_to_leader)
        self.url = f"http://127.0.0.1:{self.port}"

    def _connect_to_leader(self) -> socket.socket | None:
        for port in list(self._ports):
            if is_ready(port):
                server = socket.create_connection(("127.0.0.1", port), timeout=5)
                server.settimeout(None)
                threading.Thread(target=self._watch, args=(port, server), daemon=True).start()
                return server
            # The next connection begins with the others.
            self._ports.remove(port)
            self._ports.append(port)
        return None

    def _watch(self, port: int, server: socket.socket) -> None:
        """End a connection to a server that is no longer ready."""
        time.sleep(0.2)
        while self.carries(server):
            if not is_ready(port):
                _shut(server)
                return
            time.sleep(0.2)


def is_ready(port: int) -> bool:
    """Whether the server on a port says that it serves workers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _shut(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
