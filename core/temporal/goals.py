"""Handing goals in, and stopping them: what the API and the command line share."""

import uuid
from contextlib import suppress
from datetime import UTC, datetime

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from holdfast.agents.parameters import check_parameters
from holdfast.agents.registry import AgentRegistry
from holdfast.models import TASK_QUEUE, Goal
from holdfast.stores import Stores, StoreUnavailable
from holdfast.temporal.connection import RPC_TIMEOUT, is_away, unavailable
from holdfast.workflows.agent_goal import AgentGoalWorkflow


class GoalService:
    """Starts and cancels runs of goals.

    Attributes:
        stores: Where they are read from; nothing here waits on Temporal for a result.
        registry: The agents that may be named.
    """

    def __init__(self, client: Client, stores: Stores, registry: AgentRegistry) -> None:
        self.stores = stores
        self.registry = registry
        self._client = client

    async def start(self, goal: Goal) -> str:
        """Check a goal and start its workflow.

        Returns:
            The workflow id, ``goal-{goal_id}-{uuid}``.

        Raises:
            UnknownAgent: No installed agent has that name.
            ParametersRefused: The parameters do not fit the agent.
            TemporalUnavailable: The server does not answer; nothing was started.
        """
        agent = self.registry.agent(goal.agent_type)
        check_parameters(agent.spec, goal.parameters)
        workflow_id = f"goal-{goal.goal_id}-{uuid.uuid4()}"
        started_at = datetime.now(UTC)
        try:
            await self._client.start_workflow(
                AgentGoalWorkflow.run,
                goal,
                id=workflow_id,
                task_queue=TASK_QUEUE,
                # Takes effect when this client's process also runs the worker.
                request_eager_start=True,
                rpc_timeout=RPC_TIMEOUT,
            )
        except (RPCError, RuntimeError) as error:
            self._raise_if_away(error)
            raise
        # Only now, so that no record ever stands for a workflow that was not started; the prepare
        # activity opens it too, should this process end here.
        with suppress(StoreUnavailable):  # the goal runs: its caller must learn its name
            await self.stores.goals.begin(
                goal, workflow_id, started_at=started_at, agent_version=agent.agent_version
            )
        return workflow_id

    async def cancel(self, workflow_id: str) -> bool:
        """Ask a run to stop.

        Returns:
            Whether it was still running.

        Raises:
            UnknownGoal: There is no such run.
            TemporalUnavailable: The server does not answer.
        """
        record = await self.stores.goals.get(workflow_id)
        if record.status.final:
            return False
        try:
            await self._client.get_workflow_handle(workflow_id).cancel(rpc_timeout=RPC_TIMEOUT)
        except (RPCError, RuntimeError) as error:
            if isinstance(error, RPCError) and error.status == RPCStatusCode.NOT_FOUND:
                return False
            self._raise_if_away(error)
            raise
        return True

    async def has_worker(self) -> bool:
        """Return whether a worker has asked for goals in the last minutes.

        Raises:
            TemporalUnavailable: The server does not answer.
        """
        request = DescribeTaskQueueRequest(
            namespace=self._client.namespace,
            task_queue=TaskQueue(name=TASK_QUEUE),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        )
        try:
            queue = await self._client.workflow_service.describe_task_queue(
                request, timeout=RPC_TIMEOUT
            )
        except RPCError as error:
            self._raise_if_away(error)
            raise
        return len(queue.pollers) > 0

    async def is_up(self) -> bool:
        """Return whether the Temporal server answers."""
        try:
            return await self._client.service_client.check_health(timeout=RPC_TIMEOUT)
        except (RPCError, RuntimeError):
            return False

    def _raise_if_away(self, error: RPCError | RuntimeError) -> None:
        if not isinstance(error, RPCError) or is_away(error):
            raise unavailable(self._client.service_client.config.target_host, error) from error
