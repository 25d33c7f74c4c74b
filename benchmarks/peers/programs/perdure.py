"""Perdure: an agent that awaits its steps through its run, on its own stores and settings.

Its journal is in SQLite under WAL, and each step's write waits for the disk (``synchronous=FULL``).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from benchmarks.peers.served_program import Peer, Place, one_step, serve
from perdure.agents import AgentSpec, Goal, Result, Run
from perdure.agents.plugins.loading.load_plugin import LoadedPlugin
from perdure.agents.plugins.registry import AgentRegistry
from perdure.cli.runtime.event_loop import run_async
from perdure.schemas.plugins import Plugin
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.temporal.client.connection import connect
from perdure.temporal.client.goal_service import GoalService
from perdure.temporal.worker.run_worker import run_worker


async def steps_in_a_row(run: Run, goal: Goal) -> Result:
    """Be an agent."""
    for number in range(int(goal.description)):
        await run.step("step", one_step, goal.goal_id, number)
    return Result()


@asynccontextmanager
async def opened(place: Place) -> AsyncIterator[Peer]:
    """Open the stores, connect, and run a worker."""
    spec = AgentSpec(name="steps", description="Takes steps.", agent=steps_in_a_row)
    plugin = Plugin("peer", "1", "peer", "loaded", agents=("steps",))
    registry = AgentRegistry.from_loaded({plugin: LoadedPlugin((), (spec,), ())}, [])
    settings = Settings(home=place.folder, database_url="")
    client = await connect(place.temporal_address)
    async with open_stores(settings) as stores, run_worker(client, stores, registry, settings):
        service = GoalService(client, stores, registry)

        async def run_goal(goal_id: str, steps: int) -> None:
            goal = Goal(goal_id=goal_id, description=str(steps), agent_type="steps")
            workflow_id = await service.start(goal)
            await client.get_workflow_handle(workflow_id).result()

        yield Peer(run_goal)


if __name__ == "__main__":
    serve(opened, run_async)
