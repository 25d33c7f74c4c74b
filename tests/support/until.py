"""Waiting for a condition, with a limit."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar, overload

T = TypeVar("T")

PAUSE_SECONDS: Final = 0.02
LIMIT_SECONDS: Final = 150.0  # on a machine that has much to do


def until(look: Callable[[], T], what: str = "it", seconds: float = LIMIT_SECONDS) -> T:
    """Look again and again until there is something to be seen, and return that."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < deadline, f"{what} did not happen in {seconds:g} s"
        time.sleep(PAUSE_SECONDS)
    return seen


@overload
async def until_async(
    look: Callable[[], Awaitable[T]], what: str = ..., seconds: float = ...
) -> T: ...
@overload
async def until_async(look: Callable[[], T], what: str = ..., seconds: float = ...) -> T: ...
async def until_async(
    look: Callable[[], object], what: str = "it", seconds: float = LIMIT_SECONDS
) -> object:
    """Do the same and let the event loop go on meanwhile; ``look`` may be a coroutine function."""
    try:
        async with asyncio.timeout(seconds) as limit:
            while True:
                seen = look()
                if isinstance(seen, Awaitable):
                    seen = await seen
                if seen:
                    return seen
                await asyncio.sleep(PAUSE_SECONDS)
    except TimeoutError:
        if not limit.expired():
            raise
        raise AssertionError(f"{what} did not happen in {seconds:g} s") from None
