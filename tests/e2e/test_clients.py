"""Luigi reaches the server by each of its HTTP clients, and through a Unix socket."""

from __future__ import annotations

import importlib.util
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ServerFactory
from tests.e2e.conftest import PipelineFactory
from tests.e2e.harness import SMILE, Pipeline
from tests.e2e.reference import LuigidProcess
from tests.support.server import ROOT, ServerProcess

pytestmark = pytest.mark.e2e


def test_a_worker_reaches_the_server_by_urllib(pipeline_on: PipelineFactory, tmp_path: Path) -> None:
    shadows = tmp_path / "shadows"
    shadows.mkdir()
    for name in ("requests", "requests_unixsocket"):
        (shadows / f"{name}.py").write_text("raise ImportError('hidden by a test')\n")
    pipeline = pipeline_on()
    pipeline.environ["PYTHONPATH"] = os.pathsep.join([str(shadows), *_python_path()])

    assert SMILE in pipeline.start("Diamond", "--workers", "2").wait()
    assert set(pipeline.statuses().values()) == {"DONE"}


@pytest.mark.skipif(importlib.util.find_spec("requests") is None, reason="requests is not installed")
def test_a_worker_reaches_the_server_by_requests_and_its_lasting_connections(pipeline_on: PipelineFactory) -> None:
    pipeline = pipeline_on()

    assert SMILE in pipeline.start("Diamond", "--workers", "2").wait()
    assert set(pipeline.statuses().values()) == {"DONE"}


@pytest.mark.skipif(
    importlib.util.find_spec("requests_unixsocket") is None, reason="requests-unixsocket is not installed"
)
def test_a_worker_reaches_the_server_through_a_unix_socket(unix_server: ServerProcess, tmp_path: Path) -> None:
    pipeline = Pipeline(unix_server, tmp_path / "work")

    assert unix_server.url.startswith("http+unix://%2F")
    assert SMILE in pipeline.start("Diamond").wait()
    assert pipeline.started()[0] == "Top"
    assert pipeline.started()[-1] == "Diamond"


@pytest.fixture
def unix_server(server_factory: ServerFactory, tmp_path: Path) -> Iterator[ServerProcess]:
    """A server that listens on a Unix socket only."""
    # The path of a socket may have about a hundred characters: pytest's folders are too deep.
    with tempfile.TemporaryDirectory(prefix="lv-") as folder:
        path = Path(folder) / "luigi.sock"
        if os.environ.get("LUIGIVIZ_E2E_SERVER") == "luigid":
            server: ServerProcess = LuigidProcess(tmp_path / "luigid", unix_socket=path)
        else:
            server = server_factory(args=["--unix-socket", str(path)])
        yield server
        server.stop()


def _python_path() -> list[str]:
    return [str(ROOT), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
