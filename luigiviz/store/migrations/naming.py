"""Which tables of a database are ours: others, Luigi's history too, may live there."""

from __future__ import annotations

from typing import Any

from luigiviz.store.live import schema


def is_ours(thing: Any, name: str | None, kind: str, _reflected: bool, _model: Any) -> bool:
    """Tell alembic whether it may look at a thing of the database."""
    table = name if kind == "table" else thing.table.name
    return table in schema.metadata.tables
