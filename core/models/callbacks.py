"""Callbacks: where to post that a goal has ended, or asks people something."""

from typing import Final

from perdure.models.base import Model
from perdure.models.events import Event, EventType

CALLBACK_EVENTS: Final[tuple[EventType, ...]] = (
    "approval.requested",
    "run.completed",
    "run.failed",
    "run.cancelled",
    "run.terminated",
)


class DueCallback(Model):
    """Events of a run that are to be posted to a URL.

    Attributes:
        workflow_id: The run.
        url: Where to post them.
        goal_id: The goal.
        agent_type: The agent.
        tenant: Whose goal it is.
        attempts: How often in a row the first of the events could not be posted.
        events: The events, in order.
    """

    workflow_id: str
    url: str
    goal_id: str
    agent_type: str
    tenant: str
    attempts: int
    events: tuple[Event, ...]
