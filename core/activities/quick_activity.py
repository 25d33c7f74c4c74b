"""Activities that run as local ones while they are quick."""

import asyncio
import functools
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError

from perdure.activities.heartbeats import heartbeating
from perdure.agents.steps.errors import PermanentError, shortened

S = TypeVar("S")
A = TypeVar("A")
T = TypeVar("T")

QUICK_SECONDS: Final = 2.0

log = structlog.get_logger()


def quick_or_later(
    body: Callable[[S, A], Awaitable[T]],
) -> Callable[[S, A], Awaitable[T | None]]:
    """Make an activity return ``None``, for "later", when it runs as a local one and is not quick.

    As a local activity the body gets two seconds, and whatever it raises also means "later": the
    ordinary activity that follows has the full time and reports the error. There a
    :class:`~perdure.agents.PermanentError` is not retried, and it heartbeats: its worker may die.
    """

    @functools.wraps(body)
    async def run(self: S, argument: A) -> T | None:
        if not activity.info().is_local:
            try:
                async with heartbeating():
                    return await body(self, argument)
            except PermanentError as error:
                raise permanent(error) from error
        try:
            async with asyncio.timeout(QUICK_SECONDS):
                return await body(self, argument)
        except Exception as error:  # noqa: BLE001 -- the ordinary activity will report it
            log.info("not quick", activity=activity.info().activity_type, reason=repr(error))
            return None

    return run


def permanent(error: PermanentError) -> Exception:
    """Return the error in the form that Temporal does not retry."""
    return ApplicationError(shortened(str(error)), type=type(error).__name__, non_retryable=True)
