"""An event loop of its own for each test of an agent, whatever the agent leaves running."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

T = TypeVar("T")

_STOP_SECONDS: Final = 1.0
# The loops of agents that never stopped: a loop that is collected while it has tasks complains.
_ABANDONED: Final[list[asyncio.AbstractEventLoop]] = []


def run_in_own_loop(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, and cancel the tasks that it leaves behind."""
    # Not asyncio.run: an agent that swallows every cancellation would hold that up for ever.
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(main)
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            ended, _ = loop.run_until_complete(asyncio.wait(left, timeout=_STOP_SECONDS))
            for task in ended:
                if not task.cancelled():
                    task.exception()  # retrieved, so that asyncio does not log it
        if asyncio.all_tasks(loop):
            _ABANDONED.append(loop)
        else:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()
