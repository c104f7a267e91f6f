"""Dependency graphs: choosing a task, the page around it, and the bare documents."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import floor
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, abort, current_app, jsonify, redirect, render_template, request, url_for
from flask.blueprints import BlueprintSetupState
from markupsafe import Markup
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as BaseResponse

from luigiviz.engine.statuses import BATCH_RUNNING, FAILED, RUNNING, TRUNCATED
from luigiviz.engine.views import GraphNode, GraphView, TaskQuery
from luigiviz.graphs import GraphError, GraphRenderer
from luigiviz.graphs.drawing import element_id, extent
from luigiviz.graphs.labels import short_name
from luigiviz.graphs.palette import LEGEND_ORDER
from luigiviz.graphs.svg import message_svg
from luigiviz.web.current import get_service
from luigiviz.web.embedding import SVG_TYPE, picture, revalidated
from luigiviz.web.layout import current_overview
from luigiviz.web.live import CALM_PERIOD, RUNNING_PERIOD, fragment, is_unchanged
from luigiviz.web.urls import graph_url, task_url

bp = Blueprint("graph", __name__)

#: How many tasks a graph shows, and the most that one may ask for.
DEFAULT_NODES = 300
MOST_NODES = 2000

_MEDIA_TYPES = {
    ".svg": SVG_TYPE,
    ".png": "image/png",
    ".dot": "text/vnd.graphviz",
    ".json": "application/json",
}
_RETRY_SECONDS = 30
_LISTED = 100


@dataclass(frozen=True, slots=True)
class Options:
    """What part of the graph to show; all of it is in the URL."""

    hide_done: bool = False
    downstream: bool = False
    max_nodes: int = DEFAULT_NODES

    @classmethod
    def read(cls, args: MultiDict[str, str]) -> Options:
        """Take the options from a query string; what makes no sense is as if it were not there."""
        wanted = args.get("max_nodes", DEFAULT_NODES, type=int)
        return cls(
            hide_done=args.get("hide_done") in ("1", "on", "true"),
            downstream=args.get("direction") == "downstream",
            max_nodes=min(max(wanted, 1), MOST_NODES),
        )

    def query(self) -> dict[str, Any]:
        """Return the query string for these options, without the defaults."""
        query: dict[str, Any] = {}
        if self.hide_done:
            query["hide_done"] = 1
        if self.downstream:
            query["direction"] = "downstream"
        if self.max_nodes != DEFAULT_NODES:
            query["max_nodes"] = self.max_nodes
        return query


@bp.record
def _make_renderer(state: BlueprintSetupState) -> None:
    """Give the app one renderer, with one cache and one limit on processes for all requests."""
    state.app.extensions["luigiviz.graphs"] = GraphRenderer()


def _renderer() -> GraphRenderer:
    renderer: GraphRenderer = current_app.extensions["luigiviz.graphs"]
    return renderer


@bp.get("/graph")
def index() -> BaseResponse | str:
    """Choose a task: by id, by search, or from those that nothing else waits for."""
    # Ids that a path cannot carry ("..") come in the query string.
    task_id = request.args.get("task_id")
    if task_id in (".", ".."):
        return show(task_id)
    if task_id:
        return redirect(graph_url(task_id, **Options.read(request.args).query()))
    service = get_service()
    wanted = request.args.get("q", "").strip()
    if wanted and service.task_detail(wanted) is not None:
        return redirect(graph_url(wanted))
    found = service.task_page(TaskQuery(search=wanted, page_size=_LISTED)) if wanted else None
    return render_template(
        "graph/index.html",
        wanted=wanted,
        found=found,
        roots=service.roots(limit=_LISTED),
        scheduler_url=request.url_root.rstrip("/"),
    )


@bp.get("/graph/<taskid:task_id>")
def show(task_id: str) -> BaseResponse | str:
    """Show the graph around a task, or with a suffix the bare document, unless a task has exactly that name."""
    suffix = next((suffix for suffix in _MEDIA_TYPES if task_id.endswith(suffix) and task_id != suffix), None)
    if suffix is not None and get_service().task_detail(task_id) is None:
        return _document(task_id.removesuffix(suffix), suffix)
    options = Options.read(request.args)
    context = _context(task_id, options)
    if context["view"] is None:
        abort(404, f"The scheduler does not hold a task with the id {task_id}.")
    page = Response(render_template("graph/page.html", suffixes=list(_MEDIA_TYPES), **context))
    twin = graph_url(task_id, ".json", **options.query())
    page.headers["Link"] = f'<{twin}>; rel="alternate"; type="application/json"'
    return page


# The names of the documents, for url_for; `show` answers for them.
for _suffix in _MEDIA_TYPES:
    bp.add_url_rule(f"/graph/<taskid:task_id>{_suffix}", endpoint=_suffix[1:], build_only=True)


@bp.get("/fragments/graph", defaults={"task_id": None})
@bp.get("/fragments/graph/<taskid:task_id>")
def drawing_fragment(task_id: str | None) -> Response:
    """Draw the graph of an open page anew if anything changed."""
    task_id = request.args.get("task_id", "") if task_id is None else task_id
    if is_unchanged():
        return Response(status=204)
    options = Options.read(request.args)
    return fragment("graph/_drawing.html", **_context(task_id, options))


def _view(task_id: str, options: Options) -> GraphView | None:
    return get_service().graph_view(
        task_id, inverse=options.downstream, include_done=not options.hide_done, max_nodes=options.max_nodes
    )


def _context(task_id: str, options: Options) -> dict[str, Any]:
    """Build what both the page and its live part show; ``view`` is None if there is no such task."""
    # First the version, then the graph: the other way round, a change in between would never be drawn.
    overview = current_overview()
    assert overview is not None
    view = _view(task_id, options)
    drawing: Markup | None = None
    trouble: GraphError | None = None
    nodes = view.nodes if view is not None else ()
    if view is not None and nodes:
        try:
            # The XML library escaped every text in it.
            drawing = Markup(_renderer().inline_svg(view, _node_link))
        except GraphError as error:
            current_app.logger.warning("The graph of %r was not drawn: %s", task_id, error)
            trouble = error
    is_running = any(node.status in (RUNNING, BATCH_RUNNING) for node in nodes)
    until = floor(overview.now + (RUNNING_PERIOD if is_running else CALM_PERIOD))
    counts = {status: sum(node.status == status for node in nodes) for status in LEGEND_ORDER}
    return {
        "task_id": task_id,
        "display_name": next((node.display_name for node in nodes if node.task_id == task_id), task_id),
        "most_nodes": MOST_NODES,
        "options": options,
        "view": view,
        "drawing": drawing,
        "trouble": trouble,
        "extent": extent(view) if view is not None else "",
        "legend": [(status, count) for status, count in counts.items() if count],
        "short_name": short_name,
        "root_element": element_id(task_id),
        "needs": _numbers_of_edges(view),
        "poll_url": _fragment_url(task_id, v=overview.version, until=until, **options.query()),
    }


def _numbers_of_edges(view: GraphView | None) -> dict[str, int]:
    """Count each task's dependencies inside the graph."""
    needs: dict[str, int] = {}
    for task, _ in view.edges if view is not None else ():
        needs[task] = needs.get(task, 0) + 1
    return needs


