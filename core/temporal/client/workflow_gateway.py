"""The calls to Temporal about runs of goals, each with a time limit."""

import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError
from temporalio.common import Priority, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.converter import PayloadCodec
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from perdure.encryption.cipher import Tampered
from perdure.encryption.keyring import KeyMissing
from perdure.messages import (
    BATCH_QUEUE,
    BATCH_WORKFLOW_TYPE,
    NEWS_SIGNAL,
    WORKFLOW_TYPE,
    BatchInput,
    task_queue,
)
from perdure.models import Goal
from perdure.temporal.client.connection import RPC_TIMEOUT, is_away, unavailable
from perdure.temporal.conversion.payload_codec import SealingCodec
from perdure.workflows.failure_policy import RETRY

_TERMINATED: Final = "asked for"

# Every other status, those of later servers included, means that it goes on.
_ENDED: Final = {
    WorkflowExecutionStatus.COMPLETED,
    WorkflowExecutionStatus.FAILED,
    WorkflowExecutionStatus.CANCELED,
    WorkflowExecutionStatus.TERMINATED,
    WorkflowExecutionStatus.TIMED_OUT,
}
_KEY_CHARACTERS: Final = 16


class StartMode(StrEnum):
    """What to do when a workflow of that id exists.

    ``ONCE``: leave it, whether it runs or has ended. ``RESTART``: start another when it has ended.
    """

    ONCE = "once"
    RESTART = "restart"


@dataclass(frozen=True, slots=True)
class WorkflowDescription:
    """The status of a run's latest workflow, as Temporal has it.

    Attributes:
        status: ``RUNNING``, or how it ended.
        closed_at: When it ended, in UTC.
    """

    status: WorkflowExecutionStatus
    closed_at: datetime | None

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self.status not in _ENDED


