"""The task table as a URL: filter, order and page to and from the query string, and families as a tree."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from flask import abort, request, url_for

from luigiviz.engine.statuses import DISABLED, DISPLAY_STATUSES, FAILED
from luigiviz.engine.views import SORT_KEYS, FamilyCount, TaskQuery


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the task table; its key is also what sorts by it."""

    key: str
    word: str
    css: str = ""
    #: Shown unless the URL says which columns to show.
    usual: bool = True


COLUMNS = (
    Column("status", "Status", "stat"),
    Column("family", "Family", "fam"),
    Column("params", "Parameters", "par"),
    Column("resources", "Resources"),
    Column("priority", "Prio.", "right num"),
    Column("worker", "Worker"),
    Column("added", "Added", "when", usual=False),
    Column("started", "Started", "when", usual=False),
    Column("updated", "Updated", "when"),
    Column("duration", "Duration", "right"),
    Column("attempts", "Tries", "right num"),
)
assert {column.key for column in COLUMNS} == set(SORT_KEYS)

#: What links to the task, so it cannot be left out.
_ALWAYS = "family"

PAGE_SIZES = (25, 50, 100, 250, 500)
DEFAULT_PAGE_SIZE = 50
_LARGEST_PAGE = 1_000_000_000

#: Columns whose largest values one wants to see first.
_DESCENDING_FIRST = frozenset({"updated", "added", "started", "priority", "duration", "attempts"})

#: More families than a sidebar can hold; the rest is found by search.
MAX_FAMILIES = 400


def parse_query() -> TaskQuery:
    """Read the request's filter, order and page; 400 says which part makes no sense."""
    args = request.args
    page, size = args.get("page", "1"), args.get("size", str(DEFAULT_PAGE_SIZE))
    if not page.isdecimal() or not 1 <= int(page[:12]) <= _LARGEST_PAGE:
        abort(400, f"There is no page {page[:40]!r}.")
    if not size.isdecimal() or int(size[:12]) not in PAGE_SIZES:
        abort(400, f"A page can have {', '.join(map(str, PAGE_SIZES))} tasks, not {size[:40]!r}.")
    order = args.get("order", "")
    if order not in ("", "asc", "desc"):
        abort(400, f"The order is asc or desc, not {order[:40]!r}.")
    sort = args.get("sort") or "updated"
    try:
        return TaskQuery(
            statuses=frozenset(status for status in args.getlist("status") if status),
            family=args.get("family") or None,
            namespace=args.get("ns"),
            worker=args.get("worker") or None,
            runner=args.get("runner") or None,
            search=args.get("q", "").strip(),
            param=args.get("param", "").strip(),
            value=args.get("value") or None,
            sort=sort,
            descending=order == "desc" if order else sort in _DESCENDING_FIRST,
            page=int(page),
            page_size=int(size),
        )
    except ValueError as error:
        abort(400, f"This filter is not possible: {error}.")


def parse_columns() -> tuple[Column, ...]:
    """Read which columns the request wants (``col``, once for each); 400 for one that does not exist."""
    wanted = set(request.args.getlist("col"))
    if not wanted:
        return tuple(column for column in COLUMNS if column.usual)
    unknown = sorted(wanted - {column.key for column in COLUMNS})
    if unknown:
        abort(400, f"There is no column {unknown[0][:40]!r}; there are {', '.join(column.key for column in COLUMNS)}.")
    return tuple(column for column in COLUMNS if column.key in wanted or column.key == _ALWAYS)


def parse_family_filter() -> str:
    """Read what the sidebar's names must contain."""
    return request.args.get("fam", "").strip()


def column_args(columns: tuple[Column, ...]) -> dict[str, object]:
    """The part of the query string that chooses columns; nothing for the usual ones."""
    if all(column.usual == (column in columns) for column in COLUMNS):
        return {}
    return {"col": [column.key for column in columns]}


def query_args(query: TaskQuery) -> dict[str, object]:
    """The query string of a query, without what is the default."""
    args: dict[str, object] = {}
    if query.statuses:
        args["status"] = [status for status in DISPLAY_STATUSES if status in query.statuses]
    if query.family is not None:
        args["family"] = query.family
    if query.namespace is not None:
        args["ns"] = query.namespace
    if query.worker is not None:
        args["worker"] = query.worker
    if query.runner is not None:
        args["runner"] = query.runner
    if query.search:
        args["q"] = query.search
    if query.value is not None:
        if query.param:
            args["param"] = query.param
        args["value"] = query.value
    if query.sort != "updated":
        args["sort"] = query.sort
    if query.descending != (query.sort in _DESCENDING_FIRST):
        args["order"] = "desc" if query.descending else "asc"
    if query.page_size != DEFAULT_PAGE_SIZE:
        args["size"] = query.page_size
    if query.page != 1:
        args["page"] = query.page
    return args


