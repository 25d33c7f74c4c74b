"""What can be done with a goal, by its status, in plain words."""

from dataclasses import dataclass
from typing import Final

from perdure.models import GoalRecord, GoalStatus


@dataclass(frozen=True, slots=True)
class Action:
    """Something that can be done with a goal.

    Attributes:
        name: The last part of the address to which its form is sent.
        label: What its button says.
        icon: The button's icon.
        about: What happens then; it is asked first when there is something to say.
        is_danger: Whether something is lost by it.
    """

    name: str
    label: str
    icon: str
    about: str = ""
    is_danger: bool = False


_CANCEL: Final = Action(
    "cancel",
    "Cancel",
    "cancelled",
    "The goal, and what it handed to other agents, is stopped. What was made so far is kept, and it"
    " can be picked up again later.",
    is_danger=True,
)
_PAUSE: Final = Action(
    "pause",
    "Pause",
    "pause",
    "What is under way is finished, then the goal stands still until it is resumed.",
)
_RESUME: Final = Action("resume", "Resume", "play")
_RETRY: Final = Action(
    "retry",
    "Retry",
    "retry",
    "The goal goes on where it stopped: finished steps are not done and not paid again.",
)


def actions_for(goal: GoalRecord) -> list[Action]:
    """Return what can be done with a goal now."""
    if goal.status is GoalStatus.COMPLETED:
        return []
    if goal.status.final:
        return [] if goal.parent else [_RETRY]
    if goal.status is GoalStatus.PAUSED:
        return [_RESUME, _CANCEL]
    return [_PAUSE, _CANCEL]
