"""Load from several workers at once, each of which knows what must be there when everything comes back."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from itertools import count
from random import Random
from typing import Any

from luigiviz.engine import Scheduler
from tests.faults.model import RUNS, Model, family_of, picture_of
from tests.faults.rpc import Connection, NoAnswerError, NotSentError, RefusedError
from tests.support.polling import wait_for

Call = tuple[str, dict[str, Any]]

#: Tasks of each worker, and those of them that can be combined.
_TASKS = 24
_LETTERS = 8
_MOST_RUNS = 3
_WORDS = (None, "", "Traceback: it broke", "NUL \x00 and \U0001f600", {"deep": [1, None, 10**30]})


class Client:
    """A worker with tasks of its own; ``step`` makes one random call."""

    def __init__(self, name: str, seed: str, *, pauses: bool = False) -> None:
        self.name = name
        self.model = Model(name)
        #: The call of which nobody knows what became.
        self.in_flight: Call | None = None
        #: Calls that were answered, and calls that were refused, since the beginning.
        self.answered = 0
        self.refused = 0
        #: RUNNING tasks of which the worker has not been told: the answer got lost.
        self.untold: set[str] = set()
        #: The last calls, and what was answered, for the message of a failing test.
        self.recent: deque[str] = deque(maxlen=20)
        self._pauses = pauses
        self._random = Random(seed)
        self._runners = count(1)
        self._messages = count(1)
        self._letters = f"{name}.letter"

    # Calling

    def introduce(self, connection: Connection) -> None:
        """Say who this is, as Luigi's worker does first."""
        self.do(connection, ("add_worker", {"worker": self.name, "info": {"workers": _MOST_RUNS, "host": "here"}}))
        self.do(connection, self._batcher())

    def step(self, connection: Connection) -> None:
        """Make one call of the kind that workers make."""
        self.do(connection, self._choose())

    def do(self, connection: Connection, call: Call) -> Any:
        """Make a call, and note what it has changed.

        Raises RefusedError, NoAnswerError, NotSentError: the call is kept as ``in_flight``, unless it was not sent.
        """
        assert self.in_flight is None, "what became of the last call was not found out"
        method, arguments = call
        self.in_flight = call
        try:
            answer = connection.call(method, arguments)
        except NotSentError:
            self.in_flight = None
            raise
        except NoAnswerError:
            self.recent.append(f"{call}: no answer")
            raise
        except RefusedError:
            self.refused += 1
            self.recent.append(f"{call}: refused")
            raise
        self.in_flight = None
        self.answered += 1
        self.recent.append(f"{call}: {answer}")
        self.model.apply(method, arguments, answer)
        self.untold.discard(answer.get("task_id") if isinstance(answer, dict) else "")
        return answer

    # What is found after a fault

    def verify(self, scheduler: Scheduler, *, may_have_happened: bool = True) -> None:
        """Check that all acknowledged calls are there, and the one in flight wholly or not at all."""
        seen = picture_of(scheduler, self.name)
        call, self.in_flight = self.in_flight, None
        if call is not None and may_have_happened and seen != self.model.picture():
            changed = self.model.after(*call, seen)
            if seen == changed.picture():
                if call[0] == "get_work":
                    self.untold |= set(changed.with_status("RUNNING")) - set(self.model.with_status("RUNNING"))
                self.model = changed
        known = self.model.picture()
        differences = [
            f"{part} {key}: {seen_part.get(key)!r} instead of {known_part.get(key)!r}"
            for part, seen_part, known_part in (
                ("task", seen.pop("tasks"), known.pop("tasks")),
                ("", seen, known),
            )
            for key in seen_part.keys() | known_part.keys()
            if seen_part.get(key) != known_part.get(key)
        ]
        assert not differences, "\n".join(
            [f"{self.name}, with {call} in flight:", *differences, "the last calls:", *self.recent]
        )

    def finish(self, connection: Connection) -> None:
        """Run all that can be run, as a worker without other tasks does."""
        self.do(connection, ("update_resource", {"resource": self.name, "amount": 3}))
        while True:
            for task_id in self._told():
                self.do(connection, self._report(task_id, "DONE"))
            self.do(connection, self._ask())
            if self.model.batch_without_runner() is not None:
                self.do(connection, self._run_batch())
            elif not self.model.with_status(*RUNS):
                break
        assert not self.model.ready(), f"{self.model.ready()} can run, but nobody gets them"

    # Making calls

    def _choose(self) -> Call:
        random, model = self._random, self.model
        if model.batch_without_runner() is not None and random.random() < 0.9:
            return self._run_batch()
        told = self._told()
        kinds: dict[Callable[[], Call], float] = {
            self._announce: 10,
            self._announce_letter: 4,
            self._talk: 3,
            self._tune: 2,
        }
        if len(told) < _MOST_RUNS:
            kinds[self._ask] = 12
        if told:
            kinds[lambda: self._report(random.choice(told), random.choices(("DONE", "FAILED"), (3, 1))[0])] = 12
            kinds[lambda: self._tell(random.choice(told))] = 2
        if failed := [task_id for task_id in model.with_status("FAILED") if not family_of(task_id).endswith(".run")]:
            kinds[lambda: self._steer(random.choice(failed))] = 2
        [make] = random.choices(list(kinds), list(kinds.values()))
        return make()

    def _told(self) -> list[str]:
        return [task_id for task_id in self.model.with_status("RUNNING") if task_id not in self.untold]

    def _announce(self) -> Call:
        random = self._random
        running = self.model.with_status(*RUNS)
        number = random.choice([n for n in range(_TASKS) if self._task(n) not in running])
        lower = random.sample(range(number), min(number, random.choice((0, 0, 1, 2, 5))))
        return self._claim(
            self._task(number),
            "PENDING",
            deps=[self._task(n) for n in lower],
            priority=random.choice((0, 0, 0, random.randrange(1000))),
            resources=random.choice(({}, {}, {self.name: 1})),
        )

    def _announce_letter(self) -> Call:
        running = self.model.with_status(*RUNS)
        free = [n for n in range(_LETTERS) if self._letter(n) not in running]
        if not free:
            return self._talk()
        return self._claim(self._letter(self._random.choice(free)), "PENDING", batchable=True)

    def _claim(self, task_id: str, status: str, **more: Any) -> Call:
        return "add_task", {
            "worker": self.name,
            "task_id": task_id,
            "status": status,
            "family": family_of(task_id),
            "module": "tests.faults",
            "params": {"number": task_id.rpartition(".")[2], "day": "2026-11-23"},
            "runnable": True,
            **more,
        }

    def _ask(self) -> Call:
        return "get_work", {"worker": self.name, "host": "here", "current_tasks": self._told()}

    def _run_batch(self) -> Call:
        batch_id = self.model.batch_without_runner()
        task_id = f"{self.name}.run.{next(self._runners)}"
        return self._claim(task_id, "RUNNING", batch_id=batch_id, batchable=False)

    def _report(self, task_id: str, status: str) -> Call:
        known = self.model.tasks[task_id]
        more: dict[str, Any] = {"resources": known.resources, "expl": self._random.choice(_WORDS)}
        if known.batch_id is not None:
            more["batch_id"] = known.batch_id
        return self._claim(task_id, status, **more)

    def _tell(self, task_id: str) -> Call:
        """What need not be durable."""
        return self._random.choice(
            (
                ("set_task_progress_percentage", {"task_id": task_id, "progress_percentage": 50}),
                ("set_task_status_message", {"task_id": task_id, "status_message": "half way"}),
            )
        )

    def _talk(self) -> Call:
        random, known = self._random, self.model.tasks
        task_id = random.choice([*known, self._task(0)])
        with_response = [(task_id, key) for task_id, task in known.items() for key in task.responses]
        calls: list[Call] = [
            ("send_scheduler_message", {"worker": self.name, "task": task_id, "content": next(self._messages)}),
            ("ping", {"worker": self.name}),
        ]
        if task_id in known and not family_of(task_id).endswith(".run"):
            response = {"task_id": task_id, "message_id": f"m{random.randrange(9)}", "response": random.choice(_WORDS)}
            calls.append(("add_scheduler_message_response", response))
        if with_response:
            asked_id, message_id = random.choice(with_response)
            calls.append(("get_scheduler_message_response", {"task_id": asked_id, "message_id": message_id}))
        return random.choice(calls)

    def _tune(self) -> Call:
        random = self._random
        calls: list[Call] = [
            self._batcher(),
            ("update_resource", {"resource": self.name, "amount": random.randrange(4)}),
            ("add_worker", {"worker": self.name, "info": {"workers": _MOST_RUNS, "mood": random.randrange(99)}}),
            ("task_list", {"status": "PENDING", "upstream_status": ""}),
        ]
        if self._pauses:
            calls += [("pause", {}), ("unpause", {}), ("unpause", {})]
        return random.choice(calls)

    def _steer(self, task_id: str) -> Call:
        return self._random.choice(("forgive_failures", "mark_as_done")), {"task_id": task_id}

    def _batcher(self) -> Call:
        arguments = {"worker": self.name, "task_family": self._letters, "batched_args": ["number"]}
        return "add_task_batcher", {**arguments, "max_batch_size": self._random.choice((3, 5))}

    def _task(self, number: int) -> str:
        return f"{self.name}.task.{number}"

    def _letter(self, number: int) -> str:
        return f"{self._letters}.{number}"


