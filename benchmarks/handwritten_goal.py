"""A goal as people write it by hand with the SDK: three ordinary activities that do nothing."""

from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import Worker

QUEUE = "by-hand"


@activity.defn
async def prepare(goal: str) -> str:
    """Do nothing."""
    return goal


@activity.defn
async def execute(goal: str) -> str:
    """Do nothing."""
    return goal


@activity.defn
async def store(goal: str) -> str:
    """Do nothing."""
    return goal


@workflow.defn
class HandwrittenGoal:
    """Three activities in a row."""

    @workflow.run
    async def run(self, goal: str) -> str:
        """Prepare, execute, store."""
        for step in (prepare, execute, store):
            goal = await workflow.execute_activity(
                step, goal, start_to_close_timeout=timedelta(minutes=5)
            )
        return goal


def worker(client: Client) -> Worker:
    """Return a worker for it."""
    return Worker(
        client,
        task_queue=QUEUE,
        workflows=[HandwrittenGoal],
        activities=[prepare, execute, store],
        max_concurrent_activities=1000,
    )


async def run_one(client: Client, number: int) -> None:
    """Run one to its end."""
    await client.execute_workflow(
        HandwrittenGoal.run, "x", id=f"by-hand-{number}", task_queue=QUEUE
    )
