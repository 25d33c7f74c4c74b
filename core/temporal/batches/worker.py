"""The worker that feeds batches, beside the worker of goals in each worker process."""

from datetime import timedelta
from typing import Final

from temporalio.client import Client
from temporalio.service import ServiceClient
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from perdure.activities.batches.feed import FEED_SECONDS, BatchFeeder
from perdure.messages import BATCH_QUEUE
from perdure.temporal.batches.runner import ItemRuns
from perdure.temporal.client.goal_service import GoalService
from perdure.workflows.batch import BatchWorkflow

# Each is a batch that is being fed, which mostly sleeps.
_BATCHES_AT_ONCE: Final = 200
_WORKFLOW_TASKS: Final = 20
_POLLS: Final = 2  # the least for workflows; a batch asks for something every ten minutes
_HEARTBEAT_THROTTLE: Final = timedelta(seconds=2)
_STICKY_TIMEOUT: Final = timedelta(seconds=3)
_DRAIN: Final = timedelta(seconds=5)


async def connect_apart(client: Client) -> Client:
    """Return the same client over a connection of its own.

    Over one connection a process may have one worker of a task queue, and it may have several
    workers of goals: of two pools, or two versions.

    Raises:
        RuntimeError: The server does not answer.
    """
    config = client.config()
    config["service_client"] = await ServiceClient.connect(client.service_client.config)
    return Client(**config)


def build_batch_worker(
    client: Client, service: GoalService, *, feed_seconds: float = FEED_SECONDS
) -> Worker:
    """Return a worker that feeds batches; run it with :func:`.polling`.

    Args:
        client: A connected client.
        service: Starts the items, over the stores of all tenants.
        feed_seconds: After how long an activity that feeds a batch is scheduled anew.
    """
    feeder = BatchFeeder(service.stores, ItemRuns(service), feed_seconds=feed_seconds)
    return Worker(
        client,
        task_queue=BATCH_QUEUE,
        workflows=[BatchWorkflow],
        activities=[feeder.feed_batch],
        max_concurrent_activities=_BATCHES_AT_ONCE,
        max_concurrent_workflow_tasks=_WORKFLOW_TASKS,
        max_concurrent_workflow_task_polls=_POLLS,
        max_concurrent_activity_task_polls=_POLLS,
        max_heartbeat_throttle_interval=_HEARTBEAT_THROTTLE,
        default_heartbeat_throttle_interval=_HEARTBEAT_THROTTLE,
        graceful_shutdown_timeout=_DRAIN,
        sticky_queue_schedule_to_start_timeout=_STICKY_TIMEOUT,
        # As for goals: its module imports models alone.
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
