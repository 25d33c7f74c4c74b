"""Retries of reads and writes while the stores are unavailable.

A step's outcome was paid for: while a database is locked, full or being restarted, the write is
tried again with the outcome in memory, and not the step.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import structlog

from perdure.agents.steps.run_closed import JournalFailed
from perdure.stores.database.errors import StoreUnavailable

T = TypeVar("T")

WAIT_SECONDS: Final = 1.0
REPORT_SECONDS: Final = 60.0

RETRY_SECONDS: Final = 60.0
_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 2.0

log = structlog.get_logger()


async def with_retries(operation: Callable[[], Awaitable[T]]) -> T:
    """Await a read or write of the stores; retry it for a minute while they are unavailable.

    Raises:
        JournalFailed: They were unavailable for longer.
    """
    clock = asyncio.get_running_loop().time
    deadline = clock() + RETRY_SECONDS
    pause = _FIRST_PAUSE
    while True:
        try:
            return await operation()
        except StoreUnavailable as error:
            if clock() + pause > deadline:
                raise JournalFailed(str(error)) from error
            if pause == _FIRST_PAUSE:
                log.warning("stores away, trying again", message=str(error))
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


async def until_available(
    operation: Callable[[], Awaitable[T]],
    unavailable: tuple[type[Exception], ...],
    report: Callable[[str], None],
) -> T:
    """Await an operation; repeat it, however long that takes, while a server does not answer.

    Args:
        operation: What needs the server.
        unavailable: What it raises while the server does not answer.
        report: Takes a line for people that says what is waited for, at first and every minute.
    """
    clock = asyncio.get_running_loop().time
    reported_at: float | None = None
    while True:
        try:
            return await operation()
        except unavailable as error:
            if reported_at is None or clock() - reported_at >= REPORT_SECONDS:
                reported_at = clock()
                report(f"waiting: {error}")
        await asyncio.sleep(WAIT_SECONDS)
