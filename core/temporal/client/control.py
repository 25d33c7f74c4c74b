"""Cancels, pauses, resumes, terminates and retries runs."""

import asyncio
from contextlib import suppress
from typing import Final

import structlog

from perdure.messages import PAUSE_SIGNAL, RESUME_SIGNAL
from perdure.models import Following, GoalRecord, GoalStatus
from perdure.redaction import without_secrets
from perdure.stores import Stores, StoreUnavailable
from perdure.stores.database.errors import RunNotEnded, StateConflict
from perdure.stores.journal.signals import run_ended_error
from perdure.temporal.client.reconciliation import Reconciliation, close, external_end
from perdure.temporal.client.workflow_gateway import StartMode, WorkflowGateway

# A run's record is closed a moment before its workflow ends.
CLOSE_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.1
_REQUEST_SECONDS: Final = 1.0
_MAX_RETRIES_PER_CALL: Final = 500

log = structlog.get_logger()


class RunControl:
    """Control of runs.

    Each call raises UnknownGoal when there is no such run, TemporalUnavailable when the server does
    not answer, and StoreUnavailable when the stores do not.
    """

    def __init__(
        self, gateway: WorkflowGateway, stores: Stores, reconciliation: Reconciliation
    ) -> None:
        self._gateway = gateway
        self._stores = stores
        self._reconciliation = reconciliation

    async def cancel(self, workflow_id: str) -> bool:
        """Cancel a run and its delegates; what was made by then is kept.

        Returns:
            Whether it was still running.
        """
        record = await self._stores.goals.get(workflow_id)
        if record.status.final:
            return False
        if not await self._gateway.cancel(workflow_id):
            await self._reconciliation.reconcile_run(workflow_id)
            return False
        # Temporal reaches an agent at its next heartbeat; this request reaches it within a second,
        # and is not waited for when the stores are busy.
        with suppress(StoreUnavailable, TimeoutError):
            async with asyncio.timeout(_REQUEST_SECONDS):
                delegates = await self._stores.control.open_descendants(workflow_id)
                await self._stores.control.request([workflow_id, *delegates], "cancel")
        return True

    async def pause(self, workflow_id: str) -> None:
        """Pause a run and its delegates at the next step boundary, until they are resumed.

        Raises:
            RunEnded: It has ended.
        """
        runs = await self._signal_all(workflow_id, PAUSE_SIGNAL)
        # Only runs that got the signal are interrupted: another would go on at once.
        await self._stores.control.request(runs, "pause")

    async def resume(self, workflow_id: str) -> None:
        """Resume a paused run and its delegates.

        Raises:
            RunEnded: It has ended.
        """
        # First, or the worker that gets the run next would be asked to pause it.
        delegates = await self._stores.control.open_descendants(workflow_id)
        await self._stores.control.request([workflow_id, *delegates], None)
        await self._signal_all(workflow_id, RESUME_SIGNAL)

    async def terminate(self, workflow_id: str, reason: str = "") -> bool:
        """End a run and its delegates at once: the last resort, for nothing is cleaned up.

        Args:
            workflow_id: The run.
            reason: Why, for the record.

        Returns:
            Whether it was still open.
        """
        record = await self._stores.goals.get(workflow_id)
        if record.status.final:
            return False
        reason = without_secrets(reason, ())
        what = f"goal {workflow_id} was terminated" + (f" ({reason})" if reason else "")
        await self._end(workflow_id, reason, what)
        for child in await self._stores.control.open_descendants(workflow_id):
            await self._end(child, reason, f"{what}, which had delegated this one")
        return True

    async def retry(self, workflow_id: str) -> None:
        """Run a failed, cancelled or terminated run again: it goes on from its journal.

        Raises:
            RunNotEnded: It, or a delegate of it, has not ended; or it has completed; or it is a
                delegate of another run.
        """
        record = await self._stores.goals.get(workflow_id)
        # Before anything is changed: the server answers, and nothing of the run is running.
        await self._ensure_ended(record)
        previous = await self._stores.control.reopen(workflow_id)
        goal = record.asked().model_copy(update={"trace": previous.trace or ""})
        if previous.following is not None:
            following = Following.model_validate_json(previous.following)
            goal = goal.model_copy(update={"following": following})
        started = False
        try:
            started = await self._gateway.start(goal, workflow_id, StartMode.RESTART)
        finally:
            if not started:
                await self._stores.control.undo_reopen(workflow_id, previous)
        if not started:
            raise _still_ending(workflow_id)

    async def retry_all(self, agent_type: str | None = None) -> list[str]:
        """Retry every run that failed, or every one of an agent.

        Returns:
            Those that were retried, 500 at most a call.
        """
        failed = await self._stores.goals.list(
            limit=_MAX_RETRIES_PER_CALL,
            status=GoalStatus.FAILED,
            agent_type=agent_type,
            delegated=False,
        )
        retried: list[str] = []
        for record in reversed(failed):
            try:
                await self.retry(record.workflow_id)
            except StateConflict as error:  # another caller was quicker
                log.info("not retried", workflow_id=record.workflow_id, message=str(error))
            else:
                retried.append(record.workflow_id)
        return retried

    async def _signal_all(self, workflow_id: str, signal: str) -> list[str]:
        record = await self._stores.goals.get(workflow_id)
        if record.status.final:
            raise run_ended_error(workflow_id, record.status)
        if not await self._gateway.signal(workflow_id, signal):
            await self._reconciliation.reconcile_run(workflow_id)
            record = await self._stores.goals.get(workflow_id)
            raise run_ended_error(workflow_id, record.status)
        delegates = await self._stores.control.open_descendants(workflow_id)
        return [workflow_id] + [run for run in delegates if await self._gateway.signal(run, signal)]

    async def _end(self, workflow_id: str, reason: str, what: str) -> None:
        await self._gateway.terminate(workflow_id, reason)
        failure = external_end("Terminated", what)
        await close(self._stores, workflow_id, GoalStatus.TERMINATED, failure)

    async def _ensure_ended(self, record: GoalRecord) -> None:
        if not record.status.final:
            await self._reconciliation.reconcile_run(record.workflow_id)
            return
        for run in [
            record.workflow_id,
            *await self._stores.control.open_descendants(record.workflow_id),
        ]:
            if not await self._has_ended(run):
                raise _still_ending(run)
            await self._reconciliation.reconcile_run(run)

    async def _has_ended(self, workflow_id: str) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                while True:
                    execution = await self._gateway.describe(workflow_id)
                    if execution is None or not execution.is_running:
                        return True
                    await asyncio.sleep(_POLL_SECONDS)
        return False


def _still_ending(workflow_id: str) -> RunNotEnded:
    return RunNotEnded(
        f"the workflow of goal {workflow_id} has not ended yet: try again in a few seconds"
    )
