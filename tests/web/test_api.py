"""``/api/``: Luigi's RPC over HTTP, and what it does with garbage."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from luigiviz.app import create_app
from luigiviz.config import CorsSettings, Settings


@pytest.fixture
def client() -> Iterator[FlaskClient]:
    app = create_app(Settings(max_body_bytes=1_000_000))
    yield app.test_client()
    app.extensions["luigiviz"].close()


def _call(client: FlaskClient, method: str, **arguments: object) -> TestResponse:
    return client.post(f"/api/{method}", data={"data": json.dumps(arguments)})


def test_post_and_get_answer_the_same(client: FlaskClient) -> None:
    assert _call(client, "add_task", worker="w", task_id="A").json == {"response": None}
    by_post = _call(client, "count_pending", worker="w")
    query = urllib.parse.urlencode({"data": json.dumps({"worker": "w"})})
    by_get = client.get(f"/api/count_pending?{query}")
    assert by_post.status_code == by_get.status_code == 200
    assert by_post.json == by_get.json
    assert by_get.json is not None
    assert by_get.json["response"]["n_pending_tasks"] == 1
    assert by_get.content_type.startswith("application/json")


def test_arguments_may_be_left_out(client: FlaskClient) -> None:
    assert client.get("/api/is_paused").json == {"response": {"paused": False}}
    assert client.post("/api/worker_list").json == {"response": []}


def test_a_multipart_form_is_read_too(client: FlaskClient) -> None:
    data = {"data": json.dumps({"worker": "w"})}
    answer = client.post("/api/ping", data=data, content_type="multipart/form-data")
    assert answer.json == {"response": {"rpc_messages": []}}


def test_numbers_beyond_json_are_taken_as_luigis_clients_send_them(client: FlaskClient) -> None:
    data = '{"worker": "w", "task_family": "F", "batched_args": ["x"], "max_batch_size": Infinity}'
    assert client.post("/api/add_task_batcher", data={"data": data}).json == {"response": None}


def test_ids_with_any_character_come_back_as_they_were(client: FlaskClient) -> None:
    odd = 'A(b=c/d)?#é %2F\u202e"<script>\x00😀'
    _call(client, "add_task", worker="w", task_id=odd, family="A")
    answer = _call(client, "task_list").json
    assert answer is not None
    assert list(answer["response"]) == [odd]


def test_whole_numbers_of_any_size_come_back(client: FlaskClient) -> None:
    _call(client, "add_task", worker="w", task_id="A", family="A", priority=10**30)
    answer = _call(client, "task_list").json
    assert answer is not None
    assert answer["response"]["A"]["priority"] == 10**30


def test_options_answers_204(client: FlaskClient) -> None:
    answer = client.options("/api/task_list")
    assert (answer.status_code, answer.data) == (204, b"")


GARBAGE = [
    ("/api/ping?data=%7B", None, 400, "not JSON"),
    ("/api/ping?data=", None, 400, "not JSON"),
    ("/api/ping?data=[]", None, 400, "must be a JSON object, not list"),
    ("/api/ping?data=null", None, 400, "must be a JSON object"),
    ("/api/ping?data=%ff%fe", None, 400, "not UTF-8"),
    ("/api/ping", b"data=%ff", 400, "not UTF-8"),
    ("/api/ping", b"\xff\xfe=\x00", 400, "not UTF-8"),
    ("/api/ping", b"data=" + b"[" * 100_000, 400, "not JSON"),
    ("/api/ping", b'data={"worker": "\\ud800"}', 400, "not Unicode"),
    ("/api/ping", None, 400, "worker is missing"),
    ("/api/no_such_method", None, 404, "no method 'no_such_method'"),
    ("/api/__init__", None, 404, "no method"),
    ("/api/tasks/../ping", None, 404, "no method"),
    ("/api/ping", b"data=" + b"x" * 2_000_000, 413, "larger than 1000000 bytes"),
]


@pytest.mark.parametrize(("url", "body", "status", "message"), GARBAGE)
def test_garbage_gets_a_clear_error_as_json_and_the_server_goes_on(
    client: FlaskClient, url: str, body: bytes | None, status: int, message: str
) -> None:
    form = "application/x-www-form-urlencoded"
    answer = client.get(url) if body is None else client.post(url, data=body, content_type=form)
    assert answer.status_code == status
    assert answer.json is not None
    assert set(answer.json) == {"error"}
    assert answer.json["error"]["code"]
    assert message in answer.json["error"]["message"]
    assert _call(client, "ping", worker="w").status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"data=%7B%22worker%22%3A%22w%22%7D",
        b"data={}&data=%7B%22worker%22%3A%22w%22%7D",
        b"other=1",
        b"",
        *(body for _, body, _, _ in GARBAGE if body is not None),
    ],
    ids=lambda body: body[:20],
)
@pytest.mark.parametrize("method", ["ping", "no_such_method", "graph"])
def test_workers_and_browsers_get_the_same_answers(client: FlaskClient, method: str, body: bytes) -> None:
    # What a browser sends takes the long way through Flask.
    form, url = "application/x-www-form-urlencoded", f"/api/{method}?data=%7B%22worker%22%3A%22q%22%7D"
    short = client.post(url, data=body, content_type=form)
    long = client.post(url, data=body, content_type=form, headers={"Sec-Fetch-Site": "same-origin"})
    assert "Content-Security-Policy" in long.headers
    assert (short.status_code, short.data, short.content_type) == (long.status_code, long.data, long.content_type)
    assert short.headers["X-Content-Type-Options"] == long.headers["X-Content-Type-Options"]


def test_a_head_request_carries_out_nothing(client: FlaskClient) -> None:
    assert client.head("/api/pause").status_code == 405
    assert client.get("/api/is_paused").json == {"response": {"paused": False}}


def test_a_wrong_http_method_gets_an_error_as_json(client: FlaskClient) -> None:
    answer = client.delete("/api/ping")
    assert answer.status_code == 405
    assert answer.json is not None
    assert answer.json["error"]["code"] == "method_not_allowed"


# CORS


def _with_cors(**settings: object) -> FlaskClient:
    app = create_app(Settings(cors=CorsSettings(enabled=True, **settings)))  # type: ignore[arg-type]
    app.extensions["luigiviz"].close()
    return app.test_client()


def _preflight(client: FlaskClient, origin: str) -> dict[str, str]:
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    answer = client.options("/api/task_list", headers=headers)
    assert answer.status_code == 204
    return _cors(answer)


def _cors(answer: TestResponse) -> dict[str, str]:
    return {name: value for name, value in answer.headers if name.startswith("Access-Control-")}


def test_without_an_origin_there_is_no_cors_header() -> None:
    assert _cors(_with_cors(allow_any_origin=True).get("/api/is_paused")) == {}


def test_any_origin_is_answered_with_a_wildcard() -> None:
    client = _with_cors(allow_any_origin=True)
    answer = client.get("/api/is_paused", headers={"Origin": "https://wiki.example"})
    assert _cors(answer) == {"Access-Control-Allow-Origin": "*"}


def test_a_listed_origin_is_answered_with_itself_and_vary() -> None:
    client = _with_cors(allowed_origins=("https://wiki.example",))
    answer = client.get("/api/is_paused", headers={"Origin": "https://wiki.example"})
    assert _cors(answer) == {"Access-Control-Allow-Origin": "https://wiki.example"}
    assert "Origin" in answer.headers["Vary"]
    assert _cors(client.get("/api/is_paused", headers={"Origin": "https://evil.example"})) == {}


def test_a_preflight_carries_age_methods_and_headers_as_configured() -> None:
    client = _with_cors(
        allowed_origins=("https://wiki.example",),
        max_age=60,
        allowed_methods="GET, POST, OPTIONS",
        allowed_headers="Accept, X-Token",
        exposed_headers="X-Total",
        allow_credentials=True,
    )
    assert _preflight(client, "https://wiki.example") == {
        "Access-Control-Allow-Origin": "https://wiki.example",
        "Access-Control-Max-Age": "60",
        "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
        "Access-Control-Allow-Headers": "Accept, X-Token",
        "Access-Control-Expose-Headers": "X-Total",
        "Access-Control-Allow-Credentials": "true",
    }
    assert _preflight(client, "https://evil.example") == {}


@pytest.mark.parametrize("any_origin", [True, False])
def test_null_is_allowed_only_by_its_own_setting(any_origin: bool) -> None:
    refused = _with_cors(allow_any_origin=any_origin, allow_null_origin=False)
    assert _cors(refused.get("/api/is_paused", headers={"Origin": "null"})) == {}
    allowed = _with_cors(allow_any_origin=any_origin, allow_null_origin=True)
    answer = allowed.get("/api/is_paused", headers={"Origin": "null"})
    assert _cors(answer) == {"Access-Control-Allow-Origin": "null"}


def test_pages_have_no_cors_headers() -> None:
    client = _with_cors(allow_any_origin=True)
    assert _cors(client.get("/healthz", headers={"Origin": "https://wiki.example"})) == {}


def test_disabled_cors_adds_nothing(client: FlaskClient) -> None:
    assert _cors(client.get("/api/is_paused", headers={"Origin": "https://wiki.example"})) == {}
