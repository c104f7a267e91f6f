"""After a restart everything is where it was."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from luigiviz.engine import SchedulerConfig
from luigiviz.service import Keeper, NotServingError, Phase, Service
from luigiviz.store.errors import LiveStateRefusedError
from luigiviz.store.live.livestore import LiveStore
from tests.conformance import snapshots
from tests.service.conftest import PATIENCE, Bench, WatchedStore


@pytest.fixture
def restart(database: str) -> Callable[..., Bench]:
    """Serve from the database, after what served before has stopped without a word, as in a crash."""
    stores: list[WatchedStore] = []

    def start(resources: dict[str, float] | None = None, config: SchedulerConfig | None = None) -> Bench:
        for store in stores:
            store.close()
        stores.append(WatchedStore(database))
        return Bench(stores[-1], config, resources)

    return start


def fill(bench: Bench) -> None:
    """Have a bit of everything."""
    for worker in ("w", "v"):
        bench.call("add_worker", worker=worker, info={"workers": 2, "host": worker})
        bench.call("add_task_batcher", worker=worker, task_family="L", batched_args=["n"], max_batch_size=2)
    bench.add("a/\x00\U0001f600", deps=["missing"], params={"x": "1", "hidden": "2"}, param_visibilities={"hidden": 1})
    bench.add("runs", priority=7, resources={"r": 2}, accepts_messages=True, tracking_url="http://example.org")
    bench.add("fails", retry_policy_dict={"retry_count": 1, "disable_window": 60})
    bench.add("waits", deps=["runs", "fails"], worker="v", module="m")
    for number in "123":
        bench.add(f"L{number}", family="L", params={"n": number}, batchable=True, worker="v")
    bench.call("update_resource", resource="r", amount=5)
    assert bench.call("get_work", worker="w", current_tasks=[])["task_id"] == "runs"
    assert len(bench.call("get_work", worker="v", current_tasks=[])["batch_task_ids"]) == 2
    bench.add("fails", status="FAILED", expl="because", retry_policy_dict={"retry_count": 1, "disable_window": 60})
    bench.call("send_scheduler_message", worker="w", task="runs", content="hello")
    bench.call("add_scheduler_message_response", task_id="runs", message_id="m", response={"n": 10**30})
    bench.call("decrease_running_task_resources", task_id="runs", decrease_resources={"r": 1})
    bench.call("disable_worker", worker="u")
    bench.call("pause")


def test_everything_is_back_after_a_crash(restart: Callable[..., Bench]) -> None:
    before = restart({"r": 3})
    fill(before)
    before.commits.flush(None)  # when workers were last seen is known to the second only
    old = before.service._scheduler
    assert old is not None
    after = restart({"r": 3})
    new = after.service._scheduler
    assert new is not None
    now = after.service.now()
    assert not snapshots.describe_difference(snapshots.of_engine(old, now), snapshots.of_engine(new, now))
    assert snapshots.orders_of_engine(old) == snapshots.orders_of_engine(new)
    for method, arguments in (
        ("worker_list", {}),
        ("resource_list", {}),
        ("is_paused", {}),
        ("count_pending", {"worker": "v"}),
        ("task_list", {"status": "DISABLED", "upstream_status": ""}),
        ("dep_graph", {"task_id": "waits"}),
        ("get_running_task_resources", {"task_id": "runs"}),
    ):
        assert old.call(method, arguments) == new.call(method, arguments), method
    assert old.workers["w"].rpc_messages == new.workers["w"].rpc_messages
    assert old.workers["u"].disabled
    assert new.workers["u"].disabled
    assert old.state.batches.batchers == new.state.batches.batchers


def test_an_edited_resource_keeps_its_total_until_the_configuration_says_something_else(
    restart: Callable[..., Bench],
) -> None:
    bench = restart({"gpu": 2, "cpu": 8})
    bench.call("update_resource", resource="gpu", amount=5)
    bench.call("update_resources", new=1)

    def totals(bench: Bench) -> dict[str, float]:
        return {view.name: view.total for view in bench.service.resource_views()}

    assert totals(restart({"gpu": 2, "cpu": 8})) == {"gpu": 5, "cpu": 8, "new": 1}
    assert totals(restart({"gpu": 2, "cpu": 9})) == {"gpu": 5, "cpu": 9, "new": 1}
    assert totals(restart({"gpu": 3, "cpu": 9})) == {"gpu": 3, "cpu": 9, "new": 1}


def test_an_answer_that_got_lost_in_a_crash_is_given_again(restart: Callable[..., Bench]) -> None:
    bench = restart()
    bench.add("a")
    bench.call("get_work", worker="w", current_tasks=[])
    assert restart().call("get_work", worker="w", current_tasks=[])["task_id"] == "a"


def test_workers_have_time_to_come_back_after_a_restart(store: WatchedStore, keep: Callable[..., Service]) -> None:
    """What a worker runs is not given to another only because the scheduler was away for long."""
    clock = [1000.0]
    bench = Bench(store, clock=lambda: clock[0])
    bench.add("a")
    bench.call("get_work", worker="w", current_tasks=[])
    clock[0] += 100_000
    service = keep(clock=lambda: clock[0])
    service.call("prune", {})
    assert list(service.call("task_list", {"status": "RUNNING", "upstream_status": ""})) == ["a"]
    clock[0] += 100_000
    service.call("prune", {})
    assert not service.call("task_list", {"status": "RUNNING", "upstream_status": ""})


def test_a_stop_in_order_writes_what_could_wait(store: WatchedStore, database: str) -> None:
    service = Service(SchedulerConfig(), {}, store=store, relaxed=True)
    keeper = Keeper(service, store)
    keeper.open()
    keeper.start()
    assert service.wait_until_serving(PATIENCE)
    service.call("add_task", {"worker": "w", "task_id": "a"})
    service.call("set_task_progress_percentage", {"task_id": "a", "progress_percentage": 30})
    keeper.close()
    with pytest.raises(NotServingError) as refused:
        service.call("add_task", {"worker": "w", "task_id": "b"})
    assert refused.value.code == Phase.CLOSED.value
    bench = Bench(WatchedStore(database))
    assert bench.statuses() == {"a": "PENDING"}
    assert bench.call("get_task_progress_percentage", task_id="a")["progressPercentage"] == 30
    bench.store.close()


def test_a_keeper_refuses_a_file_that_another_holds(bench: Bench, database: str) -> None:
    other = LiveStore(database)
    service = Service(SchedulerConfig(), {}, store=other)
    with pytest.raises(LiveStateRefusedError, match="uses"):
        Keeper(service, other).open()
    assert service.status().phase is Phase.STARTING
    other.close()
