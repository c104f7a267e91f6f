"""A family as a grid: which parameters name columns and rows, what a cell shows, and where it is cut."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from luigiviz.engine import Scheduler
from luigiviz.engine.grids import grid
from luigiviz.engine.views import GridQuery, GridView
from tests.engine.conftest import MakeScheduler


@pytest.fixture
def scheduler(make_scheduler: MakeScheduler) -> Scheduler:
    return make_scheduler()


def add(scheduler: Scheduler, params: Iterable[dict[str, str]]) -> None:
    for number, given in enumerate(params):
        scheduler.add_task(worker="w", task_id=f"F_{number}", family="F", params=given)


def view_of(scheduler: Scheduler, **query: object) -> GridView:
    found = grid(scheduler.state, GridQuery("F", **query))()  # type: ignore[arg-type]
    assert found is not None
    return found


def test_dates_go_across_and_what_tells_tasks_apart_goes_down(scheduler: Scheduler) -> None:
    add(
        scheduler,
        (
            {"same": "1", "region": region, "date": f"2026-11-{day:02}"}
            for day in (3, 1, 2)
            for region in ("asia", "europe")
        ),
    )
    view = view_of(scheduler)
    assert (view.across, view.down) == ("date", "region")
    assert view.columns == ("2026-11-03", "2026-11-02", "2026-11-01")
    assert view.rows == ("asia", "europe")
    assert {cell.count for cell in view.cells.values()} == {1}
    assert view.cells["europe", "2026-11-03"].task_id == "F_1"


@pytest.mark.parametrize(
    "values",
    [
        ("2026-01", "2026-02"),
        ("2026-01-01T10", "2026-01-01T11"),
        ("2026-01-01T1030", "2026-01-01T1130"),
        ("2026-W01", "2026-W02"),
        ("2026-01-01-2026-01-08", "2026-01-08-2026-01-15"),
    ],
)
def test_all_of_luigis_dates_are_known_for_dates(scheduler: Scheduler, values: tuple[str, str]) -> None:
    add(scheduler, ({"x": name, "when": value} for value in values for name in "abcde"))
    assert view_of(scheduler).across == "when"


def test_missing_days_are_columns_too_unless_the_rhythm_is_another(scheduler: Scheduler) -> None:
    add(scheduler, ({"date": f"2026-02-{day:02}"} for day in (26, 27)))
    scheduler.add_task(worker="w", task_id="late", family="F", params={"date": "2026-03-02"})
    view = view_of(scheduler)
    assert view.columns == ("2026-03-02", "2026-03-01", "2026-02-28", "2026-02-27", "2026-02-26")
    assert set(view.cells) == {("", "2026-02-26"), ("", "2026-02-27"), ("", "2026-03-02")}
    scheduler.add_task(worker="w", task_id="old", family="F", params={"date": "2020-01-01"})
    assert len(view_of(scheduler).columns) == 4


def test_a_cell_of_several_tasks_shows_the_one_that_asks_most_for_a_look(scheduler: Scheduler) -> None:
    add(scheduler, ({"date": "2026-01-01", "n": str(number)} for number in range(3)))
    assert scheduler.get_work(worker="w")["task_id"] == "F_0"
    scheduler.add_task(worker="w", task_id="F_0", family="F", status="FAILED")
    scheduler.add_task(worker="w", task_id="F_3", family="F", params={"date": "2026-01-02", "n": "0"})
    view = view_of(scheduler, across="date", down="missing")
    assert (view.across, view.down) == ("date", "n")
    add(scheduler, [])
    by_n = view_of(scheduler, across="n", down="date")
    assert by_n.cells["2026-01-01", "0"].status == "FAILED"
    single = view_of(scheduler, across="n")
    assert single.down == "date"


def test_tasks_that_no_second_parameter_tells_apart_share_a_cell(scheduler: Scheduler) -> None:
    add(scheduler, [{"date": "2026-01-01"}])
    for number in range(2):
        scheduler.add_task(worker="w", task_id=f"X_{number}", family="F", params={"date": "2026-01-02"})
    view = view_of(scheduler)
    assert view.down is None
    assert view.cells["", "2026-01-02"].count == 2


def test_numbers_are_sorted_as_numbers_and_long_grids_are_cut(scheduler: Scheduler) -> None:
    add(scheduler, ({"n": str(number), "m": "x" if number % 2 else "y"} for number in range(30)))
    view = view_of(scheduler, max_columns=3, max_rows=1)
    assert view.columns == ("0", "1", "2")
    assert (view.num_columns, view.num_rows, view.rows) == (30, 1, ("",))


def test_hidden_parameters_are_no_axis_and_without_parameters_there_is_one_cell(scheduler: Scheduler) -> None:
    for number in range(3):
        scheduler.add_task(
            worker="w",
            task_id=f"F_{number}",
            family="F",
            params={"secret": str(number)},
            param_visibilities={"secret": 1},
        )
    view = view_of(scheduler)
    assert (view.across, view.down, view.params) == (None, None, ())
    assert view.cells["", ""].count == 3
    assert grid(scheduler.state, GridQuery("Nobody"))() is None


def test_one_can_do_without_rows(scheduler: Scheduler) -> None:
    add(scheduler, ({"date": f"2026-01-0{day}", "n": n} for day in (1, 2) for n in "ab"))
    assert view_of(scheduler).down == "n"
    view = view_of(scheduler, down="")
    assert (view.down, view.rows) == (None, ("",))
    assert view.cells["", "2026-01-01"].count == 2


def test_columns_that_do_not_fit_are_on_further_pages(scheduler: Scheduler) -> None:
    add(scheduler, ({"n": str(number)} for number in range(25)))
    pages = [view_of(scheduler, max_columns=10, page=page) for page in (1, 2, 3, 9)]
    assert [view.page for view in pages] == [1, 2, 3, 3]
    assert [view.columns[0] for view in pages] == ["0", "10", "20", "20"]
    assert len(pages[2].columns) == len(pages[2].cells) == 5
    assert pages[2].num_columns == 25
