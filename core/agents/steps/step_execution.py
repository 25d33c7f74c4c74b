"""The execution of a step's function: its outcome, and the usage that it reports."""

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Final

from perdure.agents.steps.encoding import encode
from perdure.agents.steps.errors import catch_exits, failure_from
from perdure.agents.steps.journal import EventEmitter, StepOutcome
from perdure.agents.steps.keys import StepKey
from perdure.agents.steps.retry import retry_in_place
from perdure.agents.steps.threads import run_in_thread
from perdure.models import Usage

# Steps that end sooner are shown to readers by their end only.
STARTED_EVENT_DELAY: Final = 0.5

# The usage that the current step has reported so far, by ledger entry.
step_usage: Final[ContextVar[dict[int, Usage] | None]] = ContextVar("step_usage", default=None)


async def execute_step(
    key: StepKey,
    function: Callable[..., object],
    args: tuple[object, ...],
    kwargs: Mapping[str, object],
    *,
    once: bool,
    before_retry: Callable[[], Awaitable[None]],
) -> tuple[StepOutcome, Exception | None]:
    """Call a step's function; unless ``once``, transient failures are retried in place.

    Args:
        key: The step.
        function: What it calls.
        args: The arguments by position.
        kwargs: The arguments by name.
        once: Never call the function a second time.
        before_retry: Awaited before each further try.

    Returns:
        The step's outcome, and the error behind its failure.
    """
    started = time.monotonic()
    tries = 0

    async def attempt() -> object:
        nonlocal tries
        tries += 1
        if tries > 1:
            await before_retry()
        return await _call(function, args, kwargs)

    try:
        value = await (attempt() if once else retry_in_place(attempt))
        text = encode(value, what=f"the value of step {key.name!r}")
    except Exception as error:  # noqa: BLE001 -- whatever a step raises is its outcome
        return StepOutcome("", failure_from(error), _seconds_since(started)), error
    return StepOutcome(text, None, _seconds_since(started)), None


async def _call(
    function: Callable[..., object], args: tuple[object, ...], kwargs: Mapping[str, object]
) -> object:
    if inspect.iscoroutinefunction(inspect.unwrap(function)):
        with catch_exits():
            return await function(*args, **kwargs)  # type: ignore[misc]
    value = await run_in_thread(function, args, kwargs)
    # A partial or a callable object around a coroutine.
    return await value if inspect.isawaitable(value) else value


@asynccontextmanager
async def step_started_event(name: str, emitter: EventEmitter) -> AsyncIterator[None]:
    """Emit ``step.started`` if the block takes longer than half a second."""
    is_due = asyncio.Event()

    async def emit_when_due() -> None:
        await asyncio.sleep(STARTED_EVENT_DELAY)
        is_due.set()
        await emitter.emit_event("step.started", {"step": name})

    emitting = asyncio.create_task(emit_when_due())
    try:
        yield
    finally:
        if is_due.is_set():
            await emitting  # this event comes before that of the step's end
        else:
            emitting.cancel()


def _seconds_since(started: float) -> float:
    return round(time.monotonic() - started, 6)
