"""The agents that the workers of an installation have, or had: what a goal may wait for."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from sqlalchemy import Connection, bindparam, select

from perdure.schemas.agents import AgentDescription
from perdure.stores.database import schema
from perdure.stores.database.engine import Database, Transaction
from perdure.stores.runs.workers import AGENTS, ALIVE

_DEFAULT: Final[Mapping[str, str]] = MappingProxyType({})
_AGENTS: Final = schema.agents.c
_SELECT_AT_WORK: Final = select(schema.workers.c.agents).where(
    schema.workers.c.seen_at >= bindparam("oldest")
)
_SELECT_DESCRIPTIONS: Final = (
    select(_AGENTS.description)
    .where(_AGENTS.name.in_(bindparam("names", expanding=True)), _AGENTS.description.is_not(None))
    .order_by(_AGENTS.name)
)
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
                "description": insert.excluded.description,
            },
        )

    async def add(
        self,
        versions: Mapping[str, str],
        pools: Mapping[str, str] = _DEFAULT,
        descriptions: Iterable[AgentDescription] = (),
    ) -> None:
        """Store that a worker has these agents.

        Args:
            versions: Distribution and version of each, by the agent's name.
            pools: The pools of workers that run those whose goals others than the default one run.
            descriptions: What they are for and take.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        now = datetime.now(UTC)
        described = {one.name: one.model_dump_json() for one in descriptions}
        # In one order, so that workers that start at once do not wait for each other in a circle.
        rows = [
            {
                "name": name,
                "agent_version": versions[name],
                "seen_at": now,
                "pool": pools.get(name),
                "description": described.get(name),
            }
            for name in sorted(versions)
        ]
        if not rows:
            return

        def upsert(transaction: Transaction) -> None:
            transaction.connection.execute(self._upsert, rows)

        await self._database.write(upsert)

    async def at_work(self) -> list[AgentDescription]:
        """Return what the agents are for and take that the workers have which are there now.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        oldest = {"oldest": datetime.now(UTC) - ALIVE}

        def fetch(connection: Connection) -> list[str]:
            names: set[str] = set()
            for agents in connection.execute(_SELECT_AT_WORK, oldest).scalars():
                names |= AGENTS.validate_json(agents).keys()
            found = connection.execute(_SELECT_DESCRIPTIONS, {"names": sorted(names)})
            return list(found.scalars())

        texts = await self._database.read(fetch)
        return [AgentDescription.model_validate_json(text) for text in texts]

    async def described(self, name: str) -> AgentDescription | None:
        """Return what an agent is for and takes; ``None`` of one that no worker has had.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        query = _SELECT_DESCRIPTIONS
        text = await self._database.read(
            lambda connection: connection.execute(query, {"names": [name]}).scalar()
        )
        return None if text is None else AgentDescription.model_validate_json(text)

    async def version(self, name: str) -> str | None:
        """Return the distribution and version that brought an agent; ``None`` for an unknown one.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        return await self._database.read(
            lambda connection: connection.execute(_SELECT_VERSION, {"agent": name}).scalar()
        )
