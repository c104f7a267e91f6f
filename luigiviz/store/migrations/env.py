"""What alembic runs: migrations on the connection that it is given, within its transaction.

A new migration: change ``store/live/schema.py``, add the next file to ``versions``, and set ``opening.HEAD`` to it.
"""

from __future__ import annotations

from typing import Any

from alembic import context

from luigiviz.store.live import schema


def is_ours(thing: Any, name: str | None, kind: str, _reflected: bool, _model: Any) -> bool:
    """Tell whether alembic may look at a thing of the database: others, Luigi's history too, may live there."""
    table = name if kind == "table" else thing.table.name
    return table in schema.metadata.tables


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=schema.metadata,
    version_table=schema.VERSION_TABLE,
    include_object=is_ours,
)
with context.begin_transaction():
    context.run_migrations()