class WorkflowGateway:
    """Calls to Temporal about runs; each raises TemporalUnavailable when it does not answer."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def start(self, goal: Goal, workflow_id: str, mode: StartMode = StartMode.ONCE) -> bool:
        """Start a run's workflow.

        Returns:
            Whether it was started, or runs already when it is to be started ``ONCE``.
        """
        if mode is StartMode.ONCE:
            reuse = WorkflowIDReusePolicy.REJECT_DUPLICATE
            conflict = WorkflowIDConflictPolicy.USE_EXISTING
        else:
            reuse = WorkflowIDReusePolicy.ALLOW_DUPLICATE
            conflict = WorkflowIDConflictPolicy.FAIL
        with self._translated_errors():
            try:
                await self._client.start_workflow(
                    WORKFLOW_TYPE,
                    goal,
                    id=workflow_id,
                    task_queue=task_queue(goal.pool),
                    id_reuse_policy=reuse,
                    id_conflict_policy=conflict,
                    retry_policy=RETRY,
                    # Its activities, children and later runs inherit it.
                    priority=_priority(goal, self._client),
                    # Takes effect when this client's process also runs the worker.
                    request_eager_start=True,
                    rpc_timeout=RPC_TIMEOUT,
                )
            except WorkflowAlreadyStartedError:
                return False
        return True

    async def feed_batch(self, batch_id: str) -> None:
        """Have a batch fed: start its workflow, or tell the one that runs that there is news."""
        with self._translated_errors():
            await self._client.start_workflow(
                BATCH_WORKFLOW_TYPE,
                BatchInput(batch_id=batch_id),
                id=batch_id,
                task_queue=BATCH_QUEUE,
                start_signal=NEWS_SIGNAL,
                retry_policy=RETRY,
                rpc_timeout=RPC_TIMEOUT,
            )

    async def cancel(self, workflow_id: str) -> bool:
        """Ask a run's workflow to end; return whether it was running."""
        handle = self._client.get_workflow_handle(workflow_id)
        with self._translated_errors(), _allow_not_found() as lookup:
            await handle.cancel(rpc_timeout=RPC_TIMEOUT)
        return lookup.found

    async def terminate(self, workflow_id: str, reason: str) -> bool:
        """End a run's workflow at once; return whether it was running.

        Args:
            workflow_id: The run.
            reason: Why, in people's own words: these are among the details, which are sealed where
                there are keys, as Temporal's own field for a reason is not.
        """
        handle = self._client.get_workflow_handle(workflow_id)
        with self._translated_errors(), _allow_not_found() as lookup:
            await handle.terminate(reason, reason=_TERMINATED, rpc_timeout=RPC_TIMEOUT)
        return lookup.found

    async def signal(self, workflow_id: str, signal: str, *arguments: object) -> bool:
        """Signal a run's workflow; return whether it was running."""
        handle = self._client.get_workflow_handle(workflow_id)
        with self._translated_errors(), _allow_not_found() as lookup:
            await handle.signal(signal, args=arguments, rpc_timeout=RPC_TIMEOUT)
        return lookup.found

    async def describe(self, workflow_id: str) -> WorkflowDescription | None:
        """Describe a run's workflow; ``None`` when Temporal does not know it."""
        handle = self._client.get_workflow_handle(workflow_id)
        with self._translated_errors(), _allow_not_found():
            described = await handle.describe(rpc_timeout=RPC_TIMEOUT)
            status = described.status or WorkflowExecutionStatus.RUNNING
            return WorkflowDescription(status, described.close_time)
        return None

    async def failure_reason(self, workflow_id: str) -> str:
        """Return the reason with which a workflow that has ended failed; empty without one."""
        handle = self._client.get_workflow_handle(workflow_id)
        with self._translated_errors(), _allow_not_found():
            try:
                await handle.result(rpc_timeout=RPC_TIMEOUT)
            except WorkflowFailureError as error:
                return str(error.cause)
            except (KeyMissing, Tampered) as error:
                return str(error)
        return ""

    async def ended_without_result(self, since: datetime) -> AsyncIterator[str]:
        """Yield the runs whose workflow was terminated, timed out or failed since a time."""
        time = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        query = (
            f'WorkflowType = "{WORKFLOW_TYPE}" AND CloseTime >= "{time}" AND ExecutionStatus IN'
            ' ("Terminated", "TimedOut", "Failed")'
        )
        with self._translated_errors():
            async for found in self._client.list_workflows(query, rpc_timeout=RPC_TIMEOUT):
                yield found.id

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        try:
            yield
        # A lazy client that cannot connect raises RuntimeError.
        except (RPCError, RuntimeError) as error:
            if isinstance(error, RPCError) and not is_away(error):
                raise
            raise unavailable(self._client.service_client.config.target_host, error) from error


def fairness_key(tenant: str, codec: PayloadCodec | None = None) -> str:
    """Return the key by which Temporal gives each tenant's goals their turn.

    It is kept in Temporal, and says nothing that a tenant's name would. Where there are keys,
    nobody without them can find the name by trying names either.

    Args:
        tenant: The tenant.
        codec: What the client seals payloads with.
    """
    keyed = codec.keyed_hash(tenant) if isinstance(codec, SealingCodec) else None
    return (keyed or hashlib.sha256(tenant.encode()).hexdigest())[:_KEY_CHARACTERS]


def _priority(goal: Goal, client: Client) -> Priority:
    key = fairness_key(goal.tenant, client.data_converter.payload_codec)
    return Priority(priority_key=goal.priority, fairness_key=key)


@dataclass(slots=True)
class _Lookup:
    found: bool = True


@contextmanager
def _allow_not_found() -> Iterator[_Lookup]:
    lookup = _Lookup()
    try:
        yield lookup
    except RPCError as error:
        # Temporal says the same of a workflow that has ended and of one that it does not know.
        if error.status != RPCStatusCode.NOT_FOUND:
            raise
        lookup.found = False
