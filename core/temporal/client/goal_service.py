"""The service behind the API and the command line: starts goals and controls their runs."""

import uuid
from contextlib import suppress
from datetime import UTC, datetime

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from perdure.activities.agent_lookup import find_agent
from perdure.agents.parameters import check_parameters
from perdure.agents.plugins.registry import AgentRegistry
from perdure.messages import TASK_QUEUE
from perdure.models import Goal
from perdure.stores import Stores, StoreUnavailable, UnknownGoal
from perdure.stores.runs.idempotency import check_key, digest_of
from perdure.temporal.client.connection import RPC_TIMEOUT, is_away, unavailable
from perdure.temporal.client.control import RunControl
from perdure.temporal.client.decisions import DecisionService
from perdure.temporal.client.reconciliation import Reconciliation
from perdure.temporal.client.workflow_gateway import WorkflowGateway


class GoalService:
    """Starts runs of goals, and has the services for runs that have started.

    Attributes:
        stores: Where runs are read; nothing here waits on Temporal for a result.
        registry: The agents that a goal may name.
        control: Cancels, pauses, terminates and retries runs.
        decisions: Takes votes and signals.
        reconciliation: Closes the records of runs that Temporal has ended.
    """

    def __init__(self, client: Client, stores: Stores, registry: AgentRegistry) -> None:
        self.stores = stores
        self.registry = registry
        self._client = client
        self._gateway = WorkflowGateway(client)
        self.reconciliation = Reconciliation(self._gateway, stores)
        self.control = RunControl(self._gateway, stores, self.reconciliation)
        self.decisions = DecisionService(self._gateway, stores)

    async def start(self, goal: Goal, idempotency_key: str | None = None) -> str:
        """Check a goal and start its workflow.

        Args:
            goal: The goal.
            idempotency_key: With the same key and goal again, the run that was started first is
                returned, whether it runs or has ended, and nothing is started.

        Returns:
            The workflow id, ``goal-{goal_id}-{uuid}``.

        Raises:
            UnknownAgent: No installed agent has that name.
            ParametersRefused: The parameters do not fit the agent.
            InputRefused: The key is empty or too long.
            KeyConflict: The key was given with another goal.
            StoreUnavailable: A key was given and the stores do not answer; nothing was started.
            TemporalUnavailable: The server does not answer; nothing was started.
        """
        if idempotency_key is not None:
            check_key(idempotency_key)
        agent = await find_agent(self.registry, self.stores, goal.agent_type)
        check_parameters(agent.spec, goal.parameters)
        workflow_id = f"goal-{goal.goal_id}-{uuid.uuid4()}"
        if idempotency_key is not None:
            digest = digest_of(goal)
            first = await self.stores.idempotency_keys.claim(idempotency_key, digest, workflow_id)
            if first != workflow_id and await self._is_on_record(first):
                return first
            # The first caller may not have started it: then this one does.
            workflow_id = first
        started_at = datetime.now(UTC)
        await self._gateway.start(goal, workflow_id)
        # Only now, so that no record exists without a workflow; the prepare activity opens it too,
        # should this process end here.
        with suppress(StoreUnavailable):  # the goal runs: its caller must learn its id
            await self.stores.goals.create(
                goal, workflow_id, started_at=started_at, agent_version=agent.agent_version
            )
        return workflow_id

    async def has_worker(self) -> bool:
        """Return whether a worker has polled for goals in the last minutes.

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
        except (RPCError, RuntimeError) as error:
            if isinstance(error, RPCError) and not is_away(error):
                raise
            raise unavailable(self._client.service_client.config.target_host, error) from error
        return len(queue.pollers) > 0

    async def is_up(self) -> bool:
        """Return whether the Temporal server answers."""
        try:
            return await self._client.service_client.check_health(timeout=RPC_TIMEOUT)
        except (RPCError, RuntimeError):
            return False

    async def _is_on_record(self, workflow_id: str) -> bool:
        try:
            await self.stores.goals.get(workflow_id)
        except UnknownGoal:
            return False
        return True
