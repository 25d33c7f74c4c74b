"""Noticing a blocked event loop."""

import asyncio
import time
from collections.abc import Callable

from structlog.testing import capture_logs

from holdfast.temporal.blocked_loop import watch_loop


def hold_up(until: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not until() and time.monotonic() < deadline:
        time.sleep(0.01)


async def test_a_block_is_told_once_with_its_place_and_once_when_it_is_over() -> None:
    with capture_logs() as told:
        async with watch_loop(blocked_seconds=1.0), asyncio.timeout(30):
            task = asyncio.current_task()
            assert task is not None
            task.set_name("goal-that-blocks")
            await asyncio.sleep(0.1)
            hold_up(lambda: told)
            # Long enough for a second look, which tells nothing new.
            hold_up(_after(1.2))
            while len(told) < 2:  # noqa: ASYNC110 -- a thread tells it
                await asyncio.sleep(0.01)
    blocked, over = told
    assert "is blocked" in blocked["event"]
    assert f"{__file__}:" in blocked["where"]
    assert blocked["task"] == "goal-that-blocks"
    assert over["blocked_seconds"] >= 2.2


def _after(seconds: float) -> Callable[[], bool]:
    deadline = time.monotonic() + seconds
    return lambda: time.monotonic() > deadline
