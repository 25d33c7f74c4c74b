"""``store_agent_results``: store how a run ended, once."""

from datetime import timedelta

from temporalio import activity

from perdure.activities.gate import Gate
from perdure.activities.quick_activity import quick_or_later
from perdure.messages import STORE_ACTIVITY, StoreInput
from perdure.models import ResultReference
from perdure.stores import Stores, UnknownGoal


class Store:
    """The last activity of a goal."""

    def __init__(self, stores: Stores, gate: Gate | None = None) -> None:
        self._stores = stores
        self._gate = gate or Gate(stores.slots)

    @activity.defn(name=STORE_ACTIVITY)
    @quick_or_later
    async def store_agent_results(self, ended: StoreInput) -> ResultReference:
        """Turn the run's draft into its result; delivered twice, it is stored once.

        Raises:
            StoreUnavailable: The database or the disk does not take it; Temporal tries again.
        """
        info = activity.info()
        workflow_id = info.workflow_id or ""
        await self._gate.forget(ended.goal, workflow_id)
        try:
            return await self._store(workflow_id, ended)
        except UnknownGoal:
            # The stores were away when the record should have been opened.
            started_at = info.scheduled_time - timedelta(seconds=ended.execution_time)
            await self._stores.goals.create(ended.goal, workflow_id, started_at)
            return await self._store(workflow_id, ended)

    async def _store(self, workflow_id: str, ended: StoreInput) -> ResultReference:
        return await self._stores.results.store(
            workflow_id, ended.status, ended.error, ended.execution_time
        )
