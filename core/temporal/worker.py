"""The worker: runs the workflow and the three activities of goals."""

from datetime import timedelta
from typing import Final

from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from holdfast.activities.execute import Execute
from holdfast.activities.prepare import Prepare
from holdfast.activities.store import Store
from holdfast.agents.registry import AgentRegistry
from holdfast.models import TASK_QUEUE
from holdfast.settings import Settings
from holdfast.stores import Stores
from holdfast.workflows.agent_goal import AgentGoalWorkflow

DRAIN: Final = timedelta(seconds=3)
HEARTBEAT_THROTTLE: Final = timedelta(seconds=2)


def build_worker(
    client: Client, stores: Stores, registry: AgentRegistry, settings: Settings
) -> Worker:
    """Return a worker for the task queue ``ai-agent-queue``; run it with ``async with``.

    Args:
        client: A connected client.
        stores: Where goals are kept.
        registry: The agents it can run.
        settings: How many goals it runs at once.
    """
    return Worker(
        client,
        task_queue=TASK_QUEUE,
        workflows=[AgentGoalWorkflow],
        activities=[
            Prepare(stores, registry).prepare_agent_context,
            Execute(stores, registry).execute_agent_task,
            Store(stores).store_agent_results,
        ],
        max_concurrent_activities=settings.max_concurrent_goals,
        max_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
        default_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
        graceful_shutdown_timeout=DRAIN,
        # The sandbox loads the workflow's module anew for every run, 6 ms a goal. It guards against
        # code that is not deterministic; ours is one module that imports models alone, and every
        # kind of history is replayed in the tests.
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
