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
from luigiviz.server import ListenError, describe, is_open_to_all, open_socket, serve
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
