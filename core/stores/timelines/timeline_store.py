"""The timeline store: reads what a run did when."""

import asyncio

from sqlalchemy import Connection

from perdure.models import GoalRecord
from perdure.schemas.timelines import Timeline
from perdure.stores.database.tenancy import TenantStore
from perdure.stores.timelines.building import build_timeline
from perdure.stores.timelines.rows import TimelineRows, read_rows


class TimelineStore(TenantStore):
    """The timelines of runs."""

    async def of(self, record: GoalRecord) -> Timeline:
        """Return the timeline of a run.

        Args:
            record: The run, as the goal store has it.

        Raises:
            UnknownGoal: There is no such run.
            StoreUnavailable: The database does not answer.
        """

        def read(connection: Connection) -> TimelineRows:
            self._tenancy.check_run(connection, record.workflow_id)
            return read_rows(connection, record.workflow_id)

        rows = await self._database.read(read)
        # A run may have had ten thousand events, and other requests wait for this loop.
        return await asyncio.to_thread(build_timeline, record, rows)
