"""Values that are nested too deeply for a database are refused, before they have changed anything."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient


def call(client: FlaskClient, method: str, arguments: dict[str, Any]) -> Any:
    """Call an RPC method as a worker does."""
    return client.post(f"/api/{method}", data={"data": json.dumps(arguments)})


def nested(depth: int) -> Any:
    """Make lists and objects in each other."""
    value: Any = "bottom"
    for number in range(depth):
        value = {"in": value} if number % 2 else [value]
    return value


def test_what_is_nested_deeply_but_not_too_deeply_is_kept(client: FlaskClient) -> None:
    assert call(client, "add_task", {"worker": "w", "task_id": "a", "expl": nested(499)}).status_code == 200
    assert call(client, "fetch_error", {"task_id": "a"}).json["response"]["error"] == nested(499)


@pytest.mark.parametrize("depth", [500, 501, 700])
def test_what_is_nested_too_deeply_is_refused(client: FlaskClient, depth: int) -> None:
    answer = call(client, "add_task", {"worker": "w", "task_id": "a", "expl": nested(depth)})
    assert answer.status_code == 400
    assert answer.json["error"] == {"code": "bad_request", "message": "data is nested deeper than 500 times"}
    assert call(client, "task_list", {"status": "", "upstream_status": ""}).json == {"response": {}}


def test_brackets_side_by_side_or_in_texts_are_no_nesting(client: FlaskClient) -> None:
    arguments = {"worker": "w", "task_id": "a", "expl": [{}] * 2000, "params": {"text": "[{" * 2000}}
    assert call(client, "add_task", arguments).status_code == 200
