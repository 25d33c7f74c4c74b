"""The execution of a step's function: its outcome, and the usage that it reports."""

import inspect
import time
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from perdure.agents.steps.errors import catch_exits, failure_from
from perdure.agents.steps.journal import StepOutcome
from perdure.agents.steps.keys import StepKey
from perdure.agents.steps.retry import retry_in_place
from perdure.agents.steps.return_types import ReturnType
from perdure.agents.steps.step_values import encode_value
from perdure.agents.steps.threads import StepThreads
from perdure.models import Usage
from perdure.telemetry.metrics import recording

# The usage that the current step has reported so far, by ledger entry.
step_usage: Final[ContextVar[dict[int, Usage] | None]] = ContextVar("step_usage", default=None)


@dataclass(frozen=True, slots=True)
class ExecutedStep:
    """A step that was executed.

    Attributes:
        outcome: What it came to.
        value: Its value as it reads back from the journal.
        error: The error behind its failure.
    """

    outcome: StepOutcome
    value: object = None
    error: Exception | None = None


async def execute_step(
    key: StepKey,
    function: Callable[..., object],
    args: tuple[object, ...],
    kwargs: Mapping[str, object],
    returned: ReturnType,
    *,
    once: bool,
    before_retry: Callable[[], Awaitable[None]],
    threads: StepThreads,
) -> ExecutedStep:
    """Call a step's function; unless ``once``, transient failures are retried in place.

    Args:
        key: The step.
        function: What it calls.
        args: The arguments by position.
        kwargs: The arguments by name.
        returned: What it is annotated to return.
        once: Never call the function a second time.
        before_retry: Awaited before each further try.
        threads: Runs a plain function.
    """
    started = time.monotonic()
    tries = 0

    async def attempt() -> object:
        nonlocal tries
        tries += 1
        if tries > 1:
            recording.step_retried()
            await before_retry()
        return await _call(key.name, function, args, kwargs, threads)

    try:
        value = await (attempt() if once else retry_in_place(attempt))
        text, read = encode_value(value, returned, step=key.name)
    except Exception as error:  # noqa: BLE001 -- whatever a step raises is its outcome
        return ExecutedStep(
            StepOutcome("", failure_from(error), _seconds_since(started)), error=error
        )
    return ExecutedStep(StepOutcome(text, None, _seconds_since(started)), read)


async def _call(
    step: str,
    function: Callable[..., object],
    args: tuple[object, ...],
    kwargs: Mapping[str, object],
    threads: StepThreads,
) -> object:
    if inspect.iscoroutinefunction(inspect.unwrap(function)):
        with catch_exits():
            return await function(*args, **kwargs)  # type: ignore[misc]
    value = await threads.run(step, function, args, kwargs)
    # A partial or a callable object around a coroutine.
    return await value if inspect.isawaitable(value) else value


def _seconds_since(started: float) -> float:
    return round(time.monotonic() - started, 6)
