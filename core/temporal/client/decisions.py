"""Votes and signals for runs: stored first, then the run is woken."""

import structlog
from pydantic import JsonValue

from perdure.messages import WAKE_SIGNAL
from perdure.models import Vote
from perdure.schemas.approvals import ApprovalRecord
from perdure.stores import Stores
from perdure.stores.journal.signals import signal_wait
from perdure.stores.journal.wait_ids import wait_id
from perdure.temporal.client.connection import TemporalUnavailable
from perdure.temporal.client.workflow_gateway import WorkflowGateway

log = structlog.get_logger()


class DecisionService:
    """Takes votes and signals for runs.

    What is stored counts, whether or not the run can be woken now: a worker wakes it when the
    server answers again. Where no server is known, pass no gateway.
    """

    def __init__(self, gateway: WorkflowGateway | None, stores: Stores) -> None:
        self._gateway = gateway
        self._stores = stores

    async def vote(self, approval_id: str, vote: Vote) -> ApprovalRecord:
        """Take one person's answer to a question; see :meth:`.ApprovalStore.vote` for the errors.

        Returns:
            The approval after the vote.
        """
        approval = await self._stores.approvals.vote(approval_id, vote)
        if approval.decision is not None:
            await self._try_to_wake(approval.workflow_id, approval_id)
        return approval

    async def signal(self, workflow_id: str, name: str, data: JsonValue) -> int:
        """Send a signal to a run; see :meth:`.SignalStore.send` for the errors.

        Returns:
            Its number among those of that name.
        """
        number = await self._stores.signals.send(workflow_id, name, data)
        await self._try_to_wake(workflow_id, wait_id(workflow_id, signal_wait(name, number)))
        return number

    async def wake(self, workflow_id: str, wait_ids: list[str]) -> bool:
        """Signal a run that waits of it are over.

        Returns:
            Whether its workflow was running.

        Raises:
            TemporalUnavailable: The server does not answer.
        """
        if self._gateway is None:
            return False
        return await self._gateway.signal(workflow_id, WAKE_SIGNAL, wait_ids)

    async def _try_to_wake(self, workflow_id: str, wait: str) -> None:
        try:
            await self.wake(workflow_id, [wait])
        except TemporalUnavailable as error:
            log.warning("not woken yet", workflow_id=workflow_id, message=str(error))
