"""What settings may be, where they may come from, and what is said about bad ones."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from luigiviz.config import Settings, SettingsError, load_settings
from luigiviz.config.table import OURS, SETTINGS
from luigiviz.engine.config import SchedulerConfig
from tests.config.conftest import Load, Write


def test_every_key_of_the_scheduler_section_can_be_set() -> None:
    keys = {setting.key for setting in SETTINGS if setting.section == "scheduler"}
    assert keys == {field.name for field in dataclasses.fields(SchedulerConfig)}


def test_keys_of_our_section_and_of_the_scheduler_do_not_collide() -> None:
    keys = [setting.key for setting in SETTINGS if setting.section in (OURS, "scheduler")]
    assert len(keys) == len(set(keys))


def test_the_defaults_of_the_table_are_those_of_empty_settings(load: Load) -> None:
    # Settings made by hand keep the state in memory.
    assert load("[luigiviz]\ndatabase_url = memory\n") == Settings()


def test_the_environment_wins_over_the_file_and_the_command_line_over_both(load: Load) -> None:
    text = "[luigiviz]\nport = 1\nthreads = 1\npoll_seconds = 1\n"
    settings = load(text, {"LUIGIVIZ_PORT": "2", "LUIGIVIZ_THREADS": "2"}, port=3, address=None)
    assert (settings.port, settings.threads, settings.poll_seconds) == (3, 2, 1.0)


def test_the_command_line_can_set_keys_of_the_scheduler(load: Load) -> None:
    settings = load("[scheduler]\nstate_path = /a\n", state_path="/b", record_task_history=True)
    assert settings.scheduler.state_path == "/b"
    assert settings.history_url is not None


def test_an_unknown_override_is_a_mistake_of_the_caller(load: Load) -> None:
    with pytest.raises(TypeError, match="prot"):
        load(prot=1)


def test_the_port_is_where_clients_look_for_it_unless_it_is_set(load: Load) -> None:
    assert load("[core]\ndefault-scheduler-port = 9001\n").port == 9001
    assert load("[core]\ndefault_scheduler_port = 9001\nscheduler_port = 9002\n").port == 9002
    assert load("[core]\nscheduler_port = 9002\n[luigiviz]\nport = 9003\n").port == 9003
    assert load("[core]\nscheduler_port = 9002\n", port=0).port == 0


def test_history_is_off_unless_luigis_switch_is_on(load: Load) -> None:
    assert load("[task_history]\ndb_connection = sqlite:////h.db\n").history_url is None


@pytest.mark.parametrize("written", ["memory", "Memory", "sqlite://", "sqlite:///:memory:"])
def test_the_state_can_be_kept_in_memory_only(load: Load, written: str) -> None:
    assert load(f"[luigiviz]\ndatabase_url = {written}\n").database_url is None


def test_the_state_goes_to_the_state_directory_unless_a_database_is_named(load: Load, tmp_path: Path) -> None:
    assert load(f"[luigiviz]\nstate_dir = {tmp_path}\n").database_url == f"sqlite:///{tmp_path}/state.db"
    assert load("[luigiviz]\ndatabase_url = postgresql://h/d\n").database_url == "postgresql://h/d"


def test_history_goes_to_the_state_directory_unless_a_database_is_named(load: Load, tmp_path: Path) -> None:
    on = "[scheduler]\nrecord_task_history = true\n"
    assert load(on, state_dir=str(tmp_path)).history_url == f"sqlite:///{tmp_path / 'history.db'}"
    assert load(on + "[task_history]\ndb_connection = postgresql://x/y\n").history_url == "postgresql://x/y"


def test_the_state_directory_is_absolute_wherever_it_is_written(load: Load, tmp_path: Path) -> None:
    assert load(state_dir="state").state_dir == tmp_path / "state"
    assert load(state_dir="~/x").state_dir == Path.home() / "x"


def test_cors_is_read_with_every_key(load: Load) -> None:
    cors = load(
        """
