"""Layouts come from dot, within limits, and are kept."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from graphviz.backend import dot_command

from luigiviz.engine.views import GraphNode, GraphView
from luigiviz.graphs import (
    DotRunner,
    GraphBusyError,
    GraphError,
    GraphRenderer,
    GraphTimeoutError,
    GraphvizFailedError,
    GraphvizMissingError,
)
from luigiviz.graphs.cache import LayoutCache
from luigiviz.graphs.layout import Layout, Shape, read_layout
from tests.graphs.sample import pipeline

TWO = Shape(((200.0, 60.0), (220.0, 75.0)), ((0, 1),))


class CountingRunner(DotRunner):
    """The real thing, with a count of its runs."""

    runs = 0

    def run(self, source: str, output_format: str) -> bytes:
        """Count and run."""
        self.runs += 1
        return super().run(source, output_format)


def link(task: GraphNode) -> str | None:
    return None


def script(tmp_path: Path, body: str) -> str:
    """Write a program that stands where dot should be."""
    program = tmp_path / "dot"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    return str(program)


def empty_layout(shape: Shape) -> Layout:
    return Layout(1.0, 1.0, tuple((0.0, 0.0) for _ in shape.sizes), ())


def shape_of(nodes: int, size: float = 1.0) -> Shape:
    return Shape(tuple((size, size) for _ in range(nodes)), ())


def test_work_flows_from_left_to_right() -> None:
    layout = read_layout(TWO, DotRunner().run(TWO.source(), "json0"))
    (first, _), (second, _) = layout.centres
    assert second > first
    curve, tip = layout.curves[0]
    assert curve[0][0] == pytest.approx(first + 100, abs=1.5)
    assert tip[0] == pytest.approx(second - 110, abs=1.5)


def test_nodes_do_not_overlap() -> None:
    shape = Shape(((200.0, 60.0),) * 12, tuple((0, head) for head in range(1, 12)))
    layout = read_layout(shape, DotRunner().run(shape.source(), "json0"))
    rows = sorted(y for _, y in layout.centres[1:])
    assert all(below - above >= 60 for above, below in pairwise(rows))


def test_an_edge_that_dot_did_not_route_is_a_straight_line() -> None:
    answer = (
        b'{"bb":"0,0,500,100","objects":[{"_gvid":0,"name":"n0","pos":"100,50"},{"_gvid":1,"name":"n1","pos":"390,50"}]'
        b',"edges":[{"tail":0,"head":1}]}'
    )
    curve, tip = read_layout(TWO, answer).curves[0]
    assert curve[0] == (200.0, 50.0)
    assert tip == (280.0, 50.0)


def test_a_status_that_changes_does_not_run_dot_again() -> None:
    runner = CountingRunner()
    renderer = GraphRenderer(runner)
    view = pipeline()
    before = renderer.inline_svg(view, link)
    changed = replace(view, nodes=tuple(replace(task, status="DONE", duration=7.0) for task in view.nodes))
    after = renderer.inline_svg(changed, link)
    renderer.svg(changed, link, "")
    assert runner.runs == 1
    assert before != after
    assert 'data-status="FAILED"' not in after


def test_a_new_edge_runs_dot_again() -> None:
    runner = CountingRunner()
    renderer = GraphRenderer(runner)
    view = pipeline()
    renderer.inline_svg(view, link)
    renderer.inline_svg(replace(view, edges=view.edges[1:]), link)
    assert runner.runs == 2


def test_the_same_png_is_drawn_once() -> None:
    runner = CountingRunner()
    renderer = GraphRenderer(runner)
    assert renderer.png(pipeline()) == renderer.png(pipeline())
    assert runner.runs == 2  # the layout, for the size, and the picture


def test_the_cache_is_bounded_by_nodes_and_drops_what_was_used_longest_ago() -> None:
    computed: list[int] = []

    def compute(shape: Shape) -> Layout:
        computed.append(len(shape.sizes))
        return empty_layout(shape)

    cache = LayoutCache(compute, max_weight=100)
    for nodes in (40, 50, 40, 30):  # 30 pushes 50 out, since 40 was used again
        cache.get(shape_of(nodes))
        assert cache.weight <= 100
    cache.get(shape_of(40))
    cache.get(shape_of(50))
    assert computed == [40, 50, 30, 50]


def test_a_graph_larger_than_the_cache_is_drawn_and_not_kept() -> None:
    cache = LayoutCache(empty_layout, max_weight=10)
    assert len(cache.get(shape_of(500)).centres) == 500
    assert cache.weight == 0


def test_callers_that_want_the_same_layout_share_one_run() -> None:
    entered, leave = threading.Event(), threading.Event()
    computed: list[Shape] = []

    def compute(shape: Shape) -> Layout:
        computed.append(shape)
        entered.set()
        assert leave.wait(30)
        return empty_layout(shape)

    cache = LayoutCache(compute)
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(cache.get, TWO)
        assert entered.wait(30)
        others = [pool.submit(cache.get, TWO) for _ in range(3)]
        leave.set()
        assert all(other.result(30) is first.result(30) for other in others)
    assert computed == [TWO]


def test_a_graph_that_takes_too_long_ends_in_an_error_that_says_what_to_do() -> None:
    count = 3000
    edges = {
        ((number * 7919 + step * 104_729) % (number or 1), number) for number in range(1, count) for step in (1, 2, 3)
    }
    shape = Shape(((200.0, 60.0),) * count, tuple(sorted(edges)))
    with pytest.raises(GraphTimeoutError, match="did not finish") as caught:
        DotRunner(timeout=0.3).run(shape.source(), "json0")
    assert "fewer tasks" in caught.value.advice


def test_a_time_out_is_remembered_for_a_while_so_that_polls_do_not_repeat_it() -> None:
    now = 0.0
    attempts: list[Shape] = []

    def compute(shape: Shape) -> Layout:
        attempts.append(shape)
        raise GraphTimeoutError("too slow", "less")

    cache = LayoutCache(compute, clock=lambda: now)
    for _ in range(3):
        with pytest.raises(GraphTimeoutError, match="too slow"):
            cache.get(TWO)
    assert len(attempts) == 1
    now = 61.0
    with pytest.raises(GraphTimeoutError):
        cache.get(TWO)
    assert len(attempts) == 2


def test_no_more_processes_run_at_once_than_allowed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    gate = tmp_path / "gate"
    program = script(
        tmp_path,
        f"echo start >> {log}; n=0; while [ ! -e {gate} ] && [ $n -lt 600 ]; do n=$((n+1)); sleep 0.05; done; echo x",
    )
    runner = DotRunner(timeout=30, max_processes=2, executable=program)
    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(runner.run, "", "json0") for _ in range(2)]
        while not (log.exists() and log.read_text().count("start") == 2):
            assert not any(one.done() for one in running)
        runner.timeout = 0.01
        with pytest.raises(GraphBusyError, match="Too many graphs"):
            runner.run("", "json0")
        runner.timeout = 30
        gate.touch()
        assert [one.result(30) for one in running] == [b"x\n", b"x\n"]
    assert log.read_text().count("start") == 2
    assert runner.run("", "json0") == b"x\n"


def test_a_missing_dot_is_named_with_the_way_to_install_it() -> None:
    with pytest.raises(GraphvizMissingError, match="/nowhere/dot") as caught:
        DotRunner(executable="/nowhere/dot").run("digraph {}", "json0")
    assert "apt-get install graphviz" in caught.value.advice


def test_a_missing_dot_that_is_installed_later_is_found_without_a_restart(tmp_path: Path) -> None:
    runner = DotRunner(executable=str(tmp_path / "dot"))
    renderer = GraphRenderer(runner)
    with pytest.raises(GraphvizMissingError):
        renderer.inline_svg(pipeline(), link)
    script(tmp_path, 'exec dot "$@"')
    assert "<svg" in renderer.inline_svg(pipeline(), link)


def test_the_program_can_be_chosen_as_the_graphviz_package_does_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dot_command, "DOT_BINARY", Path(script(tmp_path, "echo chosen")))
    assert DotRunner().run("digraph {}", "json0") == b"chosen\n"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("kill -SEGV $$", "ended with code -11"),
        ("echo 'out of memory' >&2; exit 3", "out of memory"),
    ],
)
def test_a_crash_of_dot_is_told(tmp_path: Path, body: str, said: str) -> None:
    with pytest.raises(GraphvizFailedError, match=said):
        DotRunner(executable=script(tmp_path, body)).run("digraph {}", "json0")


@pytest.mark.parametrize(
    "answer", [b"", b"nonsense", b"[]", b"{}", b'{"bb":"0,0,nan,1"}', b'{"bb":"0,0,1,1","objects":[{}]}']
)
def test_an_answer_that_makes_no_sense_is_an_error_of_ours(answer: bytes) -> None:
    with pytest.raises(GraphError):
        read_layout(TWO, answer)


def test_nothing_that_a_user_wrote_reaches_the_layout() -> None:
    view = pipeline()
    sources: list[str] = []

    class Spy(DotRunner):
        def run(self, source: str, output_format: str) -> bytes:
            sources.append(source)
            return super().run(source, output_format)

    GraphRenderer(Spy()).inline_svg(GraphView("Robert", view.nodes, view.edges, truncated=False), link)
    assert len(sources) == 1
    assert "ingest" not in sources[0]
