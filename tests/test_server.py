"""The HTTP server around an application: sockets, and answers that are finished before the end."""

from __future__ import annotations

import socket
import threading
import urllib.request
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from luigiviz.config import Settings
from luigiviz.server import Channel, ListenError, describe, is_open_to_all, open_socket, serve
from tests.support.polling import wait_for


def test_an_empty_address_listens_for_ipv4_on_all_interfaces() -> None:
    with open_socket(Settings(address="", port=0)) as listener:
        url = describe(listener)
        port = listener.getsockname()[1]
        assert url == f"http://127.0.0.1:{port}"
        assert is_open_to_all(listener)
        socket.create_connection(("127.0.0.1", port)).close()


def test_a_loopback_address_is_closed_to_other_machines() -> None:
    with open_socket(Settings(address="127.0.0.1", port=0)) as listener:
        assert not is_open_to_all(listener)
    with open_socket(Settings(address="localhost", port=0)) as listener:
        assert not is_open_to_all(listener)


def test_an_address_of_another_machine_cannot_be_listened_on() -> None:
    with pytest.raises(ListenError, match=r"^cannot listen on 192\.0\.2\.1, port 0: "):
        open_socket(Settings(address="192.0.2.1", port=0))


def test_a_file_in_the_place_of_a_unix_socket_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "luigi.sock"
    file.write_text("precious")
    with pytest.raises(ListenError, match="another program listens there"):
        open_socket(Settings(), file)
    assert file.read_text() == "precious"


def test_a_request_that_is_being_worked_on_is_answered_before_the_end_and_nobody_else_is_let_in() -> None:
    listener = open_socket(Settings(address="127.0.0.1", port=0))
    url, place = describe(listener), listener.getsockname()
    stop, arrived = threading.Event(), threading.Event()

    def app(_environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        arrived.set()
        assert stop.wait(30)
        wait_for(lambda: is_refused(place), "connections to be refused")
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"x" * 3_000_000]

    answers: list[bytes] = []

    def ask() -> None:
        with urllib.request.urlopen(url, timeout=60) as answer:
            answers.append(answer.read())

    def end() -> None:
        assert arrived.wait(30)
        stop.set()

    threads = [threading.Thread(target=ask), threading.Thread(target=end)]

    def start() -> None:
        for thread in threads:
            thread.start()

    serve(app, Settings(), listener, start, stop)
    for thread in threads:
        thread.join()
    assert len(answers[0]) == 3_000_000


def is_refused(place: tuple[str, int]) -> bool:
    """Whether nobody listens there."""
    try:
        socket.create_connection(place).close()
    except ConnectionRefusedError:
        return True
    return False


def serve_for(app: Callable[..., Iterable[bytes]], use: Callable[[str], None]) -> None:
    """Serve an application while a thread uses it, given its URL."""
    listener = open_socket(Settings(address="127.0.0.1", port=0))
    url, stop = describe(listener), threading.Event()
    broken: list[BaseException] = []

    def run() -> None:
        try:
            use(url)
        except BaseException as error:
            broken.append(error)
        finally:
            stop.set()

    user = threading.Thread(target=run)
    serve(app, Settings(), listener, user.start, stop)
    user.join(timeout=30)
    if broken:
        raise broken[0]


def test_the_main_thread_has_nothing_to_do_while_another_sends_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    sends: list[tuple[bool, bool]] = []
    send = Channel.send

    def watched(channel: Channel, data: bytes, do_close: bool = True) -> int:
        sends.append((threading.current_thread() is threading.main_thread(), bool(channel.writable())))
        sent: int = send(channel, data, do_close)
        return sent

    monkeypatch.setattr(Channel, "send", watched)

    def app(_environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"answer"]

    def use(url: str) -> None:
        for _ in range(5):
            with urllib.request.urlopen(url, timeout=30) as answer:
                assert answer.read() == b"answer"

    serve_for(app, use)
    assert len(sends) >= 5
    assert set(sends) == {(False, False)}


@pytest.mark.parametrize("megabytes", [3, 40])
def test_a_client_that_reads_late_gets_all_of_a_long_answer(megabytes: int) -> None:
    """Beyond 16 MB the application waits until the main thread has sent some."""
    begun = threading.Event()

    def app(_environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Length", str(megabytes << 20))])
        for number in range(megabytes):
            if number == 2:
                begun.set()
            yield bytes([number]) * (1 << 20)

    def use(url: str) -> None:
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=30) as client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert begun.wait(30)
            received = b"".join(iter(lambda: client.recv(1 << 20), b""))
        body = received.partition(b"\r\n\r\n")[2]
        assert body == b"".join(bytes([number]) * (1 << 20) for number in range(megabytes))

    serve_for(app, use)
