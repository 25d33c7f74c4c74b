"""The gate before the limits of concurrent goals: a goal that may not run yet waits, parked.

While it waits it holds no worker, no connection and nothing in memory: it is a row in a queue, and
its workflow is signalled when its turn has come.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog

from perdure.agents.steps.run_closed import JournalFailed
from perdure.concurrency import ConcurrencyLimits
from perdure.models import DEFAULT_POOL, Goal
from perdure.stores.database.errors import StoreUnavailable
from perdure.stores.database.fencing import Claim
from perdure.stores.database.retry import with_retries
from perdure.stores.slots.slot_store import Answer, Asker, SlotStore

Wake = Callable[[Sequence[str]], Awaitable[None]]

NO_LIMITS: Final = ConcurrencyLimits({})

log = structlog.get_logger()


async def _wake_nobody(_: Sequence[str]) -> None:
    return


class Gate:
    """Asks for slots, and gives them back, for the goals that a worker executes."""

    def __init__(
        self,
        slots: SlotStore,
        limits: ConcurrencyLimits = NO_LIMITS,
        *,
        holder: str = "",
        pool: str = DEFAULT_POOL,
        wake: Wake = _wake_nobody,
    ) -> None:
        """Make the gate of a worker.

        Args:
            slots: The slots.
            limits: How many goals may run at once.
            holder: The worker, as :func:`.holder_name` names it.
            pool: Its pool.
            wake: Signals runs that their turn has come. It raises nothing.
        """
        self._slots = slots
        self._limits = limits
        self._holder = holder
        self._pool = pool
        self._wake = wake

    async def ask(self, goal: Goal, workflow_id: str) -> bool:
        """Return whether a goal that was handed in may run; if not, it has joined a queue.

        Raises:
            StoreUnavailable: The stores do not answer.
        """
        if not self._counts(goal, goal.tenant):
            return True
        answer = await self._slots.ask(
            _asker(goal, workflow_id, goal.tenant), self._limits, worker_pool=self._pool
        )
        return await self._answered(answer)

    async def enter(self, goal: Goal, claim: Claim, *, has_begun: bool) -> bool:
        """Return whether an execution may begin; if not, its goal has joined a queue.

        Args:
            goal: The goal.
            claim: The execution.
            has_begun: Whether the goal was executed before.

        Raises:
            StoreUnavailable: The stores do not answer.
        """
        if not self._counts(goal, claim.tenant):
            return True
        if await self._slots.take(claim.workflow_id, claim.fence, self._holder):
            return True
        answer = await self._slots.ask(
            _asker(goal, claim.workflow_id, claim.tenant, has_begun=has_begun),
            self._limits,
            worker_pool=self._pool,
            execution=(claim.fence, self._holder),
        )
        return await self._answered(answer)

    async def leave(self, goal: Goal, claim: Claim, *, goes_on: bool) -> None:
        """Give an execution's slot to the next goal, or keep it where the goal goes on at once."""
        if not self._counts(goal, claim.tenant):
            return
        run, fence = claim.workflow_id, claim.fence
        try:
            if goes_on:
                await with_retries(lambda: self._slots.keep(run, fence))
                return
            granted = await with_retries(
                lambda: self._slots.release(run, fence, self._limits, worker_pool=self._pool)
            )
        except JournalFailed as error:  # it is free once the goal has ended, or its worker has
            log.warning("slot not released", workflow_id=run, message=str(error))
            return
        await self._wake(granted)

    async def forget(self, goal: Goal, workflow_id: str) -> None:
        """Let a goal that has ended wait no more."""
        if self._counts(goal, goal.tenant):
            try:
                await self._slots.forget(workflow_id)
            except StoreUnavailable as error:  # it is passed over when its turn comes
                log.info("slot not forgotten", workflow_id=workflow_id, message=str(error))

    async def balance(self) -> None:
        """Give free slots to those who wait, and see to what was lost; called again and again.

        Raises:
            StoreUnavailable: The stores do not answer.
        """
        await self._wake(await self._slots.balance(self._limits, worker_pool=self._pool))

    def _counts(self, goal: Goal, tenant: str) -> bool:
        return bool(self._limits.of(tenant, goal.agent_type, goal.pool or DEFAULT_POOL))

    async def _answered(self, answer: Answer) -> bool:
        await self._wake(answer.granted)
        return answer.has_slot


def _asker(goal: Goal, workflow_id: str, tenant: str, *, has_begun: bool = False) -> Asker:
    return Asker(
        workflow_id=workflow_id,
        agent_type=goal.agent_type,
        tenant=tenant,
        pool=goal.pool or DEFAULT_POOL,
        priority=goal.priority,
        has_begun=has_begun,
    )
