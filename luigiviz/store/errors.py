"""What can go wrong between us and a database."""

from __future__ import annotations


class StoreError(Exception):
    """The base of this package's errors; the message is for people."""


class DatabaseUrlError(StoreError):
    """A database URL that cannot be used: it does not parse, or its driver is not installed."""


class HistoryUnavailableError(StoreError):
    """The history database does not answer at the moment; asking again later may help."""
