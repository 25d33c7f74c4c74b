"""Plain step functions that go on after their goal's execution has ended: logged and counted.

Nothing can stop a thread: what one does now is an effect that nobody awaits, and it occupies the
worker until it ends by itself.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from perdure.agents.runs.run import Run
from perdure.stores import Stores, StoreUnavailable
from perdure.stores.spending.metrics import THREADS_LEFT_METRIC

log = structlog.get_logger()


@asynccontextmanager
async def threads_left_reported(stores: Stores, run: Run) -> AsyncIterator[None]:
    """Log each thread that a run's steps have left running when the block ends, and count them."""
    try:
        yield
    finally:
        left = run.steps.threads.left_behind()
        for thread in left:
            log.warning(
                "a plain step function goes on although nothing waits for it: nothing can stop its"
                " thread, so give it a time limit, or run a program with run.command",
                workflow_id=run.workflow_id,
                agent=run.goal.agent_type,
                step=thread.step,
                seconds=round(time.monotonic() - thread.started_at, 1),
            )
        if left:
            await _count(stores, run, len(left))


async def _count(stores: Stores, run: Run, threads: int) -> None:
    try:
        before = (await stores.metrics.of(run.workflow_id)).get(THREADS_LEFT_METRIC, 0)
        await stores.metrics.record(
            run.workflow_id, run.goal.agent_type, THREADS_LEFT_METRIC, before + threads
        )
    except StoreUnavailable as error:
        log.info("threads left running not counted", reason=str(error))
