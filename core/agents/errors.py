"""Errors that an agent raises, and those its run raises at it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from holdfast.agents.journal import StepKey
from holdfast.models import Failure

MESSAGE_CHARACTERS: Final = 2_000


class PermanentError(Exception):
    """Raise this when trying again cannot help: the goal fails at once, without further attempts.

    Say in one sentence what happened, to which thing, and what to do next.
    """


class InputError(PermanentError):
    """What was handed in cannot be worked with: a missing file, a wrong format, a bad parameter."""


class StepFailed(Exception):
    """A step raised; the failure is journaled and is the step's answer from now on.

    It is raised in place of the original error, on the first pass and on every later one, so that
    an agent that catches it takes the same branch each time. On the first pass the original is its
    ``__cause__``.

    Attributes:
        key: Which step.
        failure: The original error's type and message, and whether it is permanent.
    """

    def __init__(self, key: StepKey, failure: Failure) -> None:
        super().__init__(failure.message)
        self.key = key
        self.failure = failure


def failure_from(error: BaseException) -> Failure:
    """Describe an error as a :class:`Failure`; a failed step counts as the error it stands for."""
    if isinstance(error, StepFailed):
        return error.failure
    if isinstance(error, BaseExceptionGroup):
        return _failure_of_several([failure_from(one) for one in error.exceptions])
    return Failure(
        type=type(error).__name__,
        message=shortened(str(error)) or type(error).__name__,
        permanent=isinstance(error, PermanentError),
    )


def _failure_of_several(failures: list[Failure]) -> Failure:
    if len(failures) == 1:
        return failures[0]
    return Failure(
        type=" and ".join(sorted({failure.type for failure in failures})),
        message=shortened("; ".join(failure.message for failure in failures)),
        permanent=all(failure.permanent for failure in failures),
    )


def shortened(message: str) -> str:
    """Cut a message that is too long for Temporal, which refuses what is larger than 2 MB."""
    if len(message) <= MESSAGE_CHARACTERS:
        return message
    return f"{message[:MESSAGE_CHARACTERS]}… ({len(message):,} characters in all)"


@contextmanager
def no_exit() -> Iterator[None]:
    """Turn what would end the event loop, and every goal in it, into an ordinary error.

    Raises:
        RuntimeError: The block called ``sys.exit``.
    """
    try:
        yield
    except (SystemExit, KeyboardInterrupt) as error:
        raise RuntimeError(f"it raised {type(error).__name__}: {error}") from error


def failed_steps(error: BaseException) -> Iterator[StepFailed]:
    """Yield every failed step that an error is, was raised from, or holds in a group."""
    pending: list[BaseException] = [error]
    seen: set[int] = set()
    while pending:
        current = pending.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        if isinstance(current, StepFailed):
            yield current
        if isinstance(current, BaseExceptionGroup):
            pending.extend(current.exceptions)
        pending.extend(link for link in (current.__cause__, current.__context__) if link)
