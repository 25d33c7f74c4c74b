"""Starts, retries and cancels the runs of a batch's items: what the feeder is given."""

from perdure.models import Goal, GoalStatus
from perdure.stores import UnknownGoal
from perdure.stores.database.errors import StateConflict
from perdure.temporal.client.goal_service import GoalService


class ItemRuns:
    """The runs of items; see :class:`.ItemRunner`.

    Args:
        service: The service of goals.
    """

    def __init__(self, service: GoalService) -> None:
        self._service = service

    async def start(self, goal: Goal, workflow_id: str) -> None:
        """Start a run, unless there is one of that id; its first activity opens its record.

        Raises:
            TemporalUnavailable: The server does not answer.
        """
        await self._service.gateway.start(goal, workflow_id)

    async def retry(self, workflow_id: str) -> None:
        """Have a run go on from its journal; nothing if it goes on already, or has completed.

        Raises:
            UnknownGoal: It was deleted.
            StateConflict: Its workflow has not ended yet: try again in a few seconds.
            TemporalUnavailable: The server does not answer.
            StoreUnavailable: The stores do not answer.
        """
        try:
            await self._service.control.retry(workflow_id)
        except StateConflict:
            status = (await self._service.stores.goals.get(workflow_id)).status
            if status.final and status is not GoalStatus.COMPLETED:
                raise

    async def cancel(self, workflow_id: str) -> bool:
        """Ask a run to end, and return whether there is one that has not ended.

        Raises:
            TemporalUnavailable: The server does not answer.
            StoreUnavailable: The stores do not answer.
        """
        try:
            return await self._service.control.cancel(workflow_id)
        except UnknownGoal:  # its record is opened in a moment, or it was never started
            return await self._service.gateway.cancel(workflow_id)
