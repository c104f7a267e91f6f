"""What alembic runs: migrations on the connection that it is given, within its transaction.

A new migration: change ``store/live/schema.py``, add the next file to ``versions``, and set ``opening.HEAD`` to it.
"""

from __future__ import annotations

from alembic import context

from luigiviz.store.live import schema
from luigiviz.store.migrations.naming import is_ours

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=schema.metadata,
    version_table=schema.VERSION_TABLE,
    include_object=is_ours,
)
with context.begin_transaction():
    context.run_migrations()