[cors]
enabled = True
allow_any_origin = true
allow_null_origin = true
allowed_origins = ["https://a.example", "*", "null", "https://b.example"]
max_age = 60
allowed_methods = GET
allowed_headers = X-One
exposed_headers = X-Two
allow_credentials = true
"""
    ).cors
    assert cors.allowed_origins == ("https://a.example", "https://b.example")
    assert (cors.enabled, cors.allow_any_origin, cors.allow_null_origin, cors.allow_credentials) == (True,) * 4
    assert (cors.max_age, cors.allowed_methods) == (60, "GET")
    assert (cors.allowed_headers, cors.exposed_headers) == ("X-One", "X-Two")


def test_prometheus_labels_are_read(load: Load) -> None:
    text = '[prometheus]\nuse_task_family_in_labels = false\ntask_parameters_to_use_in_labels = ["date"]\n'
    prometheus = load(text).prometheus
    assert not prometheus.use_task_family_in_labels
    assert prometheus.task_parameters_to_use_in_labels == ("date",)


@pytest.mark.parametrize(
    ("section", "line", "expected"),
    [
        ("scheduler", "retry_delay = soon", "expected a number"),
        ("scheduler", "retry_delay = nan", "expected a number"),
        ("scheduler", "retry_count = 1.5", "expected a whole number"),
        ("scheduler", "pause_enabled = yes", "expected true or false"),
        ("scheduler", "metrics_collector = statsd", "expected one of none, default, prometheus, datadog, custom"),
        ("cors", "allowed_origins = https://a.example", "expected a JSON list of strings"),
        ("cors", "allowed_origins = [1]", "expected a JSON list of strings"),
        ("resources", "gpu = many", "expected a number"),
        ("resources", "gpu = -1", "expected a number that is zero or more"),
        ("luigiviz", "port = 70000", "expected a number from 0 to 65535"),
        ("luigiviz", "threads = 0", "expected a number from 1 to 1000"),
        ("luigiviz", "poll_seconds = inf", "expected a number from 0.2 to 60"),
        ("luigiviz", "log_level = loud", "expected one of DEBUG, INFO, WARNING, ERROR, CRITICAL"),
        ("luigiviz", "state_dir =", "expected a path"),
        ("task_history", "db_connection = history.db", "expected the URL of a database"),
    ],
)
def test_a_bad_value_is_named_with_what_would_be_right(load: Load, section: str, line: str, expected: str) -> None:
    key, _, value = (part.strip() for part in line.partition("="))
    with pytest.raises(SettingsError) as caught:
        load(f"[{section}]\n{line}\n")
    error = caught.value
    assert str(error).startswith(f"luigi.cfg: [{section}] {key} = {value!r}: {expected}")
    assert (error.source, error.section, error.key, error.value) == ("luigi.cfg", section, key, value)


def test_a_bad_value_in_the_environment_is_named_by_its_variable(load: Load) -> None:
    with pytest.raises(SettingsError, match=r"^LUIGIVIZ_PORT = 'x': expected a whole number$"):
        load(environ={"LUIGIVIZ_PORT": "x"})


def test_a_value_of_the_wrong_type_in_toml_is_named(write: Write) -> None:
    write("[scheduler]\nretry_delay = true\n", "luigi.toml")
    with pytest.raises(SettingsError, match=r"retry_delay = True: expected a number"):
        load_settings(environ={"LUIGI_CONFIG_PARSER": "toml"})


def test_an_unknown_key_of_our_section_is_an_error_that_names_the_nearest_one(load: Load) -> None:
    with pytest.raises(SettingsError, match=r"\[luigiviz\] pol_seconds: there is no such setting; did you mean poll_"):
        load("[luigiviz]\npol_seconds = 3\n")


def test_an_unknown_key_of_the_scheduler_is_warned_about_once(load: Load, caplog: pytest.LogCaptureFixture) -> None:
    load("[scheduler]\nretry_delays = 3\n")
    assert caplog.text.count("retry_delays is not a setting of luigiviz") == 1
    assert "did you mean retry_delay?" in caplog.text


def test_a_misspelled_variable_is_warned_about(load: Load, caplog: pytest.LogCaptureFixture) -> None:
    load(environ={"LUIGIVIZ_POL_SECONDS": "3"})
    assert "did you mean LUIGIVIZ_POLL_SECONDS?" in caplog.text