@dataclass(frozen=True, slots=True)
class TableLinks:
    """Addresses of the task table's neighbours: the same query with one thing changed."""

    query: TaskQuery
    columns: tuple[Column, ...] = tuple(column for column in COLUMNS if column.usual)
    #: What the sidebar's names must contain.
    family_filter: str = ""

    def args(self, **more: object) -> dict[str, object]:
        """The query string of this table."""
        sidebar = {"fam": self.family_filter} if self.family_filter else {}
        return {**query_args(self.query), **column_args(self.columns), **sidebar, **more}

    def _to(self, query: TaskQuery, **more: object) -> str:
        args = replace(self, query=query).args(**more)
        return url_for("tasks.index", **args)  # type: ignore[arg-type]

    @property
    def is_filtered(self) -> bool:
        """Whether anything is left out."""
        return self.everything() != self._to(replace(self.query, page=1))

    def everything(self) -> str:
        """The same table without any filter."""
        return self._to(
            TaskQuery(sort=self.query.sort, descending=self.query.descending, page_size=self.query.page_size)
        )

    def select(self, which: str) -> str:
        """The same page with boxes to tick: ``some`` (none is ticked yet) or ``all``."""
        return self._to(self.query, select=which)

    def bulk(self, action: str) -> str:
        """The question whether to do an action to everything that matches, whatever the page."""
        args = query_args(TaskQuery(**{name: getattr(self.query, name) for name in _FILTER_FIELDS}))
        return url_for("bulk.confirm", do=action, next=self.here(), **args)  # type: ignore[arg-type]

    def here(self) -> str:
        """This very table."""
        return self._to(self.query)

    def page(self, page: int) -> str:
        """Another page."""
        return self._to(replace(self.query, page=page))

    def toggle_status(self, status: str) -> str:
        """One status more, or one less."""
        return self._to(replace(self.query, statuses=self.query.statuses ^ {status}, page=1))

    def family(self, family: str | None) -> str:
        """One family, or all."""
        return self._to(replace(self.query, family=family, namespace=None, page=1))

    def namespace(self, namespace: str | None) -> str:
        """The families of one namespace, or all."""
        return self._to(replace(self.query, family=None, namespace=namespace, page=1))

    def without(self, field: str) -> str:
        """Without one part of the filter."""
        empty = TaskQuery()
        changes = {field: getattr(empty, field)} | ({"param": ""} if field == "value" else {})
        return self._to(replace(self.query, **changes, page=1))

    def sort(self, key: str) -> str:
        """Sorted by a column; the other way round if it is sorted by it already."""
        is_current = key == self.query.sort
        descending = not self.query.descending if is_current else key in _DESCENDING_FIRST
        return self._to(replace(self.query, sort=key, descending=descending, page=1))

    def sort_state(self, key: str) -> str:
        """What ``aria-sort`` says of a column."""
        if key != self.query.sort:
            return "none"
        return "descending" if self.query.descending else "ascending"


#: What chooses tasks, and not which of them are shown where.
_FILTER_FIELDS = ("statuses", "family", "namespace", "worker", "runner", "search", "param", "value")

#: What people read for each sort key.
SORT_WORDS = {column.key: column.word for column in COLUMNS}


@dataclass(frozen=True, slots=True)
class Namespace:
    """Families that share what stands before the first dot of their names."""

    #: Empty for families without a dot.
    prefix: str
    families: tuple[FamilyCount, ...]

    @property
    def total(self) -> int:
        """Tasks of all its families."""
        return sum(family.total for family in self.families)

    @property
    def trouble(self) -> int:
        """Failed and disabled tasks of all its families."""
        return sum(trouble(family) for family in self.families)

    @property
    def by_status(self) -> dict[str, int]:
        """Tasks of all its families by status."""
        counts = {
            status: sum(family.by_status.get(status, 0) for family in self.families) for status in DISPLAY_STATUSES
        }
        return {status: count for status, count in counts.items() if count}

    def holds(self, family: str | None) -> bool:
        """Whether a family is one of these."""
        return any(count.family == family for count in self.families)


def trouble(family: FamilyCount) -> int:
    """Failed and disabled tasks of a family."""
    return family.by_status.get(FAILED, 0) + family.by_status.get(DISABLED, 0)


def namespaces(families: Iterable[FamilyCount]) -> list[Namespace]:
    """Families as the sidebar shows them: those without a namespace first, then by name."""
    groups: dict[str, list[FamilyCount]] = {}
    for family in sorted(families, key=lambda count: count.family):
        prefix, dot, _ = family.family.partition(".")
        groups.setdefault(prefix if dot else "", []).append(family)
    return [Namespace(prefix, tuple(members)) for prefix, members in sorted(groups.items())]
