"""A small TCP switch, as a load balancer is one: it connects to the first server that says that it is ready."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Sequence


class Switch:
    """Forwards connections to whichever server's ``/readyz`` answers 200; drops them while none does."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports = list(ports)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._sockets: set[socket.socket] = set()
        self._guard = threading.Lock()
        self._closed = False
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Stop, and cut all connections."""
        self._closed = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """Cut all connections in the middle of whatever they carry."""
        with self._guard:
            for end in self._sockets:
                _shut(end)
            self._sockets.clear()

    def _accept(self) -> None:
        while not self._closed:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def _forward(self, client: socket.socket) -> None:
        port = next((port for port in self._ports if is_ready(port)), None)
        try:
            server = None if port is None else socket.create_connection(("127.0.0.1", port), timeout=2)
        except OSError:
            server = None
        if server is None:
            _shut(client)
            return
        server.settimeout(None)
        with self._guard:
            self._sockets |= {client, server}
        threading.Thread(target=self._pump, args=(server, client), daemon=True).start()
        watch = threading.Thread(target=self._watch, args=(port, client, server), daemon=True)
        watch.start()
        self._pump(client, server)

    def _watch(self, port: int, client: socket.socket, server: socket.socket) -> None:
        """End connections to a server that is no longer ready, as load balancers do."""
        while client in self._sockets:
            if not is_ready(port):
                break
            time.sleep(0.2)
        self._end(client, server)

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        self._end(source, target)

    def _end(self, *ends: socket.socket) -> None:
        with self._guard:
            for end in ends:
                self._sockets.discard(end)
                _shut(end)


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
