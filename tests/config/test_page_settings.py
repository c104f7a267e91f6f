"""The settings of what pages show: the link to logs, and the zone of times."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from luigiviz.config.values import log_template, time_zone


@pytest.mark.parametrize(
    "template",
    [
        "https://logs.example/{task_id}",
        "http://logs.example/?q={family}&h={host}&w={worker}&p={params.my-date}",
        "https://logs.example/plain",
    ],
)
def test_a_link_to_logs_names_known_fields(template: str) -> None:
    assert log_template(template) == template


@pytest.mark.parametrize(
    ("template", "complaint"),
    [
        ("https://logs.example/{task}", "there is no field {task}"),
        ("https://logs.example/{params.}", "there is no field {params.}"),
        ("https://logs.example/{task_id!r}", "there is no field"),
        ("https://logs.example/{task_id.__class__}", "there is no field"),
        ("https://logs.example/{", "with fields in braces"),
        ("javascript:alert({task_id})", "http"),
        ("//logs.example/{task_id}", "http"),
        ("https://{host}/log", "host without fields"),
    ],
)
def test_what_could_not_become_a_safe_link_is_refused(template: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=r"expected|there is no field") as refused:
        log_template(template)
    assert complaint in str(refused.value)


def test_a_time_zone_is_known_by_its_name() -> None:
    assert time_zone("Europe/Berlin") == ZoneInfo("Europe/Berlin")
    assert time_zone("") is None
    assert log_template("") is None
    for name in ("Mars/Olympus", "../etc/passwd", "/etc/localtime"):
        with pytest.raises(ValueError, match="name of a time zone"):
            time_zone(name)
