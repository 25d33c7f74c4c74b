"""Trying again in place: what is tried again, how often, and after how long."""

import asyncio
from collections.abc import Callable
from typing import Final

import pytest

from perdure.agents.steps.errors import PermanentError, StepFailed, Throttled, TransientError
from perdure.agents.steps.keys import StepKey
from perdure.agents.steps.retry import Clock, backoff, retry_in_place
from perdure.models import Failure, FailureKind

KEY: Final = StepKey("s", "d", 0)


class Time:
    """A clock that stands still until somebody sleeps.

    Attributes:
        slept: The sleeps, in seconds.
    """

    def __init__(self, chance: float = 1.0) -> None:
        self.slept: list[float] = []
        self.clock = Clock(lambda: sum(self.slept), self._sleep, lambda: chance)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)


class Work:
    """Fails with each error in turn, then works."""

    def __init__(self, *errors: Exception) -> None:
        self._errors = list(errors)
        self.tries = 0

    async def __call__(self) -> str:
        self.tries += 1
        if self._errors:
            raise self._errors.pop(0)
        return "done"


async def test_transient_failures_are_tried_again_after_longer_and_longer() -> None:
    time, work = Time(), Work(*[TransientError("no")] * 3)
    assert await retry_in_place(work, clock=time.clock) == "done"
    assert time.slept == [0.5, 1.0, 2.0]


async def test_after_four_tries_the_error_itself_is_raised() -> None:
    time, errors = Time(), [ConnectionResetError(str(number)) for number in range(9)]
    work = Work(*errors)
    with pytest.raises(ConnectionResetError, match="3"):
        await retry_in_place(work, clock=time.clock)
    assert work.tries == 4


@pytest.mark.parametrize(
    "error",
    [
        ValueError("a bug"),
        PermanentError("no"),
        StepFailed(KEY, Failure(type="X", message="tried already", kind=FailureKind.TRANSIENT)),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_what_is_raised_at_once(error: Exception) -> None:
    time, work = Time(), Work(error)
    with pytest.raises(type(error)):
        await retry_in_place(work, clock=time.clock)
    assert (work.tries, time.slept) == (1, [])


async def test_a_short_wait_that_was_asked_for_uses_up_no_try() -> None:
    time = Time(chance=0.0)
    work = Work(*[Throttled("busy", 5)] * 5, *[TransientError("no")] * 3)
    assert await retry_in_place(work, clock=time.clock) == "done"
    assert time.slept[:5] == [5] * 5


async def test_a_long_wait_is_left_to_the_goal() -> None:
    time, work = Time(), Work(Throttled("busy", 11))
    with pytest.raises(Throttled):
        await retry_in_place(work, clock=time.clock)
    assert time.slept == []


async def test_short_waits_end_after_a_minute_in_all() -> None:
    time, work = Time(chance=0.0), Work(*[Throttled("busy", 9)] * 20)
    with pytest.raises(Throttled):
        await retry_in_place(work, clock=time.clock)
    assert sum(time.slept) == 54


async def test_who_does_not_say_how_long_is_given_time() -> None:
    time, work = Time(chance=0.0), Work(*[Throttled("busy")] * 4)
    assert await retry_in_place(work, clock=time.clock) == "done"
    assert time.slept == [0.5, 1.0, 2.0, 4.0]


@pytest.mark.parametrize("failed", [1, 2, 5, 50, 5_000])
@pytest.mark.parametrize("chance", [0.0, 0.5, 0.999])
def test_backoff_is_a_random_part_of_at_most_eight_seconds(failed: int, chance: float) -> None:
    fixed: Callable[[], float] = lambda: chance  # noqa: E731
    full = min(8.0, 0.5 * 2.0 ** min(failed - 1, 30))
    assert backoff(failed, Clock(random=fixed)) == chance * full


async def test_a_cancelled_wait_ends() -> None:
    begun = asyncio.Event()

    async def attempt() -> None:
        begun.set()
        raise Throttled("busy", 10)

    task = asyncio.create_task(retry_in_place(attempt))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
