"""The workflow that people write by hand with the SDK: one activity of 30 s that heartbeats.

Run as a program it is worker and client in one process: it starts so many, waits until all have
completed, and prints the seconds of each part as JSON.
"""

import asyncio
import gc
import json
import sys
import time
import uuid
from datetime import timedelta
from typing import Final

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import Worker

QUEUE: Final = "scale-by-hand"
HEARTBEATS: Final = 3
_STARTS_AT_ONCE: Final = 50
_POLL_SECONDS: Final = 0.5


@activity.defn
async def work(seconds: float) -> str:
    """Work for so many seconds, and say now and then that it goes on."""
    for part in range(HEARTBEATS):
        activity.heartbeat(part)
        await asyncio.sleep(seconds / HEARTBEATS)
    return "done"


@workflow.defn
class ScaleByHand:
    """One activity."""

    @workflow.run
    async def run(self, seconds: float) -> str:
        """Work."""
        return await workflow.execute_activity(
            work,
            seconds,
            start_to_close_timeout=timedelta(minutes=30),
            heartbeat_timeout=timedelta(seconds=30),
        )


async def run_all(address: str, goals: int, seconds: float) -> dict[str, float]:
    """Start so many at once and wait for all; the seconds until all were started, and in all."""
    client = await Client.connect(address)
    # Others of this type are on record where the benchmark is repeated.
    mark = uuid.uuid4().hex[:8]
    async with Worker(
        client,
        task_queue=QUEUE,
        workflows=[ScaleByHand],
        activities=[work],
        max_concurrent_activities=goals,
        max_concurrent_workflow_tasks=200,
        max_cached_workflows=goals,
    ):
        began = time.monotonic()
        numbers = iter(range(goals))

        async def start_one_after_another() -> None:
            for number in numbers:
                await client.start_workflow(
                    ScaleByHand.run, seconds, id=f"by-hand-{mark}-{number}", task_queue=QUEUE
                )

        await asyncio.gather(*(start_one_after_another() for _ in range(_STARTS_AT_ONCE)))
        started = time.monotonic() - began
        query = "WorkflowType = 'ScaleByHand' AND ExecutionStatus = 'Completed'"
        query += f" AND WorkflowId STARTS_WITH 'by-hand-{mark}'"
        while (await client.count_workflows(query)).count < goals:  # noqa: ASYNC110 -- another process
            await asyncio.sleep(_POLL_SECONDS)
        return {"starts": started, "all": time.monotonic() - began}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run_all(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))))
    gc.collect()  # else its client may abort the process at the interpreter's end
