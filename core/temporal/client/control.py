"""Stopping runs, pausing them, and picking them up again."""

import asyncio
from contextlib import suppress
from typing import Final

import structlog

from perdure.messages import PAUSE_SIGNAL, RESUME_SIGNAL
from perdure.models import Goal, GoalRecord, GoalStatus
from perdure.stores import Stores, StoreUnavailable
from perdure.stores.database.errors import RunNotEnded, StateConflict
from perdure.stores.journal.signals import ended
from perdure.temporal.client.reconciliation import Reconciliation, close, ended_badly
from perdure.temporal.client.workflow_gateway import Start, WorkflowGateway

# A run's record is closed a moment before its workflow ends.
ENDING_SECONDS: Final = 5.0
_LOOK_AGAIN: Final = 0.1
_HASTE_SECONDS: Final = 1.0
_RETRIES_AT_ONCE: Final = 500

log = structlog.get_logger()


class RunControl:
    """Control of runs.

    Each call raises UnknownGoal when there is no such run, TemporalUnavailable when the server does
    not answer, and StoreUnavailable when the stores do not.
    """

    def __init__(
        self, calls: WorkflowGateway, stores: Stores, reconciliation: Reconciliation
    ) -> None:
        self._calls = calls
        self._stores = stores
        self._reconciliation = reconciliation

    async def cancel(self, workflow_id: str) -> bool:
        """Ask a run, and what it delegated, to stop; what was made by then is kept.

        Returns:
            Whether it was still running.
        """
        record = await self._stores.goals.get(workflow_id)
        if record.status.final:
            return False
        if not await self._calls.cancel(workflow_id):
            await self._reconciliation.settle(workflow_id)
            return False
        # Temporal reaches an agent at its next heartbeat; this one reaches it within a second, and
        # is not waited for when the stores are busy.
        with suppress(StoreUnavailable, TimeoutError):
            async with asyncio.timeout(_HASTE_SECONDS):
                below = await self._stores.control.open_below(workflow_id)
                await self._stores.control.request([workflow_id, *below], "cancel")
        return True

    async def pause(self, workflow_id: str) -> None:
        """Ask a run, and what it delegated, to stop at the next step boundary until it is resumed.

        Raises:
            RunEnded: It has ended.
        """
        runs = await self._signal_all(workflow_id, PAUSE_SIGNAL)
        # Only what has heard of it is interrupted: another run would go on at once.
        await self._stores.control.request(runs, "pause")

    async def resume(self, workflow_id: str) -> None:
        """Let a paused run, and what it delegated, go on.

        Raises:
            RunEnded: It has ended.
        """
        # First, or the worker that gets the run next would be asked to pause it.
        below = await self._stores.control.open_below(workflow_id)
        await self._stores.control.request([workflow_id, *below], None)
        await self._signal_all(workflow_id, RESUME_SIGNAL)

    async def terminate(self, workflow_id: str, reason: str = "") -> bool:
        """End a run, and what it delegated, at once: the last resort, for nothing is cleaned up.

        Args:
            workflow_id: The run.
            reason: Why, for the record.

        Returns:
            Whether it was still open.
        """
        record = await self._stores.goals.get(workflow_id)
        if record.status.final:
            return False
        what = f"goal {workflow_id} was terminated" + (f" ({reason})" if reason else "")
        await self._end(workflow_id, reason, what)
        for child in await self._stores.control.open_below(workflow_id):
            await self._end(child, reason, f"{what}, which had delegated this one")
        return True

    async def retry(self, workflow_id: str) -> None:
        """Pick a run up again that failed, was cancelled or terminated: it goes on in its journal.

        Raises:
            RunNotEnded: It, or what it delegated, has not ended; or it has completed; or another
                run delegated it.
        """
        record = await self._stores.goals.get(workflow_id)
        # Before anything is changed: the server answers, and nothing of the run is under way.
        await self._see_that_nothing_runs(record)
        before = await self._stores.control.reopen(workflow_id)
        goal = Goal(
            goal_id=record.goal_id,
            description=record.description,
            agent_type=record.agent_type,
            parameters=record.parameters,
            budget=record.budget,
        )
        started = False
        try:
            started = await self._calls.start(goal, workflow_id, Start.AGAIN)
        finally:
            if not started:
                await self._stores.control.put_back(workflow_id, before)
        if not started:
            raise _still_ending(workflow_id)

    async def retry_all(self, agent_type: str | None = None) -> list[str]:
        """Pick up every run that failed, or every one of an agent.

        Returns:
            Those that were picked up, 500 at most a call.
        """
        failed = await self._stores.goals.list(
            limit=_RETRIES_AT_ONCE,
            status=GoalStatus.FAILED,
            agent_type=agent_type,
            delegated=False,
        )
        retried: list[str] = []
        for record in reversed(failed):
            try:
                await self.retry(record.workflow_id)
            except StateConflict as error:  # somebody else was quicker
                log.info("not retried", workflow_id=record.workflow_id, message=str(error))
            else:
                retried.append(record.workflow_id)
        return retried

    async def _signal_all(self, workflow_id: str, signal: str) -> list[str]:
        record = await self._stores.goals.get(workflow_id)
        if record.status.final:
            raise ended(workflow_id, record.status)
        if not await self._calls.signal(workflow_id, signal):
            await self._reconciliation.settle(workflow_id)
            record = await self._stores.goals.get(workflow_id)
            raise ended(workflow_id, record.status)
        below = await self._stores.control.open_below(workflow_id)
        return [workflow_id] + [run for run in below if await self._calls.signal(run, signal)]

    async def _end(self, workflow_id: str, reason: str, what: str) -> None:
        await self._calls.terminate(workflow_id, reason or "asked for")
        failure = ended_badly("Terminated", what)
        await close(self._stores, workflow_id, GoalStatus.TERMINATED, failure)

    async def _see_that_nothing_runs(self, record: GoalRecord) -> None:
        if not record.status.final:
            await self._reconciliation.settle(record.workflow_id)
            return
        for run in [
            record.workflow_id,
            *await self._stores.control.open_below(record.workflow_id),
        ]:
            if not await self._has_ended(run):
                raise _still_ending(run)
            await self._reconciliation.settle(run)

    async def _has_ended(self, workflow_id: str) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(ENDING_SECONDS):
                while True:
                    execution = await self._calls.describe(workflow_id)
                    if execution is None or not execution.runs:
                        return True
                    await asyncio.sleep(_LOOK_AGAIN)
        return False


def _still_ending(workflow_id: str) -> RunNotEnded:
    return RunNotEnded(
        f"the workflow of goal {workflow_id} has not ended yet: try again in a few seconds"
    )
