"""A worker, and what runs beside it: recovery, housekeeping, plugin files, watchdogs."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import structlog
from temporalio.client import Client

from perdure.activities.observers import run_observers
from perdure.agents.description import describe_agents
from perdure.agents.plugins.file_watch import watch_files
from perdure.agents.plugins.registry import AgentRegistry
from perdure.retention import Retention
from perdure.settings import Settings
from perdure.stores import Stores, StoreUnavailable
from perdure.telemetry.metrics import recording
from perdure.temporal.batches.worker import build_batch_worker, connect_apart
from perdure.temporal.client.agent_pools import AgentPools
from perdure.temporal.client.goal_service import GoalService
from perdure.temporal.worker.callbacks import CallbackPoster
from perdure.temporal.worker.housekeeping import run_housekeeping
from perdure.temporal.worker.loop_watchdog import watch_event_loop
from perdure.temporal.worker.polling import polling
from perdure.temporal.worker.presence import report_presence
from perdure.temporal.worker.recovery import recover
from perdure.temporal.worker.retention import RetentionPass
from perdure.temporal.worker.sealing.sealing_pass import SealingPass
from perdure.temporal.worker.task_register import executions_running
from perdure.temporal.worker.versioning import is_controlled, make_current
from perdure.temporal.worker.worker import build_gate, build_worker

RECOVER_SECONDS: Final = 5.0
NEW_AGENTS_SECONDS: Final = 1.0
_ANY_POOLS: Final = AgentPools()

log = structlog.get_logger()


@asynccontextmanager
async def run_worker(
    client: Client,
    stores: Stores,
    registry: AgentRegistry,
    settings: Settings,
    pools: AgentPools = _ANY_POOLS,
) -> AsyncIterator[None]:
    """Run a worker for as long as the block runs.

    Goals of an earlier worker on this machine that died are reassigned first.

    Args:
        client: A connected client.
        stores: Where goals are kept.
        registry: The agents it can run.
        settings: What :func:`.build_worker` takes of them, and where this machine keeps things.
        pools: Which pools run the goals of which agents.

    Raises:
        WorkerFailed: It can take no more goals.
    """
    service = GoalService(client, stores, registry, pools=pools)
    # Here, where a setting that is wrong ends the worker with a sentence.
    poster = CallbackPoster(stores, settings) if settings.callback_secret else None
    worker_id = uuid.uuid4().hex
    gate = build_gate(client, stores, settings, worker_id)
    kept = Retention.parse(settings.retention_days)
    retention = RetentionPass(stores, kept, worker_id)
    sealing = SealingPass.of(settings, stores, worker_id)
    # Before it takes a goal: one for an agent that nobody has is refused by any worker.
    await _store_agents(stores, registry, pools)
    await stores.trail.record_settings("worker", settings.given())
    async with (
        watch_event_loop(),
        run_observers(stores.events, registry.observers),
        polling(build_worker(client, stores, registry, settings, gate)),
        polling(build_batch_worker(await connect_apart(client), service)),
    ):
        recording.slots(settings.max_concurrent_goals, executions_running)
        if settings.build_id and not is_controlled():
            replace = settings.make_current
            await make_current(client, settings.build_id, replace=replace, pool=settings.pool)
        background = [
            asyncio.create_task(_recover_regularly(client, settings.home)),
            asyncio.create_task(run_housekeeping(service, retention, gate, sealing)),
            asyncio.create_task(watch_files(registry, settings)),
            asyncio.create_task(_store_new_agents(stores, registry, pools)),
            asyncio.create_task(report_presence(stores, registry, settings, worker_id)),
            asyncio.create_task(_post_callbacks(poster)),
        ]
        try:
            yield
        finally:
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)


def log_failed_plugins(registry: AgentRegistry) -> None:
    """Warn of each plugin that failed to load: its agents' goals wait for another worker."""
    for plugin in registry.plugins:
        if plugin.failure_message:
            log.warning(plugin.failure_message)


def _versions(registry: AgentRegistry) -> dict[str, str]:
    return {name: agent.agent_version for name, agent in registry.agents.items()}


def _pools(registry: AgentRegistry, pools: AgentPools) -> dict[str, str]:
    found = {name: pools.of(agent.spec) for name, agent in registry.agents.items()}
    return {name: pool for name, pool in found.items() if pool is not None}


async def _store_agents(stores: Stores, registry: AgentRegistry, pools: AgentPools) -> None:
    descriptions = describe_agents(registry).agents
    await stores.agents.add(_versions(registry), _pools(registry, pools), descriptions)


async def _store_new_agents(stores: Stores, registry: AgentRegistry, pools: AgentPools) -> None:
    """Store the agents that plugin files bring when they are reloaded."""
    stored = _versions(registry)
    while True:
        await asyncio.sleep(NEW_AGENTS_SECONDS)
        current = _versions(registry)
        if current != stored:
            try:
                await _store_agents(stores, registry, pools)
                stored = current
            except StoreUnavailable as error:
                log.warning("new agents were not stored", message=str(error))


async def _post_callbacks(poster: CallbackPoster | None) -> None:
    if poster is not None:
        await poster.run()


async def _recover_regularly(client: Client, home: Path) -> None:
    while True:
        try:
            await recover(client, home)
        except Exception:
            log.exception("recovery failed")
        await asyncio.sleep(RECOVER_SECONDS)
