"""Leases: what one process at a time does, until it says no more that it does it."""

from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import bindparam, delete, or_

from perdure.stores.database.engine import Database, Transaction
from perdure.stores.retention import tables

_LEASES: Final = tables.leases.c
_RELEASE: Final = delete(tables.leases).where(
    _LEASES.name == bindparam("lease"), _LEASES.holder == bindparam("mine")
)


class LeaseStore:
    """The leases of an installation.

    They spare double work and guard nothing: a process that was frozen may think that it still has
    one, and the clocks of two machines differ.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        insert = database.insert(tables.leases)
        self._take = insert.on_conflict_do_update(
            index_elements=[_LEASES.name],
            set_={"holder": insert.excluded.holder, "until": insert.excluded.until},
            where=or_(_LEASES.until <= bindparam("now"), _LEASES.holder == insert.excluded.holder),
        ).returning(_LEASES.name)

    async def take(self, name: str, holder: str, duration: timedelta) -> bool:
        """Take a lease, or extend it; return whether the holder has it.

        Args:
            name: What it is for.
            holder: Who takes it.
            duration: How long it lasts, unless it is taken again.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        now = datetime.now(UTC)
        row = {"name": name, "holder": holder, "until": now + duration, "now": now}

        def take(transaction: Transaction) -> bool:
            return transaction.connection.execute(self._take, row).first() is not None

        return await self._database.write(take)

    async def release(self, name: str, holder: str) -> None:
        """Give a lease back, if the holder has it.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        mine = {"lease": name, "mine": holder}
        await self._database.write(
            lambda transaction: transaction.connection.execute(_RELEASE, mine)
        )
