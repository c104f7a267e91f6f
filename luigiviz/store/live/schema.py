"""The tables of the live state. All names begin with ``luigiviz_``, so that they can share a database with a history.

``document`` holds a task, a worker, … as JSON (``docs/architecture.md`` lists the keys), and is all that is read at
start; the columns beside it repeat what one would ask for in SQL. Migrations (``store/migrations``) make these tables.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, Integer, MetaData, String, Table, Text

from luigiviz.store.mysql import TABLE_OPTIONS

#: The table in which alembic notes the version of this schema; other users of the database have their own.
VERSION_TABLE = "luigiviz_schema"

#: Text of any length; MySQL's TEXT ends at 64 kB, and with this length becomes its LONGTEXT.
_LONG = Text().with_variant(Text(2**32 - 1), "mysql", "mariadb")

#: In SQLite only this name makes the key the number of the row itself, instead of an index beside the table.
_NUMBER = BigInteger().with_variant(Integer(), "sqlite")

metadata = MetaData()

tasks = Table(
    "luigiviz_task",
    metadata,
    #: Grows with creation, and is never used again while the task's dependencies are written down.
    Column("seq", _NUMBER, primary_key=True, autoincrement=False),
    Column("task_id", _LONG, nullable=False),
    Column("family", _LONG, nullable=False),
    Column("status", String(20), nullable=False),
    Column("priority", Double, nullable=False),
    #: Seconds since the epoch.
    Column("updated", Double, nullable=False),
    Column("worker_running", _LONG),
    Column("document", _LONG, nullable=False),
    **TABLE_OPTIONS,
)

dependencies = Table(
    "luigiviz_dependency",
    metadata,
    Column("task_seq", BigInteger, primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    #: The id of what the task waits for, whether there is such a task or not (``codec.write_text``).
    Column("dep_id", _LONG, nullable=False),
    sqlite_with_rowid=False,
    **TABLE_OPTIONS,
)

workers = Table(
    "luigiviz_worker",
    metadata,
    Column("seq", _NUMBER, primary_key=True, autoincrement=False),
    Column("worker_id", _LONG, nullable=False),
    Column("document", _LONG, nullable=False),
    **TABLE_OPTIONS,
)

batchers = Table(
    "luigiviz_batcher",
    metadata,
    Column("seq", _NUMBER, primary_key=True, autoincrement=False),
    Column("worker_id", _LONG, nullable=False),
    Column("document", _LONG, nullable=False),
    **TABLE_OPTIONS,
)

#: Single values: ``resources`` (totals that were edited), ``paused``, ``imported`` (luigid's state file), and
#: ``loaded`` (when that last happened).
values = Table(
    "luigiviz_value",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("document", _LONG, nullable=False),
    **TABLE_OPTIONS,
)

#: One row, ``id`` 1: which instance leads.
leases = Table(
    "luigiviz_lease",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    #: Grows with each change of leader; a leader's commits carry it.
    Column("epoch", BigInteger, nullable=False),
    #: Grows with each sign of life; others watch whether it does, so no two clocks need to agree.
    Column("beat", BigInteger, nullable=False),
    #: Names the instance that leads, "" for none, and says where people and workers find it.
    Column("holder", String(200), nullable=False),
    Column("address", _LONG, nullable=False),
    **TABLE_OPTIONS,
)
