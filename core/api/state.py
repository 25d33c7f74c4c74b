"""What every route reaches: one goal service a process."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from holdfast.temporal.goals import GoalService


@dataclass(frozen=True, slots=True)
class ApiState:
    """The application's own state.

    Attributes:
        service: Starts and cancels goals, over one shared Temporal client.
    """

    service: GoalService


def _service(request: Request) -> GoalService:
    state: ApiState = request.app.state.holdfast
    return state.service


Service = Annotated[GoalService, Depends(_service)]
