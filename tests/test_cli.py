"""The command: how it starts, what it says, and how it ends. Each test runs the real thing."""

from __future__ import annotations

import http.client
import json
import os
import re
import resource
import signal
import socket
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from luigiviz import __version__
from tests.conftest import ServerFactory
from tests.support.polling import wait_for
from tests.support.server import server_environ


def luigiviz(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end in ``folder``."""
    return subprocess.run(
        [sys.executable, "-m", "luigiviz", *args],
        cwd=folder,
        env=server_environ(folder),
        capture_output=True,
        text=True,
        timeout=60,
    )


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=30)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(str(self._path))


def status_over(path: Path) -> int | None:
    """The status of ``HEAD /`` over a Unix socket; None while nobody listens there."""
    connection = UnixConnection(path)
    try:
        connection.request("HEAD", "/")
        return connection.getresponse().status
    except (FileNotFoundError, ConnectionError):
        return None
    finally:
        connection.close()


@contextmanager
def running(folder: Path, *args: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a Python module with its output in ``folder / "out"``; it is killed in the end if it still runs."""
    with (folder / "out").open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", *args],
            cwd=folder,
            env=server_environ(folder),
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def test_the_version_is_shown(tmp_path: Path) -> None:
    assert luigiviz(tmp_path, "--version").stdout == f"luigiviz {__version__}\n"


def test_the_engine_can_be_imported_without_flask(tmp_path: Path) -> None:
    script = "import sys, luigiviz.engine.config; sys.exit('flask' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], env=server_environ(tmp_path)).returncode == 0


def test_a_bad_setting_ends_the_start_with_one_line_and_status_2(tmp_path: Path) -> None:
    (tmp_path / "luigi.cfg").write_text("[scheduler]\nretry_delay = soon\n", encoding="utf-8")
    done = luigiviz(tmp_path, "serve", "--port", "0")
    assert done.returncode == 2
    assert done.stderr == "luigiviz: luigi.cfg: [scheduler] retry_delay = 'soon': expected a number\n"


def test_a_bad_logging_file_ends_the_start_with_one_line_and_status_2(tmp_path: Path) -> None:
    (tmp_path / "luigi.cfg").write_text("[core]\nlogging_conf_file = gone.ini\n", encoding="utf-8")
    done = luigiviz(tmp_path, "serve", "--port", "0")
    assert done.returncode == 2
    assert "[core] logging_conf_file: expected a configuration file" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_that_cannot_be_used_ends_the_start_with_one_line(tmp_path: Path) -> None:
    text = "[scheduler]\nrecord_task_history = true\n[task_history]\ndb_connection = nosuch://x/y\n"
    (tmp_path / "luigi.cfg").write_text(text, encoding="utf-8")
    done = luigiviz(tmp_path, "serve", "--address", "127.0.0.1", "--port", "0")
    assert done.returncode == 1
    assert done.stderr.startswith("luigiviz: [task_history] db_connection: ")
    assert done.stderr.count("\n") == 1


def test_a_port_in_use_ends_the_start_with_one_line_and_status_1(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = luigiviz(tmp_path, "serve", "--address", "127.0.0.1", "--port", str(port))
    assert done.returncode == 1
    expected = f"luigiviz: cannot listen on 127.0.0.1, port {port}: another program listens there"
    assert done.stderr == f"{expected}; --port chooses another port\n"


def test_a_server_says_where_it_listens_and_answers_there(server_factory: ServerFactory) -> None:
    server = server_factory()
    assert f"luigiviz {__version__} serving on {server.url}\n" in server.output
    assert server.request("/", method="HEAD").status == 204


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_cleanly(server_factory: ServerFactory, number: signal.Signals) -> None:
    server = server_factory("[scheduler]\nrecord_task_history = true\n")
    server.rpc("add_task", worker="w", task_id="A", family="A", params={}, status="DONE")
    server.process.send_signal(number)
    assert server.process.wait(timeout=30) == 0
    assert "Traceback" not in server.output


def test_a_server_on_this_machine_only_says_nothing_about_its_neighbours(server_factory: ServerFactory) -> None:
    assert "Every machine" not in server_factory().output


def test_a_server_on_all_interfaces_warns_that_everybody_can_use_it(tmp_path: Path) -> None:
    with running(tmp_path, "luigiviz", "serve", "--port", "0"):
        output = wait_for(
            lambda: text if "serving on" in (text := (tmp_path / "out").read_text()) else None, "the server"
        )
    assert "Every machine that can reach this one can use the scheduler" in output


def test_waitress_can_serve_the_application_by_its_name(tmp_path: Path) -> None:
    def found_url() -> str | None:
        found = re.search(r"Serving on (http://\S+)", (tmp_path / "out").read_text())
        return found[1] if found else None

    with running(tmp_path, "waitress", "--listen=127.0.0.1:0", "--call", "luigiviz:create_app"):
        url = wait_for(found_url, "waitress to say where it listens")
        with urllib.request.urlopen(f"{url}/api/task_list", timeout=30) as answer:
            assert json.load(answer) == {"response": {}}


def test_a_unix_socket_serves_its_owner_and_is_removed_in_the_end(tmp_path: Path) -> None:
    path = tmp_path / "luigi.sock"
    with running(tmp_path, "luigiviz", "serve", "--unix-socket", str(path)) as process:
        assert wait_for(lambda: status_over(path), "an answer over the socket") == 204
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        process.terminate()
        assert process.wait(timeout=30) == 0
    assert not path.exists()


def test_a_unix_socket_that_was_left_behind_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "luigi.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
        left.bind(str(path))
    with running(tmp_path, "luigiviz", "serve", "--unix-socket", str(path)):
        assert wait_for(lambda: status_over(path), "an answer over the socket") == 204


def test_a_unix_socket_that_is_in_use_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "luigi.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as used:
        used.bind(str(path))
        used.listen()
        done = luigiviz(tmp_path, "serve", "--unix-socket", str(path))
    assert done.returncode == 1
    assert done.stderr == f"luigiviz: cannot listen on {path}: another program listens there\n"
    assert path.exists()


def test_a_pid_file_is_there_while_the_server_runs(server_factory: ServerFactory, tmp_path: Path) -> None:
    file = tmp_path / "run" / "luigiviz.pid"
    server = server_factory(args=["--pidfile", str(file)])
    assert int(file.read_text()) == server.process.pid
    server.stop()
    assert not file.exists()


def test_a_second_server_on_the_same_pid_file_does_not_start(server_factory: ServerFactory, tmp_path: Path) -> None:
    file = tmp_path / "luigiviz.pid"
    server = server_factory(args=["--pidfile", str(file)])
    done = luigiviz(tmp_path, "serve", "--port", "0", "--pidfile", str(file))
    assert done.returncode == 1
    assert done.stderr == f"luigiviz: already running: process {server.process.pid} holds {file}\n"


def test_logs_go_into_the_log_folder(server_factory: ServerFactory, tmp_path: Path) -> None:
    server = server_factory(args=["--logdir", str(tmp_path / "logs")])
    server.stop()
    assert "Stopping" in (tmp_path / "logs" / "luigi-server.log").read_text()
    assert "Stopping" not in server.output


def test_a_server_in_the_background_is_ready_when_the_command_returns(tmp_path: Path) -> None:
    path, file, logs = tmp_path / "luigi.sock", tmp_path / "luigiviz.pid", tmp_path / "logs"
    options = ["--unix-socket", str(path), "--pidfile", str(file), "--logdir", str(logs), "--background"]
    started = luigiviz(tmp_path, "serve", *options)
    assert (started.returncode, started.stderr) == (0, "")
    pid = int(file.read_text())
    try:
        assert status_over(path) == 204
    finally:
        os.kill(pid, signal.SIGTERM)
    wait_for(lambda: not file.exists(), "the server to end")
    assert "serving on http+unix://" in (logs / "luigi-server.out").read_text()


def test_a_start_in_the_background_that_fails_is_reported_to_the_terminal(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = luigiviz(
            tmp_path, "serve", "--address", "127.0.0.1", "--port", port, "--logdir", str(tmp_path), "--background"
        )
    assert done.returncode == 1
    assert "another program listens there" in done.stderr


def test_a_thousand_idle_connections_leave_room_for_more(server_factory: ServerFactory) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 4096:
        pytest.skip(f"this machine allows {hard} open files only")
    server = server_factory()
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4096), hard))
    try:
        with ExitStack() as connections:
            for _ in range(1100):
                connections.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            assert server.request("/", method="HEAD").status == 204
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
