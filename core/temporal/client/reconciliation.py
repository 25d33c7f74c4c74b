"""Closes the records of runs that have ended without an entry in the stores.

Somebody terminated the workflow with Temporal's own tools, it timed out or failed outside of ours,
or the server has lost it: the record must not say "running" for ever.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from temporalio.client import WorkflowExecutionStatus

from perdure.models import Failure, FailureKind, GoalStatus
from perdure.stores import Stores, UnknownGoal
from perdure.temporal.client.workflow_gateway import WorkflowDescription, WorkflowGateway

# A run that is being retried has a workflow that ended, until the new one has started.
RESTART_WINDOW: Final = timedelta(seconds=30)
SILENCE: Final = timedelta(minutes=10)
_BATCH_SIZE: Final = 50

log = structlog.get_logger()


class Reconciliation:
    """Brings the records of runs in line with Temporal."""

    def __init__(self, gateway: WorkflowGateway, stores: Stores) -> None:
        self._gateway = gateway
        self._stores = stores
        self._last_checked = ""

    async def reconcile(self, since: datetime, *, silence: timedelta = SILENCE) -> list[str]:
        """Close the records of runs that ended without a result.

        Args:
            since: Temporal is asked for those that ended since then; give it the time of the
                last call.
            silence: A run without an event for so long is asked for by id, 50 of them a call.

        Returns:
            The runs that were closed.

        Raises:
            TemporalUnavailable: The server does not answer.
            StoreUnavailable: The stores do not answer.
        """
        closed = [
            workflow_id
            async for workflow_id in self._gateway.ended_without_result(since)
            if await self.reconcile_run(workflow_id)
        ]
        silent = await self._stores.control.silent_runs(
            silence, after=self._last_checked, limit=_BATCH_SIZE
        )
        # From the beginning again when the last have been checked.
        self._last_checked = silent[-1] if len(silent) == _BATCH_SIZE else ""
        closed += [workflow_id for workflow_id in silent if await self.reconcile_run(workflow_id)]
        return closed

    async def reconcile_run(self, workflow_id: str) -> bool:
        """Close a run's record if it is open although its workflow has ended, or is unknown.

        Returns:
            Whether it was closed by this.

        Raises:
            TemporalUnavailable: The server does not answer.
        """
        last_event_at = await self._stores.control.last_event_at(workflow_id)
        if last_event_at is None:
            return False
        execution = await self._gateway.describe(workflow_id)
        if execution is not None and execution.is_running:
            return False
        if datetime.now(UTC) - last_event_at < RESTART_WINDOW and not _was_before_close(
            last_event_at, execution
        ):
            return False
        if execution is None and await self._will_be_started(workflow_id):
            return False
        status, failure = await self._outcome(workflow_id, execution)
        await close(self._stores, workflow_id, status, failure)
        log.warning("closed a run that had ended", workflow_id=workflow_id, status=status.value)
        return True

    async def _will_be_started(self, workflow_id: str) -> bool:
        """Return whether a run is a delegate of one that still runs: that one starts it."""
        try:
            record = await self._stores.goals.get(workflow_id)
            if record.parent is None:
                return False
            return not (await self._stores.goals.get(record.parent)).status.final
        except UnknownGoal:
            return False

    async def _outcome(
        self, workflow_id: str, execution: WorkflowDescription | None
    ) -> tuple[GoalStatus, Failure]:
        if execution is None:
            return GoalStatus.TERMINATED, external_end(
                "UnknownToTemporal",
                f"Temporal does not know the workflow of goal {workflow_id}, so nothing goes on",
            )
        match execution.status:
            case WorkflowExecutionStatus.TERMINATED:
                return GoalStatus.TERMINATED, external_end(
                    "Terminated", f"the workflow of goal {workflow_id} was terminated in Temporal"
                )
            case WorkflowExecutionStatus.CANCELED:
                return GoalStatus.CANCELLED, external_end(
                    "Cancelled", f"the workflow of goal {workflow_id} was cancelled in Temporal"
                )
            case WorkflowExecutionStatus.TIMED_OUT:
                return GoalStatus.FAILED, external_end(
                    "TimedOut", f"the workflow of goal {workflow_id} ran out of its time"
                )
            case WorkflowExecutionStatus.FAILED:
                why = (await self._gateway.failure_reason(workflow_id))[:500]
                return GoalStatus.FAILED, external_end(
                    "WorkflowFailed", f"the workflow of goal {workflow_id} failed ({why})"
                )
            case _:
                return GoalStatus.FAILED, external_end(
                    "ResultLost",
                    f"the workflow of goal {workflow_id} has completed, but these stores hold no"
                    " result of it",
                )


async def close(stores: Stores, workflow_id: str, status: GoalStatus, failure: Failure) -> None:
    """Close a run's record; what was made by then is kept."""
    try:
        record = await stores.goals.get(workflow_id)
    except UnknownGoal:
        return
    seconds = max(0.0, (datetime.now(UTC) - record.started_at).total_seconds())
    await stores.results.store(workflow_id, status, failure, round(seconds, 6))


def external_end(type_: str, what_happened: str) -> Failure:
    """Return the failure of a run that was ended outside Perdure."""
    return Failure(
        type=type_,
        message=f"{what_happened}: perdure goals retry picks it up from its journal",
        permanent=True,
        kind=FailureKind.PERMANENT,
    )


def _was_before_close(last_event_at: datetime, execution: WorkflowDescription | None) -> bool:
    return (
        execution is not None
        and execution.closed_at is not None
        and last_event_at <= execution.closed_at
    )
