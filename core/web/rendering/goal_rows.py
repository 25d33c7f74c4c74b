"""Goals as rows of a list: what is said of each beside its status."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from perdure.models import GoalRecord
from perdure.stores.spending.goal_costs import GoalCost


@dataclass(frozen=True, slots=True)
class GoalRow:
    """One goal of a list.

    Attributes:
        goal: Its record.
        cost: What it has cost; ``None`` when it asked no paid model.
        note: How far it is or how it ended, in a few words.
    """

    goal: GoalRecord
    cost: GoalCost | None
    note: str


def goal_rows(goals: Sequence[GoalRecord], costs: Mapping[str, GoalCost]) -> list[GoalRow]:
    """Return goals as rows."""
    return [GoalRow(goal, costs.get(goal.workflow_id), _note(goal)) for goal in goals]


def _note(goal: GoalRecord) -> str:
    if goal.error is not None:
        return goal.error.message
    return goal.progress.message if goal.progress is not None else ""
