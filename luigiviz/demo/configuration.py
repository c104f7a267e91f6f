"""The configuration files of the demo's server and workers."""

from __future__ import annotations

import datetime
from pathlib import Path


def server_config(speed: float) -> str:
    """Return the server's luigi.cfg: few resources, quick retries, history on; nothing is forgotten while it runs."""
    return f"""
[scheduler]
record_task_history = true
retry_delay = {10 / speed}
remove_delay = 86400
worker_disconnect_delay = 30

[resources]
database = 2
gpu = 1
shop_api = 2
"""


def worker_config(data: Path, site: str, speed: float, unlucky_day: datetime.date) -> str:
    """Return the workers' luigi.cfg: they write below ``data`` and talk to the server at ``site``."""
    return f"""
[core]
default-scheduler-url = {site}
no_lock = true
log_level = INFO
rpc-retry-wait = 1

[worker]
wait_interval = {max(0.05, 1 / speed)}
wait_jitter = 0
ping_interval = {max(0.2, 1 / speed)}
send_failure_email = false

[DemoSettings]
directory = {data}
speed = {speed}
site = {site}
unlucky_day = {unlucky_day.isoformat()}
"""
