"""The task table as a URL: filter, order and page to and from the query string, and families as a tree."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from flask import abort, request, url_for

from luigiviz.engine.statuses import DISABLED, DISPLAY_STATUSES, FAILED
from luigiviz.engine.views import SORT_KEYS, FamilyCount, TaskQuery

PAGE_SIZES = (25, 50, 100, 250, 500)
DEFAULT_PAGE_SIZE = 50
_LARGEST_PAGE = 1_000_000_000

#: Columns whose largest values one wants to see first.
_DESCENDING_FIRST = frozenset({"updated", "started", "priority", "duration"})

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
            search=args.get("q", "").strip(),
            sort=sort,
            descending=order == "desc" if order else sort in _DESCENDING_FIRST,
            page=int(page),
            page_size=int(size),
        )
    except ValueError as error:
        abort(400, f"This filter is not possible: {error}.")


def query_args(query: TaskQuery) -> dict[str, object]:
    """The query string of a query, without what is the default."""
    args: dict[str, object] = {}
    if query.statuses:
        args["status"] = [status for status in DISPLAY_STATUSES if status in query.statuses]
    if query.family is not None:
        args["family"] = query.family
    if query.search:
        args["q"] = query.search
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

    def _to(self, query: TaskQuery) -> str:
        return url_for("tasks.index", **query_args(query))  # type: ignore[arg-type]

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
        return self._to(replace(self.query, family=family, page=1))

    def without_search(self) -> str:
        """All names."""
        return self._to(replace(self.query, search="", page=1))

    def all_statuses(self) -> str:
        """All statuses."""
        return self._to(replace(self.query, statuses=frozenset(), page=1))

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


#: What people read for each sort key.
SORT_WORDS = {
    "updated": "Updated",
    "status": "Status",
    "family": "Family",
    "params": "Parameters",
    "priority": "Priority",
    "worker": "Worker",
    "started": "Added",
    "duration": "Duration",
}
assert set(SORT_WORDS) == set(SORT_KEYS)


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
