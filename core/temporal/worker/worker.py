"""The worker: the workflow and the activities of goals, its slots and its version."""

import asyncio
import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import structlog
from temporalio.client import Client
from temporalio.common import VersioningBehavior
from temporalio.service import RPCError
from temporalio.worker import (
    FixedSizeSlotSupplier,
    ResourceBasedSlotConfig,
    ResourceBasedSlotSupplier,
    ResourceBasedTunerConfig,
    UnsandboxedWorkflowRunner,
    Worker,
    WorkerDeploymentConfig,
    WorkerTuner,
)

from perdure.activities.clean_up import CleanUp
from perdure.activities.execute import Execute
from perdure.activities.gate import Gate
from perdure.activities.prepare import Prepare
from perdure.activities.schedules.prepare_scheduled import PrepareScheduled
from perdure.activities.store import Store
from perdure.agents.plugins.registry import AgentRegistry
from perdure.concurrency import ConcurrencyLimits
from perdure.messages import SLOT_WAIT, WAKE_SIGNAL, task_queue
from perdure.settings import Settings
from perdure.stores import Stores
from perdure.stores.slots.holders import holder_name
from perdure.telemetry.traces.process import is_on
from perdure.temporal.client.connection import TemporalUnavailable
from perdure.temporal.client.workflow_gateway import WorkflowGateway
from perdure.temporal.worker.interceptors.activity_spans import ActivitySpansInterceptor
from perdure.temporal.worker.interceptors.log_context import LogContextInterceptor
from perdure.temporal.worker.interceptors.measuring import MeasuringInterceptor
from perdure.temporal.worker.interceptors.tracing import TracingInterceptor
from perdure.temporal.worker.task_register import RegisterInterceptor
from perdure.temporal.worker.versioning import worker_version
from perdure.workflows.agent_goal import AgentGoalWorkflow
from perdure.workflows.scheduled_goal import ScheduledGoalWorkflow

log = structlog.get_logger()

HEARTBEAT_THROTTLE: Final = timedelta(seconds=2)
# A dead worker's sticky queue is given up after this time; the SDK's ten seconds would delay
# whatever its runs do next. One that is only slow loses a cached run, which is short to replay.
STICKY_TIMEOUT: Final = timedelta(seconds=3)
MIN_GOAL_SLOTS: Final = 4
WORKFLOW_TASK_SLOTS: Final = 200
LOCAL_ACTIVITY_SLOTS: Final = 200


def build_worker(
    client: Client,
    stores: Stores,
    registry: AgentRegistry,
    settings: Settings,
    gate: Gate | None = None,
) -> Worker:
    """Return a worker for the task queue of its pool; run it with :func:`polling`.

    Args:
        client: A connected client.
        stores: Where goals are kept.
        registry: The agents it can run.
        settings: How many goals it runs at once, how much memory they may take, how long they may
            take to stop, and the build id.
        gate: Lets only so many goals run at once; one that :func:`build_gate` makes when not given.

    Raises:
        VersionIncomplete: Only one of a worker controller's two variables is set.
    """
    if gate is None:
        gate = build_gate(client, stores, settings, uuid.uuid4().hex)
    return Worker(
        client,
        task_queue=task_queue(settings.pool),
        workflows=[AgentGoalWorkflow, ScheduledGoalWorkflow],
        activities=[
            Prepare(stores, registry, gate).prepare_agent_context,
            Execute(stores, registry, settings, gate).execute_agent_task,
            CleanUp(registry).clean_up_agent,
            Store(stores, gate).store_agent_results,
            PrepareScheduled(stores, registry, settings.tenant_goals).prepare_scheduled_goal,
        ],
        interceptors=[
            LogContextInterceptor(),
            MeasuringInterceptor(),
            RegisterInterceptor(settings.home),
            *([TracingInterceptor(), ActivitySpansInterceptor()] if is_on() else []),
        ],
        tuner=_slots(settings),
        max_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
        default_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
        graceful_shutdown_timeout=timedelta(seconds=settings.drain_seconds),
        sticky_queue_schedule_to_start_timeout=STICKY_TIMEOUT,
        max_cached_workflows=settings.max_cached_workflows,
        deployment_config=_deployment(settings),
        # The sandbox loads the workflow's module anew for every run, 6 ms a goal. It guards against
        # code that is not deterministic; ours is one module that imports models alone, and every
        # kind of history is replayed in the tests.
        workflow_runner=UnsandboxedWorkflowRunner(),
    )


def build_gate(client: Client, stores: Stores, settings: Settings, worker_id: str) -> Gate:
    """Return the gate of a worker before the limits of goals that run at once.

    Args:
        client: Wakes the goals whose turn has come.
        stores: Where goals are kept.
        settings: The limits, and the worker's pool.
        worker_id: The worker's id in the stores.
    """
    gateway = WorkflowGateway(client)

    async def wake(workflow_ids: Sequence[str]) -> None:
        async def signal(workflow_id: str) -> None:
            try:
                await gateway.signal(workflow_id, WAKE_SIGNAL, [SLOT_WAIT])
            except (TemporalUnavailable, RPCError) as error:  # it is woken again later
                log.info("not woken yet", workflow_id=workflow_id, message=str(error))

        await asyncio.gather(*map(signal, workflow_ids))

    return Gate(
        stores.slots,
        ConcurrencyLimits.parse(settings.concurrent_goals),
        holder=holder_name(worker_id),
        pool=settings.pool,
        wake=wake,
    )


def _slots(settings: Settings) -> WorkerTuner:
    """Return a tuner that gives slots to goals as long as there is memory."""
    # Twice the processor there is: never reached, so that it never delays goals. Agents mostly
    # wait; with a target of 1, on a machine whose processors others keep busy, 60 goals of 3 s took
    # 25 s instead of 7.
    memory = ResourceBasedTunerConfig(settings.memory_target, target_cpu_usage=2.0)
    most = settings.max_concurrent_goals
    goals = ResourceBasedSlotConfig(min(MIN_GOAL_SLOTS, most), most, ramp_throttle=timedelta(0))
    return WorkerTuner.create_composite(
        workflow_supplier=FixedSizeSlotSupplier(WORKFLOW_TASK_SLOTS),
        activity_supplier=ResourceBasedSlotSupplier(goals, memory),
        local_activity_supplier=FixedSizeSlotSupplier(LOCAL_ACTIVITY_SLOTS),
        nexus_supplier=FixedSizeSlotSupplier(1),
    )


def _deployment(settings: Settings) -> WorkerDeploymentConfig | None:
    """Return the deployment version of this worker; ``None`` when it has none."""
    version = worker_version(settings)
    if version is None:
        return None
    return WorkerDeploymentConfig(
        version=version,
        use_worker_versioning=True,
        # Every history on record replays with every version.
        default_versioning_behavior=VersioningBehavior.AUTO_UPGRADE,
    )
