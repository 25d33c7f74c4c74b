"""Writing although the stores are away for a moment.

What a step has made was paid for: while it is in memory, a database that is locked, full or being
restarted is tried again rather than the step.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import structlog

from perdure.agents.steps.run_closed import JournalFailed
from perdure.stores.database.errors import StoreUnavailable

T = TypeVar("T")

RETRY_SECONDS: Final = 60.0
_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 2.0

log = structlog.get_logger()


async def with_retries(access: Callable[[], Awaitable[T]]) -> T:
    """Do something with the stores, again and again for a minute while they are away.

    Raises:
        JournalFailed: They were away for longer.
    """
    clock = asyncio.get_running_loop().time
    deadline = clock() + RETRY_SECONDS
    pause = _FIRST_PAUSE
    while True:
        try:
            return await access()
        except StoreUnavailable as error:
            if clock() + pause > deadline:
                raise JournalFailed(str(error)) from error
            if pause == _FIRST_PAUSE:
                log.warning("stores away, trying again", message=str(error))
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)
