"""What can go wrong between us and a database."""

from __future__ import annotations


class StoreError(Exception):
    """The base of this package's errors; the message is for people."""


class DatabaseUrlError(StoreError):
    """A database URL that cannot be used: it does not parse, or its driver is not installed."""


class HistoryUnavailableError(StoreError):
    """The history database does not answer at the moment; asking again later may help."""


class LiveStateUnavailableError(StoreError):
    """The database of the live state does not take or give anything at the moment; trying again later may help."""


class LiveStateRefusedError(StoreError):
    """The database of the live state cannot be used as it is: somebody has to do something first."""


class LostLeadershipError(StoreError):
    """Another instance has taken the lead, so nothing may be written any more."""


class StateFileError(StoreError):
    """A state file of luigid cannot be imported."""


class BackupError(StoreError):
    """A database cannot be copied."""
