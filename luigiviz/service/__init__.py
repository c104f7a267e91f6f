"""Between the engine and everything else: the door that calls go through, and the keeper of the durable copy."""

from __future__ import annotations

from luigiviz.service.door import HistorySink, MetricsSink, Service
from luigiviz.service.errors import NotServingError, Phase, Status
from luigiviz.service.keeper import Keeper

__all__ = ["HistorySink", "Keeper", "MetricsSink", "NotServingError", "Phase", "Service", "Status"]
