"""A pipeline as real ones are, for the tests of graphs: forty tasks, each status at least once."""

from __future__ import annotations

from luigiviz.engine import statuses
from luigiviz.engine.views import GraphNode, GraphView


def node(
    task_id: str,
    status: str = statuses.DONE,
    *,
    family: str | None = None,
    params: dict[str, str] | None = None,
    duration: float | None = None,
    progress: float | None = None,
    known: bool = True,
) -> GraphNode:
    """Return a node, named as the scheduler would name it."""
    params = params or {}
    family = task_id if family is None else family
    shown = ", ".join(f"{name}={value}" for name, value in params.items())
    return GraphNode(
        task_id=task_id,
        display_name=f"{family}({shown})" if known else task_id,
        family=family,
        status=status,
        params=params,
        priority=0,
        duration=duration,
        progress_percentage=progress,
        known=known,
    )


def pipeline() -> GraphView:
    """Return a week of a music chart: six daily steps, a weekly report, and what went wrong on the way."""
    nodes: list[GraphNode] = []
    edges: list[tuple[str, str]] = []
    week = {"week": "2026-W20"}

    def add(family: str, status: str, params: dict[str, str], *, deps: tuple[str, ...] = (), **more: float) -> str:
        task_id = "_".join([family, *params.values()])
        nodes.append(node(task_id, status, family=family, params=params, **more))  # type: ignore[arg-type]
        edges.extend((task_id, dep) for dep in deps)
        return task_id

    charts: list[str] = []
    for day in range(1, 8):
        date = f"2026-05-{day + 10:02d}"
        done = day < 4
        fetch = add("ingest.FetchStreams", statuses.DONE, {"date": date, "region": "eu-west"}, duration=41 + day)
        catalogue = add("ingest.LoadCatalogue", statuses.DONE, {"date": date}, duration=7.0)
        cleaned = {4: statuses.RUNNING, 5: statuses.FAILED, 6: statuses.BATCH_RUNNING, 7: statuses.BATCH_RUNNING}
        more = {"progress": 62.0} if day == 4 else {}
        clean = add(
            "transform.CleanStreams",
            statuses.DONE if done else cleaned[day],
            {"date": date, "region": "eu-west", "min_seconds": "30"},
            deps=(fetch, catalogue),
            duration=185 + 11 * day,
            **more,
        )
        waits = statuses.UPSTREAM_FAILED if day == 5 else statuses.PENDING
        rank = add(
            "transform.RankArtists",
            statuses.DONE if done else waits,
            {"date": date, "top": "100"},
            deps=(clean,),
            **({"duration": 12.0} if done else {}),
        )
        charts.append(
            add("publish.DailyChart", statuses.DONE if day < 3 else waits, {"date": date}, deps=(rank, catalogue))
        )
    licence = add("legal.CheckLicences", statuses.DISABLED, week)
    terms = add("legal.FetchTerms", statuses.UPSTREAM_DISABLED, week, deps=(licence,))
    old = "archive.PreviousReport_2026-W19"
    nodes.append(node(old, statuses.UNKNOWN, family="archive.PreviousReport", known=False))
    cut = add("archive.Everything", statuses.TRUNCATED, {"until": "2026-05-10"})
    report = add("publish.WeeklyReport", statuses.UPSTREAM_FAILED, week, deps=(*charts, terms, old, cut))
    return GraphView(root=report, nodes=tuple(reversed(nodes)), edges=tuple(edges), truncated=True)
