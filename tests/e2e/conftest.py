"""What the end-to-end tests share. ``LUIGIVIZ_E2E_SERVER=luigid`` runs them against luigid, to check the tests."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import ServerFactory
from tests.e2e.harness import Pipeline
from tests.e2e.reference import LuigidProcess

PipelineFactory = Callable[..., Pipeline]


@pytest.fixture
def pipeline_on(tmp_path: Path, server_factory: ServerFactory) -> Iterator[PipelineFactory]:
    """Start a server with a given ``[scheduler]`` section (and more); give back a pipeline on it, with no workers."""
    pipelines: list[Pipeline] = []
    references: list[LuigidProcess] = []

    def start(config: str = "") -> Pipeline:
        text = f"[scheduler]\n{config}"
        if os.environ.get("LUIGIVIZ_E2E_SERVER") == "luigid":
            server = LuigidProcess(tmp_path / "luigid", text)
            references.append(server)
            pipelines.append(Pipeline(server, tmp_path / "work"))
        else:
            pipelines.append(Pipeline(server_factory(text), tmp_path / "work"))
        return pipelines[-1]

    yield start
    for pipeline in pipelines:
        pipeline.end()
    for reference in references:
        reference.stop()
