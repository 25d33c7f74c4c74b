"""Working: a worker, and what it does besides."""

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
from perdure.temporal.worker.housekeeping import attend
from perdure.temporal.worker.loop_watchdog import watch_loop
from perdure.temporal.worker.recovery import recover
from perdure.temporal.worker.versioning import make_current
from perdure.temporal.worker.worker import build_worker

RECOVER_SECONDS: Final = 5.0

log = structlog.get_logger()


@asynccontextmanager
async def working(
    client: Client, stores: Stores, registry: AgentRegistry, settings: Settings
) -> AsyncIterator[None]:
    """Run goals for as long as the block runs.

    Goals that an earlier worker on this machine left when it died are handed on first.
    """
    service = GoalService(client, stores, registry)
    async with (
        watch_loop(),
        run_observers(stores.events, registry.observers),
        build_worker(client, stores, registry, settings),
    ):
        if settings.build_id:
            take_over = settings.make_current
            await make_current(client, settings.build_id, instead_of_another=take_over)
        besides = [
            asyncio.create_task(_recover_for_ever(client, settings.home)),
            asyncio.create_task(attend(service)),
            asyncio.create_task(watch_files(registry, settings)),
        ]
        try:
            yield
        finally:
            for task in besides:
                task.cancel()
            await asyncio.gather(*besides, return_exceptions=True)


def tell_left_out(registry: AgentRegistry) -> None:
    """Warn of each plugin that failed to load: its agents' goals wait for another worker."""
    for plugin in registry.plugins:
        if plugin.failure_message:
            log.warning(plugin.failure_message)


async def _recover_for_ever(client: Client, home: Path) -> None:
    while True:
        try:
            await recover(client, home)
        except Exception:
            log.exception("recovery failed")
        await asyncio.sleep(RECOVER_SECONDS)
