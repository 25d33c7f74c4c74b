"""What an agent makes with a model or, where that fails, by rules; and why by rules."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Generic, Literal, TypeVar

from pydantic import JsonValue

from perdure.agents.steps.errors import (
    BudgetExceeded,
    OutcomeUnknown,
    PermanentError,
    failed_steps,
    failure_from,
    known_failure,
    shortened,
)
from perdure.models import FailureKind
from perdure.models.base import LastingModel

T = TypeVar("T")
Way = Literal["model", "rules"]

# So many reasons are in a result's metadata: those of a thousand columns are all alike.
MOST_REASONS: Final = 3
# What no fallback may hide: the installation's own troubles, which pass.
_OF_THE_INSTALLATION: Final = frozenset(
    {FailureKind.STALLED, FailureKind.LOST_WORKER, FailureKind.STORES_AWAY}
)


class AnswerRefused(PermanentError):
    """Raise this for what a model gave and the agent's checks refuse; say in a sentence why.

    Within :meth:`perdure.agents.Run.try_model` it makes the agent fall back to its rules.
    """


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What :meth:`perdure.agents.Run.try_model` made.

    Attributes:
        value: What was made.
        way: ``model``, or ``rules`` where no model is named or where it failed.
        model: The name of the model; empty where none is named.
        reason: Why it was made by rules, in one sentence; empty where it was not.
    """

    value: T
    way: Way
    model: str = ""
    reason: str = ""


class ModelChoice(LastingModel):
    """The model that a run has, as its journal keeps it.

    Attributes:
        model: Its name; empty when there is none.
        reason: Why there is none.
    """

    model: str = ""
    reason: str = ""


class WayTaken(LastingModel):
    """Which way an answer was made, as the journal keeps it.

    Attributes:
        way: ``model`` or ``rules``.
        reason: Why by rules.
        budget_is_spent: Whether the budget is why: then no further request is made.
    """

    way: Way
    reason: str = ""
    budget_is_spent: bool = False


def way_around(error: Exception, model: str) -> WayTaken | None:
    """Return why to go on by rules after the work with a model failed.

    Args:
        error: What the work raised.
        model: The model's name.

    Returns:
        ``None`` for what the rules are no way around: a budget of steps or of time, a ``once`` step
        whose outcome is unknown, troubles of the installation.
    """
    leaves = list(_leaves(error))
    if any(isinstance(leaf, BudgetExceeded | OutcomeUnknown) for leaf in leaves):
        return None
    failures = [failure_from(leaf) for leaf in leaves]
    kinds = {failure.kind for failure in failures}
    if kinds & _OF_THE_INSTALLATION:
        return None
    told = "; ".join(dict.fromkeys(failure.message for failure in failures))
    if FailureKind.BUDGET in kinds:
        return WayTaken(way="rules", reason=shortened(told), budget_is_spent=True)
    if any(_is_refusal(leaf) for leaf in leaves):
        return WayTaken(way="rules", reason=shortened(f"what {model} gave is refused: {told}"))
    if all(known_failure(leaf) is None for leaf in leaves):
        named = "; ".join(
            dict.fromkeys(f"{failure.type}: {failure.message}" for failure in failures)
        )
        return WayTaken(way="rules", reason=shortened(f"the work with {model} failed: {named}"))
    return WayTaken(way="rules", reason=shortened(f"{model} failed: {told}"))


def seconds_to_wait(error: Exception) -> float | None:
    """Return for how long the provider asks to wait, 0.0 where it names no time.

    Returns:
        ``None`` for any other failure, that of a provider which is down included.
    """
    failure = failure_from(error)
    if failure.kind is not FailureKind.THROTTLED:
        return None
    if any(step.failure.type == "ProviderDown" for step in failed_steps(error)):
        return None
    return failure.retry_after or 0.0


def is_unforeseen(error: Exception) -> bool:
    """Return whether an error looks like a mistake in the agent's own code."""
    return not any(_is_refusal(leaf) or known_failure(leaf) for leaf in _leaves(error))


def ways_metadata(answers: Iterable[Answer[Any]]) -> dict[str, JsonValue]:
    """Return what a result's metadata says of how it was made; nothing where no model was tried.

    Returns:
        ``way``: ``model``, ``rules``, or ``both``; ``model``: the name of the one that answered;
        ``way_reason``: why by rules.
    """
    given = list(answers)
    if not given:
        return {}
    ways = {answer.way for answer in given}
    metadata: dict[str, JsonValue] = {"way": "both" if len(ways) > 1 else next(iter(ways))}
    models = sorted({answer.model for answer in given if answer.way == "model"})
    if models:
        metadata["model"] = ", ".join(models)
    # Sorted, as those that were made side by side come in another order each time.
    reasons = sorted({answer.reason for answer in given if answer.reason})
    if reasons:
        rest = len(reasons) - MOST_REASONS
        more = [f"{rest} more reasons"] if rest > 0 else []
        metadata["way_reason"] = "; ".join([*reasons[:MOST_REASONS], *more])
    return metadata


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, or those of a group, in groups within it too."""
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from _leaves(one)
    else:
        yield error


def _is_refusal(error: BaseException) -> bool:
    """Return whether the model answered, but nothing that could be used."""
    # By its name, as pydantic-ai is not imported where no model is asked.
    kinds = {kind.__name__ for kind in type(error).__mro__}
    return isinstance(error, AnswerRefused) or "UnexpectedModelBehavior" in kinds
