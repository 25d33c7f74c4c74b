"""What feeds batches, as a worker process does beside its goals."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from perdure.agents import AgentSpec
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.temporal.batches.worker import build_batch_worker
from perdure.temporal.client.connection import connect
from perdure.temporal.client.goal_service import GoalService
from tests.support.plugins import registry_of


@asynccontextmanager
async def feeding(address: str, agent: AgentSpec) -> AsyncIterator[None]:
    """Feed batches of an agent, of the installation that the environment names."""
    client = await connect(address)
    async with open_stores(Settings()) as stores:
        service = GoalService(client, stores, registry_of(agent))
        async with build_batch_worker(client, service):
            yield
