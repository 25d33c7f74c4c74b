"""Retries in place: within the step that failed, without using up an attempt of the goal."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from perdure.agents.steps.errors import failed_steps, known_failure
from perdure.models import FailureKind

T = TypeVar("T")

MAX_TRIES: Final = 4
INITIAL_BACKOFF: Final = 0.5
MAX_BACKOFF: Final = 8.0
MAX_WAIT: Final = 10.0
MAX_TOTAL_WAIT: Final = 60.0


@dataclass(frozen=True, slots=True)
class Clock:
    """The sources of time and of random numbers; tests hand in their own.

    Attributes:
        now: Returns seconds that never go back.
        sleep: Waits for so many seconds.
        random: Returns a number from 0 up to, not including, 1.
    """

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    random: Callable[[], float] = random.random


CLOCK: Final = Clock()


async def retry_in_place(
    attempt: Callable[[], Awaitable[T]],
    *,
    max_tries: int = MAX_TRIES,
    max_wait: float = MAX_WAIT,
    max_total_wait: float = MAX_TOTAL_WAIT,
    clock: Clock = CLOCK,
) -> T:
    """Await something until it succeeds, as long as its failures are transient or throttled.

    A transient failure is retried after 0.5 s, 1 s, 2 s … up to 8 s, each time a random part of
    it. A throttled one is retried after the time that the service asks for, and uses up no try. An
    error that is unknown, is permanent, or comes from a step that was retried already, is raised
    at once.

    Args:
        attempt: What to do; called anew for each try.
        max_tries: How many tries at most; throttled ones do not count.
        max_wait: The longest wait for a throttled try, in seconds. For a longer one the error is
            raised, so that the goal waits without occupying a worker.
        max_total_wait: How long those waits may take in all, in seconds.
        clock: The sources of time and of random numbers.

    Returns:
        What ``attempt`` returned in the end.
    """
    failed, waited, throttled = 0, 0.0, 0
    while True:
        try:
            return await attempt()
        except Exception as error:
            failure = known_failure(error)
            if failure is None or next(failed_steps(error), None) is not None:
                raise
            if failure.kind == FailureKind.TRANSIENT:
                failed += 1
                if failed >= max_tries:
                    raise
                delay = backoff(failed, clock)
            elif failure.kind == FailureKind.THROTTLED:
                throttled += 1
                delay = _throttle_delay(failure.retry_after, throttled, clock)
                waited += delay
                if (failure.retry_after or 0) > max_wait or waited > max_total_wait:
                    raise
            else:
                raise
        await clock.sleep(delay)


def backoff(failed: int, clock: Clock = CLOCK) -> float:
    """Return how many seconds to wait after the ``failed``-th failure in a row, from 1.

    The time is drawn evenly from zero to the full backoff ("full jitter"), so that requests that
    failed together are not retried together.
    """
    return clock.random() * min(MAX_BACKOFF, INITIAL_BACKOFF * 2.0 ** min(failed - 1, 16))


def _throttle_delay(retry_after: float | None, throttled: int, clock: Clock) -> float:
    if retry_after is None:
        # A service that names no time gets at least half of the usual backoff.
        full = min(MAX_BACKOFF, INITIAL_BACKOFF * 2.0 ** min(throttled, 16))
        return full / 2 + clock.random() * full / 2
    # Never earlier than asked, and not all at the same moment.
    return retry_after + clock.random() * min(1.0, retry_after / 10)
