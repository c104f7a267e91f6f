"""The ``luigiviz`` command."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NoReturn

import click

from luigiviz import __version__, commands, create_app
from luigiviz.config import Settings, SettingsError, load_settings
from luigiviz.daemon import PidFileError, detach, pid_file
from luigiviz.logs import configure_logging, log_to_stderr
from luigiviz.server import ListenError, describe, is_open_to_all, open_socket, serve
from luigiviz.store.errors import StoreError

logger = logging.getLogger(__name__)

#: Where luigid logs in the background, unless it is told otherwise.
_DAEMON_LOGDIR = Path("/var/log/luigi")
#: Exit statuses: the configuration is wrong; the start failed.
_BAD_SETTINGS = 2
_NOT_STARTED = 1

_A_PATH = click.Path(path_type=Path)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="luigiviz %(version)s")
def main() -> None:
    """A central scheduler and web UI for Luigi pipelines."""


@main.command("serve")
@click.option("--address", help="The interface to listen on. [default: all of them, as luigid]")
@click.option("--port", type=click.IntRange(0, 65535), help="The port to listen on; 0: any free one. [default: 8082]")
@click.option("--unix-socket", type=_A_PATH, help="Listen on this Unix socket, and on no port.")
@click.option("--threads", type=click.IntRange(1, 1000), help="How many requests are worked on at once. [default: 16]")
@click.option("--history/--no-history", default=None, help="Record runs in the history database, or do not.")
@click.option("--database-url", help="The database of the live state. [default: an SQLite file in the state directory]")
@click.option("--state-path", help="luigid's state file: [scheduler] state_path.")
@click.option("--pidfile", type=_A_PATH, help="Write the process id to this file, and hold it while running.")
@click.option("--logdir", type=_A_PATH, help="Log into a file in this folder instead of to standard error.")
@click.option("--background", is_flag=True, help=f"Go to the background; logs go to {_DAEMON_LOGDIR} or --logdir.")
def serve_command(
    address: str | None,
    port: int | None,
    unix_socket: Path | None,
    threads: int | None,
    history: bool | None,
    database_url: str | None,
    state_path: str | None,
    pidfile: Path | None,
    logdir: Path | None,
    background: bool,
) -> None:
    """Run the scheduler and its pages, until SIGTERM or Ctrl-C.

    Settings come from the files that luigid reads (luigi.cfg, luigi.toml), LUIGIVIZ_... variables, and these options.
    """
    log_to_stderr()  # for what is said about the settings themselves
    try:
        settings = load_settings(
            address=address,
            port=port,
            threads=threads,
            record_task_history=history,
            database_url=database_url,
            state_path=state_path,
        )
    except SettingsError as error:
        _fail(error, _BAD_SETTINGS)
    ready: Callable[[], None] | None = None
    if background:
        logdir = logdir or _DAEMON_LOGDIR
        try:
            ready = detach(logdir / "luigi-server.out")
        except OSError as error:
            _fail(f"cannot write to {logdir}: {error.strerror}", _NOT_STARTED)
    try:
        _serve(settings, unix_socket, pidfile, logdir, ready)
    except SettingsError as error:
        _fail(error, _BAD_SETTINGS)
    except (ListenError, PidFileError) as error:
        _fail(error, _NOT_STARTED)


@main.command("demo")
@click.option("--address", default="127.0.0.1", show_default=True, help="The interface to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8082, show_default=True, help="0: any free port.")
@click.option("--speed", type=click.FloatRange(min=0.01), default=1.0, show_default=True, help="2: twice as fast.")
@click.option("--workers", type=click.IntRange(min=1), default=2, show_default=True, help="Processes of each worker.")
@click.option("--days", type=click.IntRange(min=1), default=5, show_default=True, help="Days that the pipeline covers.")
@click.option("--exit-when-done", is_flag=True, help="End with the pipeline, instead of staying for a look around.")
def demo_command(address: str, port: int, speed: float, workers: int, days: int, exit_when_done: bool) -> None:
    """Run the scheduler together with real Luigi workers and a pipeline to watch, until Ctrl-C."""
    from luigiviz.demo import run

    raise SystemExit(run(address, port, speed, workers, days=days, exit_when_done=exit_when_done))


for command in commands.COMMANDS:
    main.add_command(command)


def _serve(
    settings: Settings,
    unix_socket: Path | None,
    pidfile: Path | None,
    logdir: Path | None,
    ready: Callable[[], None] | None,
) -> None:
    with ExitStack() as cleanup:
        try:
            configure_logging(settings, logdir)
        except OSError as error:
            _fail(f"cannot log into {logdir}: {error.strerror}", _NOT_STARTED)
        cleanup.enter_context(pid_file(pidfile))
        listener = cleanup.enter_context(open_socket(settings, unix_socket))
        if unix_socket:
            cleanup.callback(unix_socket.unlink, missing_ok=True)
        try:
            app = create_app(settings)
        except StoreError as error:
            _fail(error, _NOT_STARTED)
        extension: Any = app.extensions["luigiviz"]
        cleanup.callback(extension.close)
        if is_open_to_all(listener):
            logger.warning(
                "Every machine that can reach this one can use the scheduler; --address 127.0.0.1 keeps it to itself"
            )

        def announce() -> None:
            click.echo(f"luigiviz {__version__} serving on {describe(listener)}")
            if ready:
                ready()

        serve(app, settings, listener, announce, threading.Event())


def _fail(message: object, status: int) -> NoReturn:
    """End with one line on standard error and no traceback."""
    click.echo(f"luigiviz: {message}", err=True)
    raise SystemExit(status)
