"""Who leads: one row that its holder changes again and again, as a sign of life.

No two clocks need to agree: others watch whether the row changes, each by its own clock. Every change of leader makes
the epoch grow, and every commit of a leader asks for its epoch, so a leader that has been asleep cannot write.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.engine import Dialect
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import IntegrityError

from luigiviz.store.errors import LostLeadershipError
from luigiviz.store.live.schema import leases

_ROW = 1


@dataclass(frozen=True, slots=True)
class Lease:
    """The row: who leads, in which epoch, and how often it has said so."""

    epoch: int
    beat: int
    holder: str
    address: str


def read_lease(connection: Connection) -> Lease | None:
    """Return the lease; None if nobody has ever led."""
    row = connection.execute(select(leases).where(leases.c.id == _ROW)).one_or_none()
    return None if row is None else Lease(row.epoch, row.beat, row.holder, row.address)


def take_lease(connection: Connection, seen: Lease | None, holder: str, address: str) -> Lease | None:
    """Become the leader if the lease is still as it was seen; None if somebody else was faster."""
    if seen is None:
        lease = Lease(1, 1, holder, address)
        try:
            with connection.begin_nested():
                connection.execute(insert(leases).values(id=_ROW, epoch=1, beat=1, holder=holder, address=address))
        except IntegrityError:
            return None
        return lease
    lease = Lease(seen.epoch + 1, seen.beat + 1, holder, address)
    taken = connection.execute(
        update(leases)
        .where(leases.c.id == _ROW, leases.c.epoch == seen.epoch, leases.c.beat == seen.beat)
        .values(epoch=lease.epoch, beat=lease.beat, holder=holder, address=address)
    )
    return lease if taken.rowcount == 1 else None


def give_sign_of_life(connection: Connection, epoch: int, holder: str | None = None) -> None:
    """Change the row, as its leader; with a ``holder`` of "" it is given up.

    Raises LostLeadershipError: the epoch is not the current one.
    """
    values = {"beat": leases.c.beat + 1} if holder is None else {"beat": leases.c.beat + 1, "holder": holder}
    changed = connection.execute(update(leases).where(leases.c.id == _ROW, leases.c.epoch == epoch).values(values))
    if changed.rowcount != 1:
        raise LostLeadershipError("another instance leads now")


class Fence:
    """What a leader's transaction begins with: it keeps the epoch as it is until the transaction ends."""

    def __init__(self, dialect: Dialect) -> None:
        """Prepare the statements."""
        epoch = leases.c.epoch
        hold = select(epoch).where(leases.c.id == _ROW).with_for_update(read=True)
        self._hold = str(hold.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
        renew = update(leases).where(leases.c.id == _ROW).values(beat=leases.c.beat + 1)
        self._renew = str(renew.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))

    def hold(self, cursor: DBAPICursor, epoch: int, *, renew: bool) -> None:
        """Begin a transaction; with ``renew`` it is a sign of life as well, for those who wait for its end.

        Raises LostLeadershipError: the epoch is not the current one.
        """
        if renew:
            # Locks the row for all others, so what is read next is what the transaction ends with.
            cursor.execute(self._renew)
        cursor.execute(self._hold)
        found = cursor.fetchone()
        if found is None or found[0] != epoch:
            raise LostLeadershipError("another instance leads now")
