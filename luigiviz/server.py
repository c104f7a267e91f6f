"""The HTTP server around the application: sockets, threads, limits, and a clean end."""

from __future__ import annotations

import errno
import logging
import os
import resource
import signal
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waitress import create_server, wasyncore
from waitress.channel import HTTPChannel

from luigiviz.config import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

logger = logging.getLogger(__name__)

#: A thousand workers, each with a connection for its work and one for its pings, and then some browsers.
_CONNECTIONS = 4000
#: Files that are open besides connections: databases, logs, pipes, sub-processes.
_OTHER_FILES = 200
#: Connections that wait to be accepted while the server is busy or starts.
_BACKLOG = 1024
#: A worker keeps its connection open between calls; it pings every second, so longer silence means that it is gone.
_IDLE_SECONDS = 300
#: The application answers bodies that are too large with JSON; beyond this many times the limit waitress cuts them off.
_BODY_FACTOR = 8
#: On the way out: how long running requests may take, and how long their answers may take to be sent.
_FINISH_SECONDS = 5.0
_SEND_SECONDS = 1.0


class ListenError(Exception):
    """The address, port or socket cannot be listened on."""


def open_socket(settings: Settings, unix_socket: Path | None = None) -> socket.socket:
    """Listen, on ``unix_socket`` or else on the settings' address and port.

    From then on clients that connect wait for the server to start, instead of being refused.

    Raises:
        ListenError: In one line, what is in the way.
    """
    try:
        return _open_unix(unix_socket) if unix_socket else _open_tcp(settings.address, settings.port)
    except (OSError, OverflowError) as error:
        where = unix_socket or f"{settings.address or 'all interfaces'}, port {settings.port}"
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            hint = "another program listens there" + ("" if unix_socket else "; --port chooses another port")
        else:
            hint = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise ListenError(f"cannot listen on {where}: {hint}") from error


def _open_tcp(address: str, port: int) -> socket.socket:
    if address:
        family, _, _, _, place = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(place[:2], family=family, backlog=_BACKLOG)
    if socket.has_dualstack_ipv6():
        try:
            return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=_BACKLOG)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise
            # IPv6 is compiled in but switched off.
    return socket.create_server(("", port), backlog=_BACKLOG)


def _open_unix(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.exists() and stat.S_ISSOCK(path.stat().st_mode):
            _remove_dead_socket(path)
        listener.bind(str(path))
        path.chmod(0o600)  # as luigid: its owner only
        listener.listen(_BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


def _remove_dead_socket(path: Path) -> None:
    """Remove a socket that a server left behind; one that still answers is in use."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


def describe(listener: socket.socket) -> str:
    """Where clients find the server: a URL."""
    if listener.family == socket.AF_UNIX:
        from urllib.parse import quote

        return f"http+unix://{quote(listener.getsockname(), safe='')}"
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_open_to_all(listener: socket.socket) -> bool:
    """Whether machines other than this one can connect."""
    if listener.family == socket.AF_UNIX:
        return False
    host = listener.getsockname()[0]
    return not (host.startswith("127.") or host == "::1")


class Channel(HTTPChannel):
    """A connection that the main thread leaves alone while another thread sends an answer over it.

    Waitress' own has the main thread try to send as well: it finds the other one at it, again and again, as fast as it
    can, and so keeps that very thread from going on. With four busy clients most of the server's time went into it.
    """

    _sends = False

    def write_soon(self, data: Any) -> Any:
        """Send, from a thread that answers; what cannot be sent yet is left to the main thread."""
        self._sends = True
        try:
            return super().write_soon(data)
        finally:
            self._sends = False
            if self.total_outbufs_len:
                self.server.pull_trigger()

    def writable(self) -> Any:
        """Whether the main thread has something to do; where very much is left, the other thread waits for it."""
        if self._sends and self.total_outbufs_len <= self.adj.outbuf_high_watermark:
            return False
        return super().writable()


def serve(
    app: WSGIApplication,
    settings: Settings,
    listener: socket.socket,
    ready: Callable[[], None],
    stop: threading.Event,
) -> None:
    """Serve ``app`` on ``listener``, calling ``ready`` when it does, until SIGTERM, SIGINT or ``stop``.

    Requests that are being worked on are finished and answered.
    """
    sockets: dict[int, Any] = {}
    server = create_server(
        app,
        map=sockets,
        sockets=[listener],
        threads=settings.threads,
        connection_limit=_connection_limit(),
        backlog=_BACKLOG,
        channel_timeout=_IDLE_SECONDS,
        max_request_body_size=settings.max_body_bytes * _BODY_FACTOR,
        asyncore_use_poll=True,  # select() cannot watch more than 1024 files
        clear_untrusted_proxy_headers=not settings.trusted_proxies,
        ident="luigiviz",
    )
    server.channel_class = Channel

    def end() -> None:
        stop.set()
        server.pull_trigger()

    try:
        with _signals(end):
            ready()
            while not stop.is_set():
                wasyncore.loop(timeout=1.0, use_poll=True, map=sockets, count=1)
            logger.info("Stopping")
            # Not server.close(), which also closes the pipe by which threads say that they have an answer. Who connects
            # from now on is refused, and may ask elsewhere, instead of waiting for an answer that never comes.
            wasyncore.dispatcher.close(server)
            server.task_dispatcher.shutdown(cancel_pending=True, timeout=_FINISH_SECONDS)
            _send_rest(server, sockets)
    finally:
        wasyncore.close_all(sockets)


def _send_rest(server: Any, sockets: dict[int, Any]) -> None:
    """Send what has been answered and is still in memory."""
    deadline = time.monotonic() + _SEND_SECONDS
    while time.monotonic() < deadline:
        if not any(channel.total_outbufs_len for channel in server.active_channels.values()):
            return
        wasyncore.loop(timeout=0.05, use_poll=True, map=sockets, count=1)
    logger.warning("Some answers could not be sent in time")


@contextmanager
def _signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call ``stop`` at SIGTERM and SIGINT; the second time the default action is taken, so that it ends at once."""

    def handle(number: int, _frame: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        stop()

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def exit_at_sigterm() -> None:
    """Let SIGTERM raise SystemExit, so that what waits to be written is written at exit.

    Servers such as ``waitress-serve`` leave SIGTERM's default, which ends the process on the spot. A server that
    handles the signal keeps its handler, and only the main thread can have one. A second SIGTERM ends at once.
    """
    if threading.current_thread() is not threading.main_thread():
        return

    def leave(number: int, _frame: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        raise SystemExit(0)

    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, leave)


def _connection_limit() -> int:
    """As many connections as wanted, or as the limit on open files allows after it has been raised."""
    wanted = _CONNECTIONS + _OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return _CONNECTIONS
    limit = max(soft - _OTHER_FILES, soft // 2)
    logger.warning("The limit on open files (%d) allows %d connections only; ulimit -n raises it", soft, limit)
    return limit
