"""What stands around a task: levels of dependencies and dependents, and what holds it up.

As in ``queries``, the first half of a query runs while nobody changes the state, what it returns at any time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from luigiviz.engine.config import SchedulerConfig
from luigiviz.engine.model import Task
from luigiviz.engine.queries import display_status, row
from luigiviz.engine.state import State
from luigiviz.engine.statuses import DISABLED, FAILED, UNKNOWN
from luigiviz.engine.views import Blocker, Blockers, Level, Surroundings


def levels(state: State, task_id: str, depth: int, most: int) -> Callable[[], Surroundings]:
    """Return what a task waits for and what waits for it, up to ``depth`` levels and ``most`` tasks each way."""
    up, more_up = _levels(state, task_id, depth, most, inverse=False)
    down, more_down = _levels(state, task_id, depth, most, inverse=True)
    return lambda: Surroundings(up, down, more_up, more_down)


def _levels(state: State, task_id: str, depth: int, most: int, *, inverse: bool) -> tuple[tuple[Level, ...], bool]:
    levels: list[Level] = []
    seen, current = {task_id}, [task_id]
    while current and len(seen) <= most:
        following: list[str] = []
        for name in current:
            task = state.tasks.get(name)
            if task is None:
                continue
            for other in (dependent.id for dependent in task.dependents or ()) if inverse else task.deps:
                if other not in seen and len(seen) <= most:
                    seen.add(other)
                    following.append(other)
        if not following:
            return tuple(levels), False
        if len(levels) == depth:
            return tuple(levels), True
        counts = Counter(
            UNKNOWN if (task := state.tasks.get(name)) is None else display_status(task) for name in following
        )
        levels.append(Level(len(levels) + 1, len(following), dict(counts)))
        current = following
    return tuple(levels), bool(current)


def blockers(state: State, task_id: str, most: int, shown: int, now: float) -> Callable[[], Blockers]:
    """Return the FAILED and DISABLED tasks that a waiting task waits for, directly or not.

    Only tasks that are held up themselves are followed, ``most`` of them; ``shown`` of the blockers are described. The
    state may change during the walk: it reads single attributes of tasks, and ``deps`` is replaced as a whole.
    """
    tasks, config = state.tasks, state.config
    return lambda: _blockers(tasks, config, task_id, most, shown, now)


def _blockers(
    tasks: Mapping[str, Task], config: SchedulerConfig, task_id: str, most: int, shown: int, now: float
) -> Blockers:
    found: list[tuple[Task, int]] = []
    start = tasks.get(task_id)
    seen, current, distance = {task_id}, [] if start is None else [start], 0
    while current and len(seen) <= most:
        distance += 1
        following: list[Task] = []
        for task in current:
            for dep_id in sorted(task.deps):
                dep = tasks.get(dep_id)
                if dep is None or dep_id in seen or len(seen) > most:
                    continue
                if dep.status in (FAILED, DISABLED):
                    seen.add(dep_id)
                    found.append((dep, distance))
                elif dep.flag:
                    seen.add(dep_id)
                    following.append(dep)
        current = following
    described = tuple(Blocker(row(task, config, now), steps) for task, steps in found[:shown])
    return Blockers(described, len(found), len(seen) > most)
