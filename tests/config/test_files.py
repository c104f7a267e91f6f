"""Which files are read, and how their syntax is understood: as Luigi does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from luigiviz.config import SettingsError, load_settings
from tests.config.conftest import Load, Write
from tests.support.server import server_environ


def test_without_any_file_the_defaults_are_luigids(load: Load) -> None:
    settings = load()
    assert (settings.address, settings.port) == ("", 8082)
    assert settings.scheduler.retry_delay == 900
    assert settings.history_url is None
    assert not settings.cors.enabled


def test_luigi_cfg_wins_over_client_cfg(write: Write) -> None:
    write("[scheduler]\nretry_delay = 1\nremove_delay = 1\n", "client.cfg")
    write("[scheduler]\nretry_delay = 2\n", "luigi.cfg")
    scheduler = load_settings(environ={}).scheduler
    assert (scheduler.retry_delay, scheduler.remove_delay) == (2, 1)


def test_the_file_that_luigi_config_path_names_wins_over_all(write: Write) -> None:
    write("[scheduler]\nretry_delay = 2\n")
    other = write("[scheduler]\nretry_delay = 3\n", "other.cfg")
    assert load_settings(environ={"LUIGI_CONFIG_PATH": str(other)}).scheduler.retry_delay == 3


def test_a_config_path_that_does_not_exist_is_only_warned_about(write: Write, caplog: pytest.LogCaptureFixture) -> None:
    write("[scheduler]\nretry_delay = 2\n")
    assert load_settings(environ={"LUIGI_CONFIG_PATH": "gone.cfg"}).scheduler.retry_delay == 2
    assert "gone.cfg: no such file" in caplog.text


def test_toml_files_are_read_where_the_parser_is_toml(write: Write) -> None:
    write("[scheduler]\nretry_delay = 2\n")
    write(
        """
        [scheduler]
        retry-delay = 3.5
        record_task_history = true
        metrics_collector = "prometheus"
        [resources]
        gpu = 2
        [cors]
        allowed_origins = ["https://a.example"]
        """,
        "luigi.toml",
    )
    settings = load_settings(environ={"LUIGI_CONFIG_PARSER": "toml"})
    assert settings.scheduler.retry_delay == 3.5
    assert settings.scheduler.metrics_collector == "prometheus"
    assert settings.history_url is not None
    assert settings.resources == {"gpu": 2}
    assert settings.cors.allowed_origins == ("https://a.example",)


def test_a_toml_file_is_passed_over_with_a_warning_where_the_parser_is_cfg(
    write: Write, caplog: pytest.LogCaptureFixture
) -> None:
    other = write("[scheduler]\nretry_delay = 3\n", "other.toml")
    assert load_settings(environ={"LUIGI_CONFIG_PATH": str(other)}).scheduler.retry_delay == 900
    assert "set LUIGI_CONFIG_PARSER=toml" in caplog.text


def test_an_unknown_parser_is_warned_about_and_cfg_files_are_read(
    write: Write, caplog: pytest.LogCaptureFixture
) -> None:
    write("[scheduler]\nretry_delay = 2\n")
    assert load_settings(environ={"LUIGI_CONFIG_PARSER": "yaml"}).scheduler.retry_delay == 2
    assert "LUIGI_CONFIG_PARSER=yaml" in caplog.text


def test_files_that_are_named_are_read_in_place_of_luigis(write: Write) -> None:
    write("[scheduler]\nretry_delay = 2\n")
    other = write("[scheduler]\nremove_delay = 3\n", "other.cfg")
    scheduler = load_settings(files=[other], environ={}).scheduler
    assert (scheduler.retry_delay, scheduler.remove_delay) == (900, 3)


def test_keys_may_be_written_with_dashes_and_underscores_win(load: Load) -> None:
    scheduler = load("[scheduler]\nretry_delay = 1\nretry-delay = 2\nremove-delay = 3\n").scheduler
    assert (scheduler.retry_delay, scheduler.remove_delay) == (1, 3)


def test_environment_variables_and_other_keys_are_put_into_values(load: Load) -> None:
    text = "[task_history]\nuser = me\ndb_connection = sqlite:////srv/%(user)s/${PLACE}/100%%.db\n"
    text += "[scheduler]\nrecord_task_history = true\n"
    assert load(text, {"PLACE": "here"}).history_url == "sqlite:////srv/me/here/100%.db"


def test_a_default_section_lends_its_keys_but_is_no_resource(load: Load) -> None:
    settings = load("[DEFAULT]\nretry_delay = 7\nhome = x\n[scheduler]\n[resources]\ngpu = 1\n[luigiviz]\n")
    assert settings.scheduler.retry_delay == 7
    assert settings.resources == {"gpu": 1}


def test_resources_keep_the_spelling_of_their_names(load: Load) -> None:
    assert load("[resources]\nGPU-big = 2\nsome_db = 0\n").resources == {"GPU-big": 2, "some_db": 0}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("retry_delay = 1\n", "not a valid INI file"),
        ("[scheduler]\nretry_delay = 1\nretry_delay = 2\n", "not a valid INI file"),
        ("[scheduler]\nretry_delay = ${NOPE}\n", "the environment variable NOPE is not set"),
        ("[scheduler]\nstate_path = /50%/x\n", "a percent sign is written %%"),
    ],
)
def test_what_cannot_be_read_is_named_in_one_line(load: Load, text: str, expected: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(text)
    assert str(caught.value).startswith("luigi.cfg: ")
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_utf_8_is_named(write: Write) -> None:
    write("").write_bytes(b"[scheduler]\nstate_path = \xff\n")
    with pytest.raises(SettingsError, match=r"luigi\.cfg: cannot be read: it is not UTF-8"):
        load_settings(environ={})


def test_malformed_toml_is_named(write: Write) -> None:
    write("[scheduler\n", "luigi.toml")
    with pytest.raises(SettingsError, match=r"luigi\.toml: not a valid TOML file"):
        load_settings(environ={"LUIGI_CONFIG_PARSER": "toml"})


def test_trouble_in_sections_of_workers_is_none_of_ours(load: Load) -> None:
    load("[email]\nsender = ${NOPE}\n[MyTask]\nx = 50%\n[core]\nlocal_scheduler = maybe\n")


def test_luigi_itself_reads_the_same_values(write: Write, tmp_path: Path) -> None:
    write(
        """
        [DEFAULT]
        days = 2
        [scheduler]
        retry-delay = 12.5
        remove_delay = ${REMOVE}
        disable_persist = %(days)s0
        retry_count = 3
        prune_on_get_work = TRUE
        pause_enabled = False
        state_path = /var/100%%/x
        metrics_collector = default
        [cors]
        enabled = true
        allowed_origins = ["https://a.example", "*", "null"]
        """.replace("        ", "")
    )
    script = """if True:
        import json
        from luigi.scheduler import scheduler
        from luigi.server import cors
        found = scheduler().to_str_params() | {"origins": sorted(cors().allowed_origins)}
        print(json.dumps(found))
    """
    environ = server_environ(tmp_path, {"REMOVE": "77"})
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=environ, capture_output=True, check=True)
    theirs = json.loads(done.stdout)
    settings = load_settings(environ=environ)
    for key in ("retry_delay", "remove_delay", "disable_persist", "retry_count", "state_path"):
        assert theirs[key] == str(getattr(settings.scheduler, key))
    for key in ("prune_on_get_work", "pause_enabled", "send_messages"):
        assert theirs[key] == str(getattr(settings.scheduler, key))
    assert theirs["origins"] == sorted(settings.cors.allowed_origins)
