"""The table of all settings: section, key, parser, default. ``docs/settings.md`` documents each of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from luigiviz.config import values
from luigiviz.config.settings import CorsSettings, PrometheusSettings, Settings
from luigiviz.engine.config import SchedulerConfig

#: The section with the keys that Luigi does not know.
OURS = "luigiviz"
#: Our keys can be given in the environment too: this and the key in upper case.
ENVIRON_PREFIX = "LUIGIVIZ_"


@dataclass(frozen=True, slots=True)
class Setting:
    """One key of one section."""

    section: str
    key: str
    parse: values.Parser
    #: The value without configuration; None where it is worked out (docs/settings.md says how).
    default: object

    @property
    def environ(self) -> str | None:
        """The environment variable that overrides it; None if there is none."""
        return ENVIRON_PREFIX + self.key.upper() if self.section == OURS else None


def _section(section: str, defaults: type, parsers: Mapping[str, values.Parser]) -> list[Setting]:
    """Rows for ``parsers``, with the defaults of a settings class that has fields of the same names."""
    found: dict[str, object] = {
        field.name: None if field.default is dataclasses.MISSING else field.default
        for field in dataclasses.fields(defaults)
    }
    return [Setting(section, key, parse, found[key]) for key, parse in parsers.items()]


_PORT = values.between(values.integer, 0, 65535)

SETTINGS: tuple[Setting, ...] = (
    *_section(
        "scheduler",
        SchedulerConfig,
        {
            "retry_delay": values.number,
            "remove_delay": values.number,
            "worker_disconnect_delay": values.number,
            "state_path": values.text,
            "batch_emails": values.boolean,
            "disable_window": values.integer,
            "retry_count": values.integer,
            "disable_hard_timeout": values.integer,
            "disable_persist": values.integer,
            "max_shown_tasks": values.integer,
            "max_graph_nodes": values.integer,
            "record_task_history": values.boolean,
            "prune_on_get_work": values.boolean,
            "pause_enabled": values.boolean,
            "send_messages": values.boolean,
            "metrics_collector": values.metrics_collector,
            "metrics_custom_import": values.optional_text,
            "stable_done_cooldown_secs": values.integer,
        },
    ),
    *_section(
        "cors",
        CorsSettings,
        {
            "enabled": values.boolean,
            "allow_any_origin": values.boolean,
            "allow_null_origin": values.boolean,
            "allowed_origins": values.origins,
            "max_age": values.integer,
            "allowed_methods": values.text,
            "allowed_headers": values.text,
            "exposed_headers": values.text,
            "allow_credentials": values.boolean,
        },
    ),
    Setting("task_history", "db_connection", values.database_url, None),
    *_section(
        "prometheus",
        PrometheusSettings,
        {
            "use_task_family_in_labels": values.boolean,
            "task_parameters_to_use_in_labels": values.strings,
        },
    ),
    # [core] belongs to workers; luigid looks at these of its keys.
    Setting("core", "scheduler_port", _PORT, None),
    Setting("core", "default_scheduler_port", _PORT, None),
    Setting("core", "logging_conf_file", values.optional_path, None),
    Setting("core", "no_configure_logging", values.boolean, False),
    *_section(
        OURS,
        Settings,
        {
            "history_retention_days": values.between(values.number, 0, 100_000),
            "database_url": values.state_url,
            "durability": values.choice(("full", "normal", "relaxed")),
            "lease_seconds": values.between(values.number, 1, 3600),
            "public_url": values.text,
            "address": values.text,
            "port": _PORT,
            "threads": values.between(values.integer, 1, 1000),
            "poll_seconds": values.between(values.number, 0.2, 60),
            "max_body_bytes": values.between(values.integer, 1024),
            "state_dir": values.path,
            "trusted_proxies": values.between(values.integer, 0, 10),
            "frame_ancestors": values.text,
            "log_url": values.log_template,
            "time_zone": values.time_zone,
            "log_level": values.choice(("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"), upper=True),
        },
    ),
)
