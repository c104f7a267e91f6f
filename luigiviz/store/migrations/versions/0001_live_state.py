"""Make the tables of the live state."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import LONGTEXT

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make what is missing: MySQL keeps what an upgrade made before it was interrupted."""
    long_text = sa.Text().with_variant(LONGTEXT(), "mysql", "mariadb")
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    options: Any = {"if_not_exists": True}
    for dialect in ("mysql", "mariadb"):
        # Else the database would decide, which may know few characters, or take small letters for capitals.
        options |= {
            f"{dialect}_engine": "InnoDB",
            f"{dialect}_charset": "utf8mb4",
            f"{dialect}_collate": "utf8mb4_bin",
        }
    op.create_table(
        "luigiviz_task",
        sa.Column("seq", number, primary_key=True, autoincrement=False),
        sa.Column("task_id", long_text, nullable=False),
        sa.Column("family", long_text, nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("priority", sa.Double(), nullable=False),
        sa.Column("updated", sa.Double(), nullable=False),
        sa.Column("worker_running", long_text),
        sa.Column("document", long_text, nullable=False),
        **options,
    )
    op.create_table(
        "luigiviz_dependency",
        sa.Column("task_seq", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("position", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("dep_id", long_text, nullable=False),
        sqlite_with_rowid=False,
        **options,
    )
    for name in ("luigiviz_worker", "luigiviz_batcher"):
        op.create_table(
            name,
            sa.Column("seq", number, primary_key=True, autoincrement=False),
            sa.Column("worker_id", long_text, nullable=False),
            sa.Column("document", long_text, nullable=False),
            **options,
        )
    op.create_table(
        "luigiviz_value",
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("document", long_text, nullable=False),
        **options,
    )
    op.create_table(
        "luigiviz_lease",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("beat", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.String(200), nullable=False),
        sa.Column("address", long_text, nullable=False),
        **options,
    )
