"""Actions on many tasks: ask first, with exact counts; do it in chunks; then say what changed, what did not, and why.

What is chosen is either ticked boxes (their task ids, percent-encoded, since browsers bend line breaks in form fields)
or everything that a filter of the task table matches. The answer to the change is a redirect to a page of its own, so
that loading it again changes nothing.
"""

from __future__ import annotations

import secrets
import threading
from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote, unquote

from flask import Blueprint, Flask, Response, abort, current_app, redirect, render_template, request, url_for

from luigiviz.engine import queries
from luigiviz.engine.statuses import DISABLED, DISPLAY_STATUSES
from luigiviz.engine.steering import FORGIVE, MARK_AS_DONE, RE_ENABLE, RELEASE
from luigiviz.engine.views import Candidate, SteeringResult
from luigiviz.web.current import get_service
from luigiviz.web.tasklist import parse_query, query_args
from luigiviz.web.urls import local_url

bp = Blueprint("bulk", __name__, url_prefix="/actions/bulk")

#: So many tasks are named on a page; the others are counted.
SHOWN = 20
#: Results that can be looked at again, and tasks that each of them names.
_KEPT_RESULTS = 100
_KEPT_TASKS = 200


class Ref(NamedTuple):
    """A task to be named, by its name when it was looked at."""

    task_id: str
    display_name: str


@dataclass(frozen=True, slots=True)
class Action:
    """An action in words."""

    key: str
    #: On a button.
    word: str
    #: With a number of tasks in it.
    phrase: str
    icon: str
    #: What happens to "12 tasks".
    effect: str
    #: Which tasks it changes: "only … can …".
    rule: str
    #: What one should know before.
    warning: str = ""


