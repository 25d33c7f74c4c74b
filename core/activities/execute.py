"""``execute_agent_task``: run the agent, heartbeat while it awaits, keep what it makes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError

from holdfast.agents.errors import MESSAGE_CHARACTERS, failure_from, shortened
from holdfast.agents.execution import carry_out, clean_up, partial_result
from holdfast.agents.factory import AgentFactory
from holdfast.agents.registry import AgentRegistry
from holdfast.agents.run import Run
from holdfast.models import (
    EXECUTE_ACTIVITY,
    STORES_AWAY,
    Artifact,
    Executed,
    ExecuteInput,
    Progress,
)
from holdfast.stores import Stores, StoreUnavailable

HEARTBEAT_SECONDS: Final = 2.0

log = structlog.get_logger()


class Execute:
    """The middle activity of a goal: the agent's."""

    def __init__(self, stores: Stores, registry: AgentRegistry) -> None:
        self._stores = stores
        self._registry = registry

    @activity.defn(name=EXECUTE_ACTIVITY)
    async def execute_agent_task(self, task: ExecuteInput) -> Executed:
        """Run the agent and keep its result as the run's draft.

        Returns:
            Whether the agent finished, or yielded because this worker is stopping.

        Raises:
            ApplicationError: The stores do not answer, or the agent failed; then type and message
                are those of the agent's error, and it is non-retryable when the agent marked it as
                permanent. What was made by then is kept.
            CancelledError: The run was cancelled; likewise.
        """
        workflow_id = activity.info().workflow_id or ""
        listener = HeartbeatListener(self._stores, workflow_id)
        run = Run(
            task.goal,
            journal=self._stores.context.journal(workflow_id),
            artifacts=self._stores.artifacts.writer(workflow_id),
            listener=listener,
        )
        async with listener.heartbeats():
            if task.attempt > 1:
                await self._stores.events.append(
                    workflow_id, "run.retrying", {"attempt": task.attempt}
                )
                made = await self._stores.artifacts.of(workflow_id)
                run.artifacts.update({artifact.name: artifact for artifact in made})
            told = log.bind(workflow_id=workflow_id, agent=task.goal.agent_type)
            told.info("agent started", attempt=task.attempt)
            try:
                await self._run_agent(run, workflow_id)
            except asyncio.CancelledError:
                told.info("agent stopped")
                if activity.is_worker_shutdown() and not _cancel_requested():
                    return Executed(yielded=True)
                raise
            except StoreUnavailable as error:
                told.info("stores away", message=str(error))
                raise ApplicationError(str(error), type=STORES_AWAY) from error
            except Exception as error:  # noqa: BLE001 -- all of it becomes the goal's failure
                failure = failure_from(error)
                told.info("attempt failed", type=failure.type, message=failure.message)
                # Temporal keeps the cause too, and refuses a failure that is too large.
                cause = error if len(str(error)) <= MESSAGE_CHARACTERS else None
                raise ApplicationError(
                    failure.message, type=failure.type, non_retryable=failure.permanent
                ) from cause
            told.info("agent finished")
        return Executed()

    async def _run_agent(self, run: Run, workflow_id: str) -> None:
        agent = AgentFactory.create(
            run.goal.agent_type, run.goal.parameters, run, registry=self._registry
        )
        try:
            try:
                result = await carry_out(agent, run)
            except (Exception, asyncio.CancelledError):
                await self._stores.results.draft(workflow_id, await partial_result(agent, run))
                raise
            await self._stores.results.draft(workflow_id, result)
        finally:
            try:
                await clean_up(agent)
            except Exception as error:  # noqa: BLE001 -- the goal's outcome stands
                log.warning("cleanup failed", workflow_id=workflow_id, error=repr(error))


class HeartbeatListener:
    """Stores what an agent tells, and carries the last progress in every heartbeat."""

    def __init__(self, stores: Stores, workflow_id: str) -> None:
        self._events = stores.events.listener(workflow_id)
        self._last: Progress | None = None

    async def tell(self, told: Progress | Artifact, ordinal: int) -> None:
        """Store it; progress also goes into the heartbeats from now on."""
        if isinstance(told, Progress):
            self._last = told
        await self._events.tell(told, ordinal)

    @asynccontextmanager
    async def heartbeats(self) -> AsyncIterator[None]:
        """Heartbeat as long as the block runs, so that an agent that only awaits stays alive."""
        beating = asyncio.create_task(self._beat())
        try:
            yield
        finally:
            beating.cancel()

    async def _beat(self) -> None:
        # The first one waits too: it would hold up the completion of an agent that is quick.
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            # A heartbeat without details would wipe those of the one before.
            activity.heartbeat(self._details())

    def _details(self) -> dict[str, object]:
        if self._last is None:
            return {}
        return self._last.model_dump() | {"message": shortened(self._last.message)}


def _cancel_requested() -> bool:
    details = activity.cancellation_details()
    return details is not None and details.cancel_requested
