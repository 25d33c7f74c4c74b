"""Doing the body of a step: what it comes to, and what it spends."""

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Final

from perdure.agents.steps.encoding import encode
from perdure.agents.steps.errors import failure_from, no_exit
from perdure.agents.steps.journal import EventEmitter, StepKey, StepOutcome
from perdure.agents.steps.retry import retried
from perdure.agents.steps.threads import in_thread
from perdure.models import Usage

WONDER_SECONDS: Final = 0.5

# What the step that is being done has spent so far, entry by entry of the ledger.
spent_here: Final[ContextVar[dict[int, Usage] | None]] = ContextVar("spent_here", default=None)


async def perform(
    key: StepKey,
    function: Callable[..., object],
    args: tuple[object, ...],
    kwargs: Mapping[str, object],
    *,
    once: bool,
    again: Callable[[], Awaitable[None]],
) -> tuple[StepOutcome, Exception | None]:
    """Do a step's body; failures that are known to pass are tried again in place, if not ``once``.

    Before it is tried again ``again`` is awaited.

    Returns:
        What the step came to, and the error behind its failure.
    """
    started = time.monotonic()

    tries = 0

    async def attempt() -> object:
        nonlocal tries
        tries += 1
        if tries > 1:
            await again()
        return await _call(function, args, kwargs)

    try:
        value = await (attempt() if once else retried(attempt))
        text = encode(value, what=f"the value of step {key.name!r}")
    except Exception as error:  # noqa: BLE001 -- whatever a step raises is its answer
        return StepOutcome("", failure_from(error), _seconds_since(started)), error
    return StepOutcome(text, None, _seconds_since(started)), None


async def _call(
    function: Callable[..., object], args: tuple[object, ...], kwargs: Mapping[str, object]
) -> object:
    if inspect.iscoroutinefunction(inspect.unwrap(function)):
        with no_exit():
            return await function(*args, **kwargs)  # type: ignore[misc]
    value = await in_thread(function, args, kwargs)
    # A partial or a callable object around a coroutine.
    return await value if inspect.isawaitable(value) else value


@asynccontextmanager
async def announced(name: str, listener: EventEmitter) -> AsyncIterator[None]:
    """Tell that a step is under way, if the block takes long enough for anybody to wonder."""
    told = asyncio.Event()

    async def announce() -> None:
        await asyncio.sleep(WONDER_SECONDS)
        told.set()
        await listener.note("step.started", {"step": name})

    announcing = asyncio.create_task(announce())
    try:
        yield
    finally:
        if told.is_set():
            await announcing  # its event stands before the step's end
        else:
            announcing.cancel()


def _seconds_since(started: float) -> float:
    return round(time.monotonic() - started, 6)