class Load:
    """Clients at work, a thread each, until all have stopped at a fault or were told to."""

    def __init__(self, clients: list[Client], port: int) -> None:
        self.clients = clients
        self._port = port
        self._stop = threading.Event()
        self._broken: list[BaseException] = []
        self._threads = [threading.Thread(target=self._work, args=(client,), daemon=True) for client in clients]
        for thread in self._threads:
            thread.start()

    @property
    def answered(self) -> int:
        """How many calls were answered, since the beginning."""
        return sum(client.answered for client in self.clients)

    def wait_for_answers(self, number: int) -> None:
        """Wait until so many more calls have been answered."""
        enough = self.answered + number
        self.wait_for_some_answers(number)
        assert self.answered >= enough, "nobody answers any more"

    def wait_for_some_answers(self, number: int) -> None:
        """Wait until so many more calls have been answered, or all clients have stopped at a fault."""
        enough = self.answered + number
        wait_for(lambda: self.has_stopped or self.answered >= enough, "answers", timeout=60, interval=0.001)

    def join(self, timeout: float = 60) -> None:
        """Wait until all have stopped by themselves; raise what went wrong in one of them."""
        for thread in self._threads:
            thread.join(timeout)
            assert not thread.is_alive(), "a call hangs"
        if self._broken:
            raise self._broken[0]

    def stop(self) -> None:
        """Tell all to stop after the call that they are making, and wait."""
        self._stop.set()
        self.join()

    @property
    def has_stopped(self) -> bool:
        """Whether all have stopped at a fault."""
        return not any(thread.is_alive() for thread in self._threads)

    def _work(self, client: Client) -> None:
        with ExitStack() as cleanup:
            connection = Connection(self._port)
            cleanup.callback(connection.close)
            try:
                if not client.model.info:
                    client.introduce(connection)
                while not self._stop.is_set():
                    client.step(connection)
            except (RefusedError, NoAnswerError, NotSentError):
                return
            except BaseException as error:
                self._broken.append(error)


def finish(clients: list[Client], port: int) -> None:
    """Have all clients run what is left, and check that nothing remains that could run."""
    connection = Connection(port)
    connection.call("unpause", {})
    for client in clients:
        client.finish(connection)
    connection.close()
