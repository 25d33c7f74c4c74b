"""The agents that the workers of an installation have, or had: what a goal may wait for."""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from sqlalchemy import bindparam, select

from perdure.stores.database import schema
from perdure.stores.database.engine import Database, Transaction

_DEFAULT: Final[Mapping[str, str]] = MappingProxyType({})
_AGENTS: Final = schema.agents.c
_SELECT_VERSION: Final = select(_AGENTS.agent_version).where(_AGENTS.name == bindparam("agent"))


class AgentStore:
    """The agents of all workers, each with the distribution and version that brought it last."""

    def __init__(self, database: Database) -> None:
        self._database = database
        insert = database.insert(schema.agents)
        self._upsert = insert.on_conflict_do_update(
            index_elements=["name"],
            set_={
                "agent_version": insert.excluded.agent_version,
                "seen_at": insert.excluded.seen_at,
                "pool": insert.excluded.pool,
            },
        )

    async def add(self, versions: Mapping[str, str], pools: Mapping[str, str] = _DEFAULT) -> None:
        """Store that a worker has these agents.

        Args:
            versions: Distribution and version of each, by the agent's name.
            pools: The pools of workers that run those whose goals others than the default one run.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        now = datetime.now(UTC)
        # In one order, so that workers that start at once do not wait for each other in a circle.
        rows = [
            {
                "name": name,
                "agent_version": versions[name],
                "seen_at": now,
                "pool": pools.get(name),
            }
            for name in sorted(versions)
        ]
        if not rows:
            return

        def upsert(transaction: Transaction) -> None:
            transaction.connection.execute(self._upsert, rows)

        await self._database.write(upsert)

    async def version(self, name: str) -> str | None:
        """Return the distribution and version that brought an agent; ``None`` for an unknown one.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        return await self._database.read(
            lambda connection: connection.execute(_SELECT_VERSION, {"agent": name}).scalar()
        )
