"""SVG, DOT, PNG and JSON stay whole, whatever tasks are called."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from luigiviz.engine.views import GraphNode, GraphView
from luigiviz.graphs import GraphRenderer
from luigiviz.graphs.svg import message_svg
from tests.graphs.sample import node, pipeline

SVG = "{http://www.w3.org/2000/svg}"

HOSTILE = [
    'x" onclick="alert(1)',
    "x' onload='alert(1)",
    "<script>alert(1)</script>",
    "</title></svg><img src=x onerror=alert(1)>",
    "<b>bold</b>",
    "<<table><tr><td>x</td></tr></table>>",
    "a&b;&amp;&#0;&lt;",
    "line\nbreak\r\nand\ttab",
    "nul\x00and\x1bescape\x7f",
    "lone\ud800surrogate",
    "שלום\u202eevil",
    "🎉👩\u200d👩\u200d👧",
    "back\\slash\\",
    '\\"',
    r"\N \G \l \E \T",
    "x" * 20_000,
    "javascript:alert(1)",
    "a:b:c",
    "A(b=c/d)?#é%2F",
    "]]>",
    "digraph",
    "-4.2",
    "",
]


def link(task: GraphNode) -> str | None:
    return "/tasks/x"


def hostile_graph() -> GraphView:
    nodes = [node(text or "empty", "FAILED", family=text, params={text: text, "p": text}) for text in HOSTILE]
    edges = [(nodes[0].task_id, other.task_id) for other in nodes[1:]]
    return GraphView(nodes[0].task_id, tuple(nodes), tuple(edges), truncated=False)


@pytest.fixture(scope="module")
def renderer() -> GraphRenderer:
    return GraphRenderer()


def nodes_of(document: bytes | str) -> dict[str, ElementTree.Element]:
    root = ElementTree.fromstring(document)
    return {group.get("data-task-id", ""): group for group in root.iter(f"{SVG}g") if group.get("data-task-id")}


def test_every_task_is_a_node_with_its_id_status_link_and_tooltip(renderer: GraphRenderer) -> None:
    view = pipeline()
    drawn = nodes_of(renderer.svg(view, lambda task: f"/tasks/{task.task_id}", ""))
    assert set(drawn) == {task.task_id for task in view.nodes}
    for task in view.nodes:
        group = drawn[task.task_id]
        assert group.get("data-status") == task.status
        anchor = group.find(f"{SVG}a")
        assert anchor is not None
        assert anchor.get("href") == f"/tasks/{task.task_id}"
        title = anchor.findtext(f"{SVG}title") or ""
        assert title.startswith(task.display_name)
        assert all(f"{name} = {value}" in title for name, value in task.params.items())


def test_a_hostile_name_stays_text_in_svg(renderer: GraphRenderer) -> None:
    document = renderer.svg(hostile_graph(), link, "a > b { fill: red }")
    root = ElementTree.fromstring(document)
    assert len(nodes_of(document)) == len(HOSTILE)
    allowed = {"svg", "title", "style", "rect", "g", "path", "text", "a"}
    assert {element.tag.removeprefix(SVG) for element in root.iter()} == allowed
    assert not [name for element in root.iter() for name in element.attrib if name.startswith("on")]
    assert {element.get("href") for element in root.iter(f"{SVG}a")} == {"/tasks/x"}


def test_a_hostile_name_stays_text_for_an_html_parser(renderer: GraphRenderer) -> None:
    seen: list[tuple[str, str]] = []

    class Collector(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            seen.extend((tag, name) for name, _ in attrs)

    Collector().feed(renderer.inline_svg(hostile_graph(), link))
    assert {tag for tag, _ in seen} == {"svg", "rect", "g", "path", "text", "a"}
    assert not [name for _, name in seen if name.startswith("on") or name == "style"]


def test_an_inline_drawing_has_no_style_that_a_policy_would_block(renderer: GraphRenderer) -> None:
    root = ElementTree.fromstring(renderer.inline_svg(pipeline(), link))
    assert not list(root.iter(f"{SVG}style"))
    assert not [element for element in root.iter() if "style" in element.attrib]


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", " javascript:x", "vbscript:x", None])
def test_an_address_that_is_no_page_is_not_linked(renderer: GraphRenderer, address: str | None) -> None:
    root = ElementTree.fromstring(renderer.svg(pipeline(), lambda task: address, ""))
    assert not list(root.iter(f"{SVG}a"))


def test_the_same_tasks_are_drawn_the_same_in_any_order(renderer: GraphRenderer) -> None:
    view = pipeline()
    shuffled = replace(view, nodes=tuple(reversed(view.nodes)), edges=tuple(reversed(view.edges)))
    assert renderer.svg(view, link, "") == renderer.svg(shuffled, link, "")
    assert renderer.dot(view) == renderer.dot(shuffled)


def test_a_cycle_and_a_task_that_needs_itself_are_drawn(renderer: GraphRenderer) -> None:
    view = GraphView("a", (node("a"), node("b")), (("a", "b"), ("b", "a"), ("b", "b")), truncated=False)
    root = ElementTree.fromstring(renderer.svg(view, link, ""))
    edges = [group for group in root.iter(f"{SVG}g") if group.get("class") == "edge"]
    assert len(edges) == 3


def test_an_edge_to_a_task_outside_the_graph_is_left_out(renderer: GraphRenderer) -> None:
    view = GraphView("a", (node("a"),), (("a", "elsewhere"),), truncated=False)
    assert 'class="edge"' not in renderer.inline_svg(view, link)


def test_a_single_task_is_a_graph_too(renderer: GraphRenderer) -> None:
    assert len(nodes_of(renderer.svg(GraphView("a", (node("a"),), (), truncated=False), link, ""))) == 1


def test_a_graph_that_was_cut_says_so_in_a_sentence(renderer: GraphRenderer) -> None:
    whole = replace(pipeline(), truncated=False)
    assert b"39 tasks shown, and 1 task cut off by the limit: what lies beyond is left out." in renderer.svg(
        pipeline(), link, ""
    )
    assert b"39 tasks shown. Arrows" in renderer.svg(whole, link, "")


def test_dot_itself_reads_the_dot_document_and_every_label_as_it_was_meant(renderer: GraphRenderer) -> None:
    source = renderer.dot(hostile_graph())
    done = subprocess.run(["dot", "-Tsvg"], input=source.encode(), capture_output=True, timeout=60, check=True)
    assert done.stderr == b""
    drawn = [element.text for element in ElementTree.fromstring(done.stdout).iter(f"{SVG}text")]
    for expected in ["<b>bold</b>", 'x" onclick="alert(1)', "back\\slash\\", r"\N \G \l \E \T", "a&b;&amp;&#0;&lt;"]:
        assert expected in [(line or "").replace("\xa0", " ") for line in drawn]


def test_dot_output_holds_no_addresses(renderer: GraphRenderer) -> None:
    source = renderer.dot(hostile_graph())
    assert "URL" not in source
    assert "href" not in source


def test_a_png_is_a_png(renderer: GraphRenderer) -> None:
    assert renderer.png(pipeline()).startswith(b"\x89PNG\r\n\x1a\n")


def test_a_png_of_a_huge_drawing_stays_within_bounds(renderer: GraphRenderer) -> None:
    leaves = tuple(node(f"leaf{number:03d}", params={"a": "1", "b": "2"}) for number in range(600))
    view = GraphView("root", (node("root"), *leaves), tuple(("root", leaf.task_id) for leaf in leaves), truncated=False)
    picture = renderer.png(view)
    width, height = int.from_bytes(picture[16:20], "big"), int.from_bytes(picture[20:24], "big")
    assert width * height < 30e6


def test_json_holds_ids_exactly_as_they_are(renderer: GraphRenderer) -> None:
    view = hostile_graph()
    document = json.loads(renderer.json(view, link))
    assert [one["task_id"] for one in document["nodes"]] == [task.task_id for task in view.nodes]
    assert [(edge["task"], edge["dependency"]) for edge in document["edges"]] == list(view.edges)
    assert document["root"] == view.root
    assert document["truncated"] is False


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_message_is_a_whole_svg_document(hostile: str) -> None:
    root = ElementTree.fromstring(message_svg(hostile, [hostile]))
    assert root.tag == f"{SVG}svg"
