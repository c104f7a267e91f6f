"""Layouts that were computed already, so that a status that changes costs no run of ``dot``."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future

from luigiviz.graphs.errors import GraphBusyError, GraphError, GraphvizMissingError
from luigiviz.graphs.layout import Layout, Shape

# A graph that failed is tried again after this many seconds, not at each poll of each viewer.
_FAILURE_LASTS = 60.0
_MAX_FAILURES = 100


class LayoutCache:
    """Keeps the layouts that were used last, bounded by their nodes and edges together.

    Callers that want the same layout at the same time share one computation.
    """

    def __init__(
        self,
        compute: Callable[[Shape], Layout],
        *,
        max_weight: int = 60_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Set how layouts are made, how many nodes and edges to keep, and the clock for failures."""
        self._compute = compute
        self._max_weight = max_weight
        self._clock = clock
        self._lock = threading.Lock()
        self._layouts: OrderedDict[Shape, Layout] = OrderedDict()
        self._weight = 0
        self._failures: OrderedDict[Shape, tuple[GraphError, float]] = OrderedDict()
        self._running: dict[Shape, Future[Layout]] = {}

    @property
    def weight(self) -> int:
        """Nodes and edges that are held."""
        return self._weight

    def get(self, shape: Shape) -> Layout:
        """Return the layout of the shape; raises the GraphError of the computation."""
        with self._lock:
            layout = self._layouts.get(shape)
            if layout is not None:
                self._layouts.move_to_end(shape)
                return layout
            error, until = self._failures.get(shape, (None, 0.0))
            if error is not None and self._clock() < until:
                raise type(error)(error.message, error.advice)
            shared = self._running.get(shape)
            mine: Future[Layout] | None = None
            if shared is None:
                mine = self._running[shape] = Future()
        if mine is not None:
            return self._fill(shape, mine)
        assert shared is not None
        return shared.result()

    def _fill(self, shape: Shape, future: Future[Layout]) -> Layout:
        try:
            layout = self._compute(shape)
        except BaseException as error:
            with self._lock:
                del self._running[shape]
                self._remember_failure(shape, error)
            future.set_exception(error)
            raise
        with self._lock:
            del self._running[shape]
            self._keep(shape, layout)
        future.set_result(layout)
        return layout

    def _keep(self, shape: Shape, layout: Layout) -> None:
        self._failures.pop(shape, None)
        self._layouts[shape] = layout
        self._weight += layout.weight
        while self._weight > self._max_weight and self._layouts:
            _, dropped = self._layouts.popitem(last=False)
            self._weight -= dropped.weight

    def _remember_failure(self, shape: Shape, error: BaseException) -> None:
        # A missing program or a full house says nothing about the graph.
        if not isinstance(error, GraphError) or isinstance(error, GraphBusyError | GraphvizMissingError):
            return
        self._failures[shape] = (error, self._clock() + _FAILURE_LASTS)
        while len(self._failures) > _MAX_FAILURES:
            self._failures.popitem(last=False)
