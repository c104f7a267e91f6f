"""The commands that look after a database: ``import-state``, ``backup``, ``check``."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NoReturn

import click

from luigiviz.config import Settings, SettingsError, load_settings
from luigiviz.engine import Scheduler
from luigiviz.engine.invariants import InvariantError, check
from luigiviz.engine.restoring import Image, restore
from luigiviz.store.backup import back_up
from luigiviz.store.checking import Findings, look_through
from luigiviz.store.errors import LiveStateRefusedError, StoreError
from luigiviz.store.live.livestore import LiveStore
from luigiviz.store.luigid import StateFile, read_state_file

#: Exit statuses: the settings are wrong; it did not work, or something is wrong.
_BAD_SETTINGS = 2
_FAILED = 1

_A_FILE = click.Path(path_type=Path)


def database_option(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the option that names the database."""
    return click.option(
        "--database-url", help="The database of the live state. [default: that of the settings, as `serve` has them]"
    )(command)


@click.command("import-state")
@click.argument("file", type=_A_FILE)
@database_option
def import_state_command(file: Path, database_url: str | None) -> None:
    """Take over the state that luigid has written to FILE, into a database that holds no state yet.

    `serve` does it by itself when it starts on an empty database and [scheduler] state_path names such a file.
    """
    settings, url = _settings(database_url)
    try:
        state = read_state_file(file)
        with closing(LiveStore(url, lease_seconds=settings.lease_seconds)) as store:
            _write(state, file, store)
            where = store.describe()
    except StoreError as error:
        _fail(error)
    click.echo(f"Imported {file} into {where}:")
    for line in _summary(state):
        click.echo(f"  {line}")


@click.command("backup")
@click.argument("file", type=_A_FILE)
@click.option("--force", is_flag=True, help="Overwrite FILE if it is there.")
@database_option
def backup_command(file: Path, force: bool, database_url: str | None) -> None:
    """Copy the SQLite database of the live state to FILE, while the server runs or not."""
    _, url = _settings(database_url)
    try:
        size = back_up(url, file, overwrite=force)
    except StoreError as error:
        _fail(error)
    click.echo(f"{file}: {size:,} bytes")


@click.command("check")
@database_option
def check_command(database_url: str | None) -> None:
    """Look whether a database of the live state is in order; nothing is changed, and the server may run."""
    settings, url = _settings(database_url)
    try:
        findings = look_through(url)
    except StoreError as error:
        _fail(error)
    problems = findings.problems or _problems_in_engine(findings, settings)
    if problems:
        for problem in problems:
            click.echo(problem, err=True)
        _fail(f"{_many(len(problems), 'problem')}; a backup brings back what was there (`luigiviz backup` makes them)")
    dependencies = sum(len(deps) for _, deps in findings.tasks)
    click.echo(
        f"ok: {_many(len(findings.tasks), 'task')}, {_many(dependencies, 'dependency', 'dependencies')}, "
        f"{_many(len(findings.workers), 'worker')}"
    )


COMMANDS = (import_state_command, backup_command, check_command)


def _settings(database_url: str | None) -> tuple[Settings, str]:
    try:
        settings = load_settings(database_url=database_url)
    except SettingsError as error:
        _fail(error, _BAD_SETTINGS)
    if settings.database_url is None:
        _fail("the state is kept in memory only ([luigiviz] database_url); name a database by --database-url")
    return settings, settings.database_url


def _write(state: StateFile, file: Path, store: LiveStore) -> None:
    store.open()
    deadline = time.monotonic() + store.lease_seconds * 1.5
    while not store.try_to_lead():
        if time.monotonic() > deadline:
            raise LiveStateRefusedError(f"a server works on {store.describe()}: stop it, then try again")
        time.sleep(store.lease_seconds / 10)
    with store.loading() as view:
        tasks, workers = view.count_tasks(), len(view.workers())
    if tasks or workers:
        raise LiveStateRefusedError(
            f"{store.describe()} holds a state already ({_many(tasks, 'task')}, {_many(workers, 'worker')}); "
            "an import needs an empty database. Nothing is imported"
        )
    note = {"path": str(file), "at": time.time(), "tasks": len(state.tasks)}
    store.commit(state.changes({"imported": note}))


def _summary(state: StateFile) -> list[str]:
    statuses = Counter(document["status"] for document, _ in state.tasks)
    parts = ", ".join(f"{number:,} {status}" for status, number in sorted(statuses.items()))
    return [
        _many(len(state.tasks), "task") + (f": {parts}" if parts else ""),
        _many(len(state.workers), "worker"),
        f"batchers of {_many(len(state.batchers), 'worker')}",
    ]


def _problems_in_engine(findings: Findings, settings: Settings) -> list[str]:
    """Bring a scheduler back from what was found, and have its indexes recomputed."""
    scheduler = Scheduler(settings.scheduler, settings.resources, clock=time.time)
    try:
        restore(scheduler, Image(findings.tasks, findings.workers, findings.batchers, findings.values))
        check(scheduler)
    except InvariantError as error:
        return str(error).splitlines()
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        # Documents that parse, but say what no scheduler writes.
        return [f"no scheduler can be made of it: {type(error).__name__}: {error}"]
    return []


def _many(number: int, one: str, more: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else more or one + 's'}"


def _fail(message: object, status: int = _FAILED) -> NoReturn:
    click.echo(f"luigiviz: {message}", err=True)
    raise SystemExit(status)
