"""How a Temporal worker polls beside other work, and what its failure means for that work."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio.worker import Worker


class WorkerFailed(Exception):
    """A worker can take no more goals, such as for a namespace that is gone."""


@asynccontextmanager
async def polling(worker: Worker) -> AsyncIterator[None]:
    """Let a worker poll for as long as the block runs, then drain it.

    ``async with worker`` does the same, but a worker that fails while it is shut down (its server
    has died, say) cancels what runs after the block, and a block that takes a cancellation for
    Ctrl-C ends as if nothing had failed (temporalio 1.35, ``Worker.__aexit__``).

    Raises:
        WorkerFailed: It failed while the block ran, which was cancelled; an error that the block
            ended with comes first.
    """
    block = asyncio.current_task()
    assert block is not None
    running = asyncio.create_task(worker.run())
    cancelled = False

    def cancel_block(_: "asyncio.Task[None]") -> None:
        nonlocal cancelled
        cancelled = True
        block.cancel()

    running.add_done_callback(cancel_block)
    try:
        yield
    except asyncio.CancelledError:
        if not cancelled:
            raise
        block.uncancel()
    finally:
        running.remove_done_callback(cancel_block)
        await worker.shutdown()
        await asyncio.wait([running])
        error = running.exception()
    if cancelled:
        raise WorkerFailed(
            f"the worker cannot take goals from Temporal any more ({error}): start it again once"
            " this is mended; its goals go on at another worker or then"
        ) from error
