"""The errors that agents raise, those that runs raise, and the failures that they become."""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from perdure.agents.steps.classification import Classification, cause_of, classify
from perdure.agents.steps.keys import StepKey
from perdure.models import Failure, FailureKind
from perdure.models.texts import escape_surrogates
from perdure.redaction import message_without_secrets

MESSAGE_CHARACTERS: Final = 2_000

_PERMANENT: Final = frozenset({FailureKind.PERMANENT, FailureKind.BUDGET})
_MOST_SEVERE_FIRST: Final = (
    FailureKind.TRANSIENT,
    FailureKind.STALLED,
    FailureKind.STORES_AWAY,
    FailureKind.LOST_WORKER,
    FailureKind.THROTTLED,
)


class PermanentError(Exception):
    """Raise this when trying again cannot help: the goal fails at once, without further attempts.

    Say in one sentence what happened, to which thing, and what to do next.
    """


class InputError(PermanentError):
    """The goal's input cannot be used: a missing file, a wrong format, a bad parameter."""


class BudgetExceeded(PermanentError):
    """The goal has used what its budget allows."""


class PolicyDenied(PermanentError):
    """The installation's policy denies what was about to be done: a rule of it, or its default.

    Of a step or a call of a tool it is raised by a :class:`StepFailed` that is one of these too:
    an agent that can do without catches it, and its goal goes on; otherwise the goal fails with it.
    A step that was denied has not begun: when the goal is retried, it is judged once more.
    """


class OutcomeUnknown(PermanentError):
    """A step marked ``once`` was started, and whether it took effect is not known.

    A person who has found out settles the step; then the goal is retried, and goes on from there.
    """


class TransientError(Exception):
    """Raise this when trying again is likely to help: a step is tried again a few times in place.

    Any other error is tried again too, but only with the whole attempt.
    """


class Throttled(Exception):
    """Raise this when a service asks to wait: the goal waits, and no attempt is used up.

    Attributes:
        retry_after: Seconds that it asks to wait; ``None`` when it names none.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        sensible = retry_after is not None and math.isfinite(retry_after) and retry_after >= 0
        self.retry_after = retry_after if sensible else None


class StepFailed(Exception):
    """A step raised; the failure is journaled, and is the step's outcome from now on.

    It is raised in place of the original error, in the first execution and in every later one, so
    that an agent that catches it takes the same branch each time. In the first one the original
    error is its ``__cause__``.

    Attributes:
        key: Which step.
        failure: The original error's type and message, and whether it is permanent.
    """

    def __init__(self, key: StepKey, failure: Failure) -> None:
        super().__init__(failure.message)
        self.key = key
        self.failure = failure


class StepDenied(StepFailed, PolicyDenied):
    """The policy denied a step: the error that an agent gets, in every execution."""


def failed_step(key: StepKey, failure: Failure) -> StepFailed:
    """Return the error that stands for a step's failure, the same in every execution."""
    denied = failure.type == PolicyDenied.__name__
    return StepDenied(key, failure) if denied else StepFailed(key, failure)


_KINDS: Final = (
    (BudgetExceeded, FailureKind.BUDGET),
    (PermanentError, FailureKind.PERMANENT),
    (TransientError, FailureKind.TRANSIENT),
)


def failure_from(error: BaseException) -> Failure:
    """Describe an error as a :class:`Failure`; a failed step counts as the error it stands for.

    An unknown error is transient, which costs an attempt.
    """
    if isinstance(error, BaseExceptionGroup):
        return _merged(error, [failure_from(one) for one in error.exceptions])
    return known_failure(error) or _failure(error, FailureKind.TRANSIENT)


def known_failure(error: BaseException) -> Failure | None:
    """Describe an error as a failure if its kind is known.

    Known are the errors in this module, failed steps, the HTTP errors and lost connections of any
    library, and whatever was raised from one of those; a group of errors if each one is known.

    Returns:
        ``None`` for an error of unknown kind.
    """
    if isinstance(error, StepFailed):
        return error.failure
    if isinstance(error, BaseExceptionGroup):
        parts = [known_failure(one) for one in error.exceptions]
        known = [part for part in parts if part is not None]
        return _merged(error, known) if len(known) == len(parts) else None
    for link in _cause_chain(error):
        failure = _failure_by_link(error, link)
        if failure is not None:
            return failure
    return None