ACTIONS = {
    action.key: action
    for action in (
        Action(
            FORGIVE,
            "Retry",
            "Retry {}",
            "retry",
            "become pending again at once",
            "only failed tasks can be retried",
        ),
        Action(
            RE_ENABLE,
            "Re-enable",
            "Re-enable {}",
            "power",
            "are enabled: they count as failed, and are tried again after the retry delay",
            "only tasks that the scheduler disabled can be enabled",
        ),
        Action(
            MARK_AS_DONE,
            "Mark as done",
            "Mark {} as done",
            "check",
            "count as done",
            "only running, failed and disabled tasks can be marked as done",
            "The scheduler will treat them as if they had succeeded, although their output may be missing. "
            "What waits for them may start at once.",
        ),
        Action(
            RELEASE,
            "Release",
            "Release {}",
            "unlink",
            "are taken from their workers and become pending again",
            "only running tasks can be released",
            "This is for tasks that only seem to run: their worker is gone, or does not know of them. "
            "If one does run, it may run a second time elsewhere.",
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Staying:
    """Tasks that an action leaves as they are, for the same reason."""

    #: In words that follow a number of tasks.
    reason: str
    count: int
    #: The first of them.
    tasks: tuple[Ref, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """What came of an action."""

    action: Action
    changed: int
    #: Which tasks stayed as they were, and why; most of a kind first.
    unchanged: tuple[Staying, ...]
    #: The first of the tasks that changed.
    tasks: tuple[SteeringResult, ...]
    back: str


class Results:
    """The latest results by key."""

    def __init__(self) -> None:
        """Hold nothing yet."""
        self._lock = threading.Lock()
        self._results: OrderedDict[str, Result] = OrderedDict()

    def put(self, result: Result) -> str:
        """Keep a result; the key under which it can be had."""
        key = secrets.token_urlsafe(12)
        with self._lock:
            self._results[key] = result
            while len(self._results) > _KEPT_RESULTS:
                self._results.popitem(last=False)
        return key

    def get(self, key: str) -> Result | None:
        """The result of a key, as long as it is kept."""
        with self._lock:
            return self._results.get(key)


def init_app(app: Flask) -> None:
    """Give the app a place for results, and templates what names an action and a ticked box."""
    app.extensions["luigiviz_bulk_results"] = Results()
    app.jinja_env.globals.update(bulk_actions=ACTIONS, box_value=box_value)


def box_value(task_id: str) -> str:
    """A task id as the value of a form field."""
    return quote(task_id, safe="")


def _action() -> Action:
    key = request.values.get("do", "")
    if key not in ACTIONS:
        abort(400, f"There is no action {key[:40]!r}; there are {', '.join(ACTIONS)}.")
    return ACTIONS[key]


def _ticked() -> list[str]:
    return [unquote(value) for value in request.form.getlist("task")]


def _back() -> str:
    return local_url(request.args.get("next"))


def _candidates(action: Action, ticked: Sequence[str] | None) -> tuple[Candidate, ...]:
    """The tasks that were chosen: by their ids, or (None) by the filter in the URL."""
    if ticked is None:
        query = parse_query()
        return get_service().read(lambda state, _now: queries.candidates(state, query, action.key))
    return get_service().read(lambda state, _now: queries.candidates_of_ids(state, ticked, action.key))


@bp.get("")
def confirm() -> str:
    """Ask before an action on one task (``task_id``), or on everything that the filter matches."""
    action = _action()
    ticked = [request.args["task_id"]] if "task_id" in request.args else None
    return _question(action, _candidates(action, ticked), ticked)


@bp.post("/selection")
def confirm_selection() -> str:
    """Ask before an action on the ticked tasks."""
    action = _action()
    ticked = _ticked()
    return _question(action, _candidates(action, ticked), ticked)


def _question(action: Action, found: Sequence[Candidate], ticked: Sequence[str] | None) -> str:
    fitting = [one for one in found if one.fits]
    staying = _staying((_reason(one), one) for one in found if not one.fits)
    by_status = Counter(one.status for one in fitting if one.status is not None)
    choice = query_args(parse_query()) if ticked is None else {"chosen": "ticked"}
    return render_template(
        "actions/bulk.html",
        action=action,
        num_found=len(found),
        num_fitting=len(fitting),
        by_status=[(status, by_status[status]) for status in DISPLAY_STATUSES if by_status[status]],
        staying=staying,
        shown=fitting[:SHOWN],
        ticked=[box_value(one.task_id) for one in fitting] if ticked is not None else None,
        do_url=url_for("bulk.do", do=action.key, next=_back(), **choice),
        back=_back(),
    )


def _staying(reasons: Iterable[tuple[str, Candidate]]) -> tuple[Staying, ...]:
    """Gather tasks that stay as they are by the reason for it."""
    groups: dict[str, list[Candidate]] = {}
    for reason, one in reasons:
        groups.setdefault(reason, []).append(one)
    return tuple(
        Staying(reason, len(members), tuple(Ref(one.task_id, one.display_name) for one in members[:SHOWN]))
        for reason, members in sorted(groups.items(), key=lambda group: -len(group[1]))
    )


def _reason(one: Candidate) -> str:
    """Why an action does not change a task, in words that follow a number of tasks."""
    if one.status is None:
        return "not held by the scheduler any more"
    if one.status == DISABLED and not one.by_scheduler:
        return "disabled by their workers"
    return one.status.lower().replace("_", " ")


@bp.post("")
def do() -> Response:
    """Carry out an action on the ticked tasks (``chosen=ticked``), or on everything that the filter matches."""
    action = _action()
    found = _candidates(action, _ticked() if request.args.get("chosen") == "ticked" else None)
    fitting = {one.task_id: one for one in found if one.fits}
    results = get_service().steer(action.key, list(fitting))
    batches = {fitting[result.task_id].batch_id for result in results if result.changed} - {None}
    # What runs a batch is released together with its members, before it is their turn.
    changed = [
        result
        for result in results
        if result.changed or (action.key == RELEASE and fitting[result.task_id].batch_id in batches)
    ]
    same = {result.task_id for result in results} - {result.task_id for result in changed}
    too_late = [(_late_reason(result), fitting[result.task_id]) for result in results if result.task_id in same]
    staying = _staying([*((_reason(one), one) for one in found if not one.fits), *too_late])
    result = Result(action, len(changed), staying, tuple(changed[:_KEPT_TASKS]), _back())
    key = _results().put(result)
    response: Response = redirect(url_for("bulk.result", key=key), code=303)  # type: ignore[assignment]
    return response


def _late_reason(result: SteeringResult) -> str:
    """Why a task that had fitted did not change."""
    if result.before is None:
        return "not held by the scheduler any more"
    return f"{result.before.lower().replace('_', ' ')} by then"


@bp.get("/result/<key>")
def result(key: str) -> str:
    """What came of an action."""
    found = _results().get(key)
    if found is None:
        abort(404, "This result is not kept any more.")
    shown = _views(found.tasks[:SHOWN])
    return render_template("actions/bulk_result.html", result=found, shown=shown, back=found.back)


def _views(results: Iterable[SteeringResult]) -> tuple[Candidate, ...]:
    ids = [result.task_id for result in results]
    return get_service().read(lambda state, _now: queries.candidates_of_ids(state, ids, FORGIVE))


def _results() -> Results:
    results: Results = current_app.extensions["luigiviz_bulk_results"]
    return results