def _fragment_url(task_id: str, **query: Any) -> str:
    if task_id in (".", ".."):
        return url_for("graph.drawing_fragment", task_id=None, **query) + f"&task_id={task_id}"
    return url_for("graph.drawing_fragment", task_id=task_id, **query)


def _node_link(node: GraphNode) -> str | None:
    """Lead to the task's page, to the error if it failed; from where the graph was cut, to the task's own graph."""
    try:
        if node.status == TRUNCATED:
            return graph_url(node.task_id)
        return task_url(node.task_id) + ("#error" if node.status == FAILED else "")
    except UnicodeEncodeError:
        # Half of a surrogate pair, which JSON can name, cannot be part of any address.
        return None


def _document(task_id: str, suffix: str) -> Response:
    """Answer with the bare document, made to be embedded: always revalidated, never sent twice."""
    view = _view(task_id, Options.read(request.args))
    if view is None:
        return _failure(suffix, 404, "No such task", [f"The scheduler does not hold {task_id}."])
    try:
        body = _render(view, suffix)
    except GraphError as error:
        current_app.logger.warning("The graph of %r was not drawn: %s", task_id, error)
        response = _failure(suffix, 503, "The graph could not be drawn", [error.message, error.advice])
        response.headers["Retry-After"] = str(_RETRY_SECONDS)
        return response
    return revalidated(picture(body, _MEDIA_TYPES[suffix]))


def _render(view: GraphView, suffix: str) -> bytes | str:
    if suffix == ".svg":
        return _renderer().svg(view, _node_link, _drawing_style())
    if suffix == ".png":
        return _renderer().png(view)
    if suffix == ".dot":
        return _renderer().dot(view)
    return _renderer().json(view, _node_link)


def _failure(suffix: str, status: int, title: str, lines: list[str]) -> Response:
    """Say what is wrong in a form that whoever asked for this kind of document can show."""
    if suffix == ".svg":
        response = picture(message_svg(title, lines), SVG_TYPE, status)
    elif suffix == ".json":
        code = "not_found" if status == 404 else "unavailable"
        response = jsonify({"error": {"code": code, "message": " ".join(lines)}})
        response.status_code = status
    else:
        response = Response("\n".join([f"{title}.", *lines, ""]), status=status, mimetype="text/plain")
    response.headers["Cache-Control"] = "no-store"
    return response


@cache
def _drawing_style() -> str:
    """Return the part of the stylesheet that is about the drawing itself."""
    text = (Path(__file__).parent.parent / "static" / "graph.css").read_text(encoding="utf-8")
    return text.partition("/* svg.depgraph: begin */")[2].partition("/* svg.depgraph: end */")[0]
