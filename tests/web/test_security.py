"""What keeps other sites out: headers on every answer, and no change that another site's page asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from luigiviz.app import create_app
from luigiviz.config import CorsSettings, Settings
from luigiviz.engine.rpc import METHODS
from luigiviz.service import Service
from luigiviz.web.security import READING_METHODS
from tests.support import scene as s

CHANGE = f"/actions/forgive?task_id={s.FAILED}"


def directives(policy: str) -> dict[str, set[str]]:
    parts = (part.split() for part in policy.split(";"))
    return {name: set(values) for name, *values in parts}


@pytest.mark.usefixtures("scene")
class TestHeaders:
    @pytest.mark.parametrize(
        "url",
        [
            "/",
            "/tasks",
            f"/tasks/{s.FAILED}",
            "/workers",
            "/no/such/page",
            "/tasks?status=NONE",
            "/api/task_list",
            "/healthz",
        ],
    )
    def test_every_answer_has_the_strict_policy(self, client: FlaskClient, url: str) -> None:
        headers = client.get(url).headers
        policy = directives(headers["Content-Security-Policy"])
        assert policy["default-src"] == {"'none'"}
        for name in ("script-src", "style-src", "connect-src", "form-action"):
            assert policy[name] == {"'self'"}
        assert policy["frame-ancestors"] == {"'self'"}
        assert policy["base-uri"] == {"'none'"}
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"

    def test_pages_are_not_kept_by_caches_and_static_files_are(self, client: FlaskClient) -> None:
        assert client.get("/tasks").headers["Cache-Control"] == "no-store"
        page = client.get("/tasks").text
        sheet = page.partition('rel="stylesheet" href="')[2].partition('"')[0]
        assert "immutable" in client.get(sheet).headers["Cache-Control"]

    def test_frame_ancestors_are_as_configured(self) -> None:
        app = create_app(Settings(frame_ancestors="'self' https://wiki.example"))
        policy = app.test_client().get("/tasks").headers["Content-Security-Policy"]
        app.extensions["luigiviz"].close()
        assert directives(policy)["frame-ancestors"] == {"'self'", "https://wiki.example"}


FOREIGN = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
    {"Origin": "https://evil.example"},
    {"Origin": "http://localhost:1234"},
    {"Origin": "null"},
]
OWN = [
    {},
    {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "http://localhost"},
    # A proxy that ends TLS: the browser saw https, this server sees http.
    {"Origin": "https://localhost"},
]


@pytest.mark.usefixtures("scene")
class TestForms:
    @pytest.mark.parametrize("headers", FOREIGN, ids=str)
    def test_a_change_that_another_site_asks_for_is_refused(
        self, client: FlaskClient, service: Service, headers: dict[str, str]
    ) -> None:
        before = service.version()
        response = client.post(CHANGE, headers=headers)
        assert response.status_code == 403
        assert "another site" in response.text
        assert service.version() == before

    @pytest.mark.parametrize("headers", OWN, ids=str)
    def test_our_own_pages_and_clients_that_are_no_browsers_may_change(
        self, client: FlaskClient, headers: dict[str, str]
    ) -> None:
        assert client.post(CHANGE, headers=headers).headers["Location"] == "/tasks?notice=forgiven"

    @pytest.mark.parametrize("headers", FOREIGN, ids=str)
    def test_links_from_other_sites_work(self, client: FlaskClient, headers: dict[str, str]) -> None:
        assert client.get("/tasks", headers=headers).status_code == 200


def api(
    client: FlaskClient, method: str, headers: dict[str, str], verb: str = "POST", **arguments: object
) -> TestResponse:
    data = {"data": json.dumps(arguments)}
    if verb == "POST":
        return client.post(f"/api/{method}", data=data, headers=headers)
    return client.open(f"/api/{method}", method=verb, query_string=data, headers=headers)


class TestApi:
    @pytest.mark.parametrize("verb", ["GET", "POST", "HEAD"])
    @pytest.mark.parametrize("headers", FOREIGN, ids=str)
    def test_a_change_that_another_sites_page_asks_for_is_refused(
        self, client: FlaskClient, service: Service, headers: dict[str, str], verb: str
    ) -> None:
        answer = api(client, "pause", headers, verb)
        assert answer.status_code == 403
        assert verb == "HEAD" or (answer.json is not None and answer.json["error"]["code"] == "forbidden")
        assert not service.overview().paused

    @pytest.mark.usefixtures("scene")
    def test_every_method_that_is_not_known_to_read_only_is_refused(
        self, client: FlaskClient, service: Service
    ) -> None:
        before = service.version()
        for method in METHODS:
            answer = api(client, method, {"Sec-Fetch-Site": "cross-site"}, task_id=s.FAILED, task_str="x")
            assert (method, answer.status_code) == (method, 200 if method in READING_METHODS else 403)
        assert service.version() == before

    @pytest.mark.parametrize("verb", ["GET", "POST"])
    @pytest.mark.parametrize("headers", OWN, ids=str)
    def test_workers_curl_and_our_own_pages_may_change(
        self, client: FlaskClient, service: Service, headers: dict[str, str], verb: str
    ) -> None:
        assert api(client, "pause", headers, verb).status_code == 200
        assert service.overview().paused

    @pytest.mark.parametrize(
        ("settings", "origin", "allowed"),
        [
            (CorsSettings(enabled=True, allow_any_origin=True), "https://wiki.example", True),
            (CorsSettings(enabled=True, allowed_origins=("https://wiki.example",)), "https://wiki.example", True),
            (CorsSettings(enabled=True, allowed_origins=("https://wiki.example",)), "https://evil.example", False),
            (CorsSettings(enabled=True, allow_any_origin=True), "null", False),
            (CorsSettings(enabled=True, allow_null_origin=True), "null", True),
            (CorsSettings(enabled=False, allow_any_origin=True), "https://wiki.example", False),
        ],
    )
    def test_pages_that_cors_allows_may_change(self, settings: CorsSettings, origin: str, allowed: bool) -> None:
        app = create_app(Settings(cors=settings))
        headers = {"Sec-Fetch-Site": "cross-site", "Origin": origin}
        answer = api(app.test_client(), "pause", headers, "GET")
        assert answer.status_code == (200 if allowed else 403)
        # A link or an image of the same site comes without an Origin: nobody can tell who asks.
        assert api(app.test_client(), "pause", {"Sec-Fetch-Site": "cross-site"}, "GET").status_code == 403
        app.extensions["luigiviz"].close()


class TestLinksOut:
    def test_links_to_tracking_pages_give_nothing_away(self, client: FlaskClient, call: Callable[..., Any]) -> None:
        call("add_task", worker="w", task_id="T", family="T", tracking_url="https://cluster.example/job")
        assert 'href="https://cluster.example/job" rel="noopener noreferrer"' in client.get("/tasks/T").text
