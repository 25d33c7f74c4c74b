"""Trying again in place: within the step that failed, before anybody else has to know."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from perdure.agents.steps.errors import failed_steps, recognised_failure
from perdure.models import FailureKind

T = TypeVar("T")

TRIES: Final = 4
FIRST_BACKOFF: Final = 0.5
LONGEST_BACKOFF: Final = 8.0
LONGEST_WAIT: Final = 10.0
PATIENCE: Final = 60.0


@dataclass(frozen=True, slots=True)
class Clock:
    """Where time and chance come from.

    Attributes:
        now: Returns seconds that only ever grow.
        sleep: Waits for so many seconds.
        random: Returns a number from 0 up to, not including, 1.
    """

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    random: Callable[[], float] = random.random


CLOCK: Final = Clock()


async def retried(
    attempt: Callable[[], Awaitable[T]],
    *,
    tries: int = TRIES,
    longest_wait: float = LONGEST_WAIT,
    patience: float = PATIENCE,
    clock: Clock = CLOCK,
) -> T:
    """Await something until it works, as far as its failures are known to pass.

    A transient failure is tried again after 0.5 s, 1 s, 2 s … up to 8 s, each time a random part
    of it. A throttled one is tried again after what the other side asks for, which uses up no try.
    Whatever is not recognised, is permanent, or comes from a step that was tried again already, is
    raised at once.

    Args:
        attempt: What to do; called anew for each try.
        tries: How often at most, waits that the other side asked for aside.
        longest_wait: The longest such wait, in seconds, that is waited out here. A longer one is
            raised, so that the goal waits without holding a worker.
        patience: How long such waits may take in all, in seconds.
        clock: Where time and chance come from.

    Returns:
        What ``attempt`` returned in the end.
    """
    failed, waited, throttled = 0, 0.0, 0
    while True:
        try:
            return await attempt()
        except Exception as error:
            failure = recognised_failure(error)
            if failure is None or next(failed_steps(error), None) is not None:
                raise
            if failure.kind == FailureKind.TRANSIENT:
                failed += 1
                if failed >= tries:
                    raise
                delay = backoff(failed, clock)
            elif failure.kind == FailureKind.THROTTLED:
                throttled += 1
                delay = _asked(failure.retry_after, throttled, clock)
                waited += delay
                if (failure.retry_after or 0) > longest_wait or waited > patience:
                    raise
            else:
                raise
        await clock.sleep(delay)


def backoff(failed: int, clock: Clock = CLOCK) -> float:
    """Return how many seconds to wait after the ``failed``-th failure in a row, from 1.

    The time is drawn evenly from zero to the full time ("full jitter"), so that those who failed
    together do not come back together.
    """
    return clock.random() * min(LONGEST_BACKOFF, FIRST_BACKOFF * 2.0 ** min(failed - 1, 16))


def _asked(retry_after: float | None, throttled: int, clock: Clock) -> float:
    if retry_after is None:
        # Somebody who does not say how long is given at least half of the usual time.
        full = min(LONGEST_BACKOFF, FIRST_BACKOFF * 2.0 ** min(throttled, 16))
        return full / 2 + clock.random() * full / 2
    # Not before, and not all at the same moment after.
    return retry_after + clock.random() * min(1.0, retry_after / 10)
