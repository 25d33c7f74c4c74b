"""The events of a run."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from perdure.models.base import Model


class Progress(Model):
    """How far an agent has got.

    Attributes:
        percentage: 0 to 100.
        message: What is being done, in a few words.
        step: The name of the current step, where there is one.
    """

    percentage: Annotated[float, Field(ge=0, le=100)]
    message: str = ""
    step: str | None = None


EventType = Literal[
    "run.started",
    "run.retrying",
    "run.resumed",
    "run.waiting",
    "run.paused",
    "run.throttled",
    "run.yielded",
    "run.retried",
    "run.completed",
    "run.failed",
    "run.cancelled",
    "run.terminated",
    "progress",
    "step.started",
    "step.completed",
    "step.failed",
    "text.delta",
    "text.withdrawn",
    "tool.called",
    "usage",
    "artifact",
    "approval.requested",
    "approval.decided",
    "signal",
    "delegated",
]


class Event(Model):
    """One thing that happened in a run.

    Attributes:
        workflow_id: The run.
        number: 1, 2, 3 … without a gap within the run; the ``id`` of a server-sent event.
        type: What happened.
        time: When, in UTC.
        data: The details: a progress event holds the fields of :class:`Progress`, an artifact event
            those of :class:`Artifact`, a step event ``step`` and ``seconds``, a failed run those of
            :class:`Failure`.
    """

    workflow_id: str
    number: int
    type: EventType
    time: datetime
    data: dict[str, JsonValue] = Field(default_factory=dict)
