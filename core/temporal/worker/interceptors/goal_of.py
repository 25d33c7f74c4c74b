"""Which goal an activity is for, and which of its attempts."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from perdure.messages import ExecuteInput, StoreInput
from perdure.models import Goal


class ActivityGoal(NamedTuple):
    """The goal of an activity.

    Attributes:
        goal: The goal.
        attempt: Which attempt at it, from 1; ``None`` for what is done once for all of them.
    """

    goal: Goal
    attempt: int | None = None


def goal_of(arguments: Sequence[Any]) -> ActivityGoal | None:
    """Return which goal an activity with these arguments is for."""
    match arguments:
        case [Goal() as goal]:
            return ActivityGoal(goal)
        case [ExecuteInput(goal=goal, attempt=attempt)]:
            return ActivityGoal(goal, attempt)
        case [StoreInput(goal=goal)]:
            return ActivityGoal(goal)
    return None