def _failure_by_link(error: BaseException, link: BaseException) -> Failure | None:
    """Describe ``error`` by what is known of ``link``: itself, or one of its causes."""
    if isinstance(link, StepFailed | BaseExceptionGroup):
        inner = failure_from(link)
        return _failure(error, inner.kind, inner.retry_after, inner.status)
    if isinstance(link, Throttled):
        return _failure(error, FailureKind.THROTTLED, link.retry_after)
    for class_, kind in _KINDS:
        if isinstance(link, class_):
            return _failure(error, kind)
    known = classify(link)
    return None if known is None else _failure_by_classification(error, known)


def _failure_by_classification(error: BaseException, known: Classification) -> Failure:
    failure = _failure(error, known.kind, known.retry_after, known.status)
    if not known.credentials_refused:
        return failure
    advice = f"the service refuses the key (HTTP {known.status or 401}): set a valid one and retry;"
    return failure.model_copy(update={"message": shortened(f"{advice} it said: {failure.message}")})


def _failure(
    error: BaseException,
    kind: FailureKind,
    retry_after: float | None = None,
    status: int | None = None,
) -> Failure:
    return Failure(
        type=type(error).__name__,
        message=_message(error),
        permanent=kind in _PERMANENT,
        kind=kind,
        retry_after=retry_after,
        status=status,
    )


def _message(error: BaseException) -> str:
    return shortened(message_without_secrets(str(error))) or type(error).__name__


def _cause_chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = cause_of(link)


def _merged(group: BaseException, failures: list[Failure]) -> Failure:
    if len(failures) == 1:
        return failures[0]
    # A fallback chain of models can go on as soon as one of them can.
    alternatives = any(part.__name__ == "FallbackExceptionGroup" for part in type(group).__mro__)
    kind = _merged_kind({failure.kind for failure in failures}, alternatives=alternatives)
    waits = [failure.retry_after for failure in failures if failure.retry_after is not None]
    return Failure(
        type=" and ".join(sorted({failure.type for failure in failures})),
        message=shortened("; ".join(failure.message for failure in failures)),
        permanent=kind in _PERMANENT,
        kind=kind,
        retry_after=None if not waits else min(waits) if alternatives else max(waits),
    )


def _merged_kind(kinds: Iterable[FailureKind], *, alternatives: bool) -> FailureKind:
    left = set(kinds)
    if left <= _PERMANENT:
        return FailureKind.BUDGET if FailureKind.BUDGET in left else FailureKind.PERMANENT
    if alternatives and FailureKind.THROTTLED in left:
        return FailureKind.THROTTLED
    # A branch that fails for good must not hide behind others that may wait for ever: a group costs
    # no attempt only if none of its errors does.
    if left & (_PERMANENT | {FailureKind.TRANSIENT}) and not alternatives:
        return FailureKind.TRANSIENT
    return next(kind for kind in _MOST_SEVERE_FIRST if kind in left)


def shortened(message: str) -> str:
    """Cut a message that is too long for Temporal, which refuses what is larger than 2 MB.

    Half surrogate pairs are written as escapes.
    """
    message = escape_surrogates(message)
    if len(message) <= MESSAGE_CHARACTERS:
        return message
    return f"{message[:MESSAGE_CHARACTERS]}… ({len(message):,} characters in all)"


@contextmanager
def catch_exits() -> Iterator[None]:
    """Turn ``sys.exit`` and Ctrl-C, which would end the event loop, into an ordinary error.

    Raises:
        RuntimeError: The block raised one of them.
    """
    try:
        yield
    except (SystemExit, KeyboardInterrupt) as error:
        reason = f": {error}" if error.args else ""
        raise RuntimeError(f"it raised {type(error).__name__}{reason}") from error


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
