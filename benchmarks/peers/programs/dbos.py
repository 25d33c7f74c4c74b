"""DBOS: a workflow whose steps are decorated functions, checkpointed in its SQLite database.

Its documentation recommends PostgreSQL for production with several servers, and SQLite as the
default for one. Its connections to SQLite are as it makes them: rollback journal, each commit
waiting for the disk. What a killed process had begun goes on when the next is launched.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from dbos import DBOS, SetWorkflowID

from benchmarks.peers.served_program import Peer, Place, one_step, serve


@DBOS.step()
async def step(goal: str, number: int) -> int:
    """Be a step."""
    return await one_step(goal, number)


@DBOS.workflow()
async def steps_in_a_row(goal: str, steps: int) -> int:
    """Be a goal."""
    for number in range(steps):
        await step(goal, number)
    return steps


async def run_goal(goal: str, steps: int) -> None:
    """Run a goal to its end."""
    with SetWorkflowID(goal):
        handle = await DBOS.start_workflow_async(steps_in_a_row, goal, steps)
    await handle.get_result()


@asynccontextmanager
async def opened(place: Place) -> AsyncIterator[Peer]:
    """Launch DBOS."""
    DBOS(
        config={
            "name": "peer",
            "system_database_url": f"sqlite:///{place.folder / 'dbos.sqlite'}",
            "run_admin_server": False,
            "log_level": "ERROR",
        }
    )
    DBOS.launch()
    try:
        yield Peer(run_goal)
    finally:
        DBOS.destroy(workflow_completion_timeout_sec=5)


if __name__ == "__main__":
    serve(opened)
