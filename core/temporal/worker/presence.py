"""A worker's presence: it says in the stores that it is there, what it has and how busy it is."""

import asyncio
import os
import socket
from datetime import UTC, datetime

import structlog

from perdure.agents.plugins.registry import AgentRegistry
from perdure.settings import Settings
from perdure.stores import Stores, StoreUnavailable
from perdure.stores.runs.workers import BEAT_SECONDS, WorkerProcess
from perdure.temporal.worker.task_register import executions_running
from perdure.temporal.worker.versioning import worker_version
from perdure.version import core_version

log = structlog.get_logger()


async def report_presence(
    stores: Stores,
    registry: AgentRegistry,
    settings: Settings,
    worker_id: str,
    *,
    beat_seconds: float = BEAT_SECONDS,
) -> None:
    """Say again and again that this process is there, until cancelled; then that it has stopped.

    A process that is killed says no more: after half a minute it counts as lost.
    """
    version = worker_version(settings)
    worker = WorkerProcess(
        worker_id=worker_id,
        host=socket.gethostname(),
        pid=os.getpid(),
        version=core_version(),
        build_id=version.build_id if version else "",
        pool=settings.pool,
        slots=settings.max_concurrent_goals,
        started_at=datetime.now(UTC),
    )
    try:
        while True:
            agents = {name: agent.agent_version for name, agent in registry.agents.items()}
            try:
                await stores.workers.beat(worker, agents, executions_running())
            except StoreUnavailable as error:
                log.warning("presence not stored", message=str(error))
            await asyncio.sleep(beat_seconds)
    finally:
        try:
            await stores.workers.remove(worker.worker_id)
        except StoreUnavailable as error:
            log.info("stop not stored", message=str(error))
