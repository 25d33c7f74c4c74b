"""How much there is at the moment: open goals, waits, dead letters, workers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, bindparam, func, select

from perdure.models import GoalStatus
from perdure.stores.database import schema
from perdure.stores.database.engine import Database
from perdure.stores.runs.workers import ALIVE

_GOALS: Final = schema.goals.c
_WAITS: Final = schema.waits.c
_OPEN: Final = tuple(status.value for status in GoalStatus if not status.final)
_OPEN_GOALS: Final = (
    select(_GOALS.status, _GOALS.agent_type, func.count())
    .where(_GOALS.status.in_(_OPEN))
    .group_by(_GOALS.status, _GOALS.agent_type)
)
# By way of the goals that wait, which an index finds: the waits of years are not read.
_OPEN_WAITS: Final = (
    select(_WAITS.kind, func.count().label("number"))
    .select_from(schema.goals.join(schema.waits, _WAITS.workflow_id == _GOALS.workflow_id))
    .where(_GOALS.status == GoalStatus.WAITING.value, _WAITS.over_at.is_(None))
    .group_by(_WAITS.kind)
)
_FAILED: Final = select(func.count()).where(_GOALS.status == GoalStatus.FAILED.value)
_WORKERS: Final = select(func.count()).where(schema.workers.c.seen_at >= bindparam("oldest"))


@dataclass(frozen=True, slots=True)
class CurrentCounts:
    """How much there is, of all tenants.

    Attributes:
        open_goals: How many goals have not ended, by status and agent.
        open_waits: How many waits are open, by kind.
        dead_letters: How many goals have failed for good.
        workers: How many worker processes are there.
    """

    open_goals: Mapping[tuple[str, str], int]
    open_waits: Mapping[str, int]
    dead_letters: int
    workers: int


class CurrentCountStore:
    """Counts what there is, of all tenants: for whoever runs the installation."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self) -> CurrentCounts:
        """Return the counts as they are now.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        oldest = {"oldest": datetime.now(UTC) - ALIVE}

        def fetch(connection: Connection) -> CurrentCounts:
            goals = connection.execute(_OPEN_GOALS).all()
            return CurrentCounts(
                open_goals={(status, agent): count for status, agent, count in goals},
                open_waits={row.kind: row.number for row in connection.execute(_OPEN_WAITS)},
                dead_letters=connection.execute(_FAILED).scalar_one(),
                workers=connection.execute(_WORKERS, oldest).scalar_one(),
            )

        return await self._database.read(fetch)
