"""Crews: tasks with the same workers and stakeholders, counted together.

Many tasks share who can run them and who cares about them, so that is stored once, and what
``count_pending`` needs is counted per crew: its cost is the number of a worker's crews, not of its tasks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from luigiviz.engine.model import Task, Worker
from luigiviz.engine.statuses import FAILED, PENDING, RUNNING
from luigiviz.engine.upstream import FLAG_DISABLED

NOBODY: frozenset[str] = frozenset()


class Crew:
    """Workers in the order in which they announced a task, stakeholders, and the tasks that have just these."""

    __slots__ = (
        "blocked",
        "failed",
        "last_added",
        "pending",
        "pending_with_resources",
        "running",
        "stakeholders",
        "tasks",
        "workers",
        "workers_set",
    )

    def __init__(self, workers: tuple[str, ...], stakeholders: frozenset[str]) -> None:
        """Make a crew without tasks."""
        self.workers = workers
        self.workers_set = frozenset(workers)
        self.stakeholders = stakeholders
        self.tasks: dict[Task, None] = {}
        #: PENDING tasks that are not UPSTREAM_DISABLED, and those that are.
        self.pending = 0
        self.blocked = 0
        #: PENDING tasks, blocked or not, that need resources.
        self.pending_with_resources = 0
        self.failed = 0
        self.running: dict[Task, None] = {}
        #: The crew that adding a worker led to last: (worker id, as worker, as stakeholder, generation, crew).
        self.last_added: tuple[str, bool, bool, int, Crew] | None = None

    def enter(self, task: Task) -> None:
        """Count a task by its status, flag and resources."""
        status = task.status
        if status == PENDING:
            if task.flag == FLAG_DISABLED:
                self.blocked += 1
            else:
                self.pending += 1
            if task.resources:
                self.pending_with_resources += 1
        elif status == RUNNING:
            self.running[task] = None
        elif status == FAILED:
            self.failed += 1

    def leave(self, task: Task) -> None:
        """Undo ``enter``; the task must not have changed in between."""
        status = task.status
        if status == PENDING:
            if task.flag == FLAG_DISABLED:
                self.blocked -= 1
            else:
                self.pending -= 1
            if task.resources:
                self.pending_with_resources -= 1
        elif status == RUNNING:
            del self.running[task]
        elif status == FAILED:
            self.failed -= 1


class CrewTable:
    """All crews, each once; keeps ``Worker.crews`` (crews that have tasks and name the worker)."""

    def __init__(self, workers: dict[str, Worker]) -> None:
        """Make an empty table over the scheduler's workers."""
        self._workers = workers
        self._crews: dict[tuple[tuple[str, ...], frozenset[str]], Crew] = {}
        #: The crew of tasks without workers and stakeholders.
        self.nobody = Crew((), NOBODY)
        #: Grows when crews change whom they name, so that what was remembered about them no longer counts.
        self._generation = 0

    def __iter__(self) -> Iterator[Crew]:
        """Iterate over the crews that have tasks."""
        return iter(list(self._crews.values()))

    def find(self, workers: tuple[str, ...], stakeholders: frozenset[str]) -> Crew:
        """Return the crew of these; it enters the table with its first task."""
        if not workers and not stakeholders:
            return self.nobody
        return self._crews.get((workers, stakeholders)) or Crew(workers, stakeholders)

    def with_worker(self, crew: Crew, worker_id: str, *, works: bool, cares: bool) -> Crew:
        """Return the crew that also has a worker, as one that can run the task, that cares about it, or both."""
        works = works and worker_id not in crew.workers_set
        cares = cares and worker_id not in crew.stakeholders
        if not works and not cares:
            return crew
        last = crew.last_added
        if last is not None and last[:4] == (worker_id, works, cares, self._generation) and last[4].tasks:
            return last[4]
        found = self.find(
            (*crew.workers, worker_id) if works else crew.workers,
            crew.stakeholders | {worker_id} if cares else crew.stakeholders,
        )
        crew.last_added = (worker_id, works, cares, self._generation, found)
        return found

    def remove_worker(self, worker: Worker, *, keep_stakeholder: bool) -> list[Crew]:
        """Take a worker out of every crew that names it; a disabled worker stays a stakeholder.

        Returns the crews that its tasks are in now. A crew changes as a whole, whatever the number of its tasks; where
        two crews become the same, the tasks of the smaller one move.
        """
        self._generation += 1
        changed = []
        for crew in list(worker.crews):
            if keep_stakeholder and worker.id not in crew.workers_set:
                continue
            self._withdraw(crew)
            crew.workers = tuple(other for other in crew.workers if other != worker.id)
            crew.workers_set = frozenset(crew.workers)
            if not keep_stakeholder:
                crew.stakeholders -= {worker.id}
            changed.append(self._enter_anew(crew))
        return list(dict.fromkeys(changed))

    def _withdraw(self, crew: Crew) -> None:
        """Take a crew out of the table, and from the workers that it names."""
        del self._crews[crew.workers, crew.stakeholders]
        for worker_id in crew.workers_set | crew.stakeholders:
            del self._workers[worker_id].crews[crew]

    def _enter_anew(self, crew: Crew) -> Crew:
        """Enter a crew that names others now, or make it one with a crew that names the same."""
        same = self.find(crew.workers, crew.stakeholders)
        if same.tasks:
            if same is not self.nobody:
                self._withdraw(same)
            crew = _merge(*sorted((crew, same), key=lambda one: len(one.tasks)))
        if not crew.workers and not crew.stakeholders:
            self.nobody = crew
            return crew
        self._crews[crew.workers, crew.stakeholders] = crew
        for worker_id in crew.workers_set | crew.stakeholders:
            self._workers[worker_id].crews[crew] = None
        return crew

    def join_all(self, tasks: Iterable[Task]) -> None:
        """Enter many tasks into the crews that they name, none of which has any task yet."""
        by_crew: dict[Crew, list[Task]] = {}
        for task in tasks:
            members = by_crew.get(task.crew)
            if members is None:
                by_crew[task.crew] = [task]
            else:
                members.append(task)
        for crew, members in by_crew.items():
            self.join(crew, members[0])
            crew.tasks = dict.fromkeys(members)
            for task in members[1:]:
                crew.enter(task)

    def join(self, crew: Crew, task: Task) -> None:
        """Make a task a member of a crew."""
        if not crew.tasks and crew is not self.nobody:
            crew = self._crews.setdefault((crew.workers, crew.stakeholders), crew)
            for worker_id in crew.workers_set | crew.stakeholders:
                self._workers[worker_id].crews[crew] = None
        task.crew = crew
        crew.tasks[task] = None
        crew.enter(task)

    def part(self, task: Task) -> None:
        """Take a task out of its crew; a crew without tasks is forgotten."""
        crew = task.crew
        crew.leave(task)
        del crew.tasks[task]
        if not crew.tasks and crew is not self.nobody:
            crew.last_added = None
            del self._crews[crew.workers, crew.stakeholders]
            for worker_id in crew.workers_set | crew.stakeholders:
                worker = self._workers.get(worker_id)
                if worker is not None:
                    del worker.crews[crew]


def _merge(small: Crew, large: Crew) -> Crew:
    """Move a crew's tasks to another one that names the same workers and stakeholders."""
    large.tasks.update(small.tasks)
    large.running.update(small.running)
    large.pending += small.pending
    large.blocked += small.blocked
    large.pending_with_resources += small.pending_with_resources
    large.failed += small.failed
    for task in small.tasks:
        task.crew = large
    return large
