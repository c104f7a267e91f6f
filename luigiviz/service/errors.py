"""Why the scheduler cannot be asked at the moment."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    """Where an instance stands."""

    #: It opens its database, or waits for it.
    STARTING = "starting"
    #: Another instance leads; this one waits to take over.
    STANDBY = "standby"
    #: It reads its state.
    LOADING = "loading"
    #: It serves workers.
    SERVING = "serving"
    #: Its database does not take changes. It tries again by itself.
    UNAVAILABLE = "unavailable"
    #: Somebody has to do something first; the message says what.
    REFUSED = "refused"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Status:
    """Where an instance stands, in words for people."""

    phase: Phase
    message: str
    #: Where the instance that leads is found, while this one stands by; "" if it has not said so.
    leader_address: str = ""

    @property
    def is_serving(self) -> bool:
        """Whether workers can be served."""
        return self.phase is Phase.SERVING


class NotServingError(Exception):
    """The scheduler cannot be asked now; workers are to try again after ``retry_after`` seconds."""

    def __init__(self, status: Status, retry_after: int = 2) -> None:
        """Say why."""
        super().__init__(status.message)
        self.status = status
        self.retry_after = retry_after
        self.code = status.phase.value
