"""A worker, and what runs beside it: recovery, housekeeping, plugin files, watchdogs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import structlog
from temporalio.client import Client

from perdure.activities.observers import run_observers
from perdure.agents.plugins.file_watch import watch_files
from perdure.agents.plugins.registry import AgentRegistry
from perdure.settings import Settings
from perdure.stores import Stores
from perdure.temporal.client.goal_service import GoalService
from perdure.temporal.worker.housekeeping import run_housekeeping
from perdure.temporal.worker.loop_watchdog import watch_event_loop
from perdure.temporal.worker.recovery import recover
from perdure.temporal.worker.versioning import make_current
from perdure.temporal.worker.worker import build_worker

RECOVER_SECONDS: Final = 5.0

log = structlog.get_logger()


@asynccontextmanager
async def run_worker(
    client: Client, stores: Stores, registry: AgentRegistry, settings: Settings
) -> AsyncIterator[None]:
    """Run a worker for as long as the block runs.

    Goals of an earlier worker on this machine that died are reassigned first.
    """
    service = GoalService(client, stores, registry)
    async with (
        watch_event_loop(),
        run_observers(stores.events, registry.observers),
        build_worker(client, stores, registry, settings),
    ):
        if settings.build_id:
            await make_current(client, settings.build_id, replace=settings.make_current)
        background = [
            asyncio.create_task(_recover_regularly(client, settings.home)),
            asyncio.create_task(run_housekeeping(service)),
            asyncio.create_task(watch_files(registry, settings)),
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


async def _recover_regularly(client: Client, home: Path) -> None:
    while True:
        try:
            await recover(client, home)
        except Exception:
            log.exception("recovery failed")
        await asyncio.sleep(RECOVER_SECONDS)
