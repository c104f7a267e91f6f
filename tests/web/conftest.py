"""What the tests of pages share: an application in this process, empty or with the scene in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import FileSystemBytecodeCache

from luigiviz.app import create_app
from luigiviz.config import Settings
from luigiviz.service import Service
from tests.support.html import Element, parse
from tests.support.scene import load_scene

Look = Callable[[str], Element]


def rested(poll: str) -> str:
    """The URL of a live part as if it had rested: what is dear to draw is answered 204 for a few seconds."""
    return re.sub(r"&rests=\d+", "", poll)


@pytest.fixture(scope="session")
def compiled_templates(tmp_path_factory: pytest.TempPathFactory) -> FileSystemBytecodeCache:
    """Templates as compiled by earlier tests: each application would compile them anew."""
    return FileSystemBytecodeCache(str(tmp_path_factory.mktemp("templates")))


@pytest.fixture
def app(tmp_path: Path, compiled_templates: FileSystemBytecodeCache) -> Iterator[Flask]:
    """An application without tasks."""
    app = create_app(Settings(state_dir=tmp_path))
    app.jinja_env.bytecode_cache = compiled_templates
    yield app
    app.extensions["luigiviz"].close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def service(app: Flask) -> Service:
    service: Service = app.extensions["luigiviz"].service
    return service


@pytest.fixture
def call(service: Service) -> Callable[..., Any]:
    """``call(method, **arguments)``: an RPC call."""
    return lambda method, **arguments: service.call(method, arguments)


@pytest.fixture
def scene(call: Callable[..., Any]) -> None:
    """One of everything."""
    load_scene(call)


@pytest.fixture
def look(client: FlaskClient) -> Look:
    """``look(url)``: the page there, which must exist, parsed."""

    def page(url: str) -> Element:
        response = client.get(url)
        assert response.status_code == 200, f"{url[:200]}: {response.status_code}"
        return parse(response.text)

    return page
