"""The events of a run."""

import math
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, JsonValue

from perdure.models.base import Model
from perdure.models.texts import Text, beginning


def _within_percent(percentage: float) -> float:
    return 0.0 if math.isnan(percentage) else min(max(percentage, 0.0), 100.0)


class Progress(Model):
    """How far an agent has got.

    Attributes:
        percentage: 0 to 100; what is less or more is taken for 0 or 100, and NaN for 0, since no
            goal should fail for a figure that people look at.
        message: What is being done, in a few words; of more than 1,000 characters the beginning,
            with how many there were.
        step: The name of the step under way, where there is one; cut in the same way.
        number: 3 for the third step of that name in an execution; left out where it is the first,
            or not known.
    """

    percentage: Annotated[float, AfterValidator(_within_percent)]
    message: Annotated[Text, AfterValidator(beginning)] = ""
    step: Annotated[Text, AfterValidator(beginning)] | None = None
    number: Annotated[int | None, Field(exclude_if=lambda number: number is None)] = None


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
    "step.settled",
    "text.delta",
    "text.withdrawn",
    "tool.called",
    "tool.returned",
    "usage",
    "artifact",
    "approval.requested",
    "approval.decided",
    "policy.decided",
    "signal",
    "planned",
    "delegated",
]


class PlannedGoal(Model):
    """A goal that an agent is going to delegate, as the picture on its page shows it beforehand.

    Attributes:
        name: What it is called among the goals of its run; the same name again replaces it.
        agent_type: Who is to do it.
        description: What is asked, cut where it is long.
        after: The goals whose results it uses, by name.
        same_as: The goal that has answered it already, as both asked the same; empty for none.
    """

    name: Annotated[Text, Field(min_length=1, max_length=100)]
    agent_type: str
    description: Annotated[Text, AfterValidator(beginning)] = ""
    after: tuple[str, ...] = ()
    same_as: str = ""


# What ends the ``stream`` of a text that is a model's thinking.
THINKING_SUFFIX: Final = ".thinking"


class Event(Model):
    """One thing that happened in a run.

    Attributes:
        workflow_id: The run.
        number: 1, 2, 3 … without a gap within the run; the ``id`` of a server-sent event.
        type: What happened.
        time: When, in UTC.
        data: The details: a progress event holds the fields of :class:`Progress`, an artifact event
            those of :class:`Artifact`, a step event ``step``, ``number`` (3 for the third step of
            that name in an execution) and ``seconds``, with ``within`` for the key of the step in
            whose function it was executed, or, of one that a person has settled, ``done`` and
            ``by``, the beginning of a later execution ``agent_version``, a piece of text its
            ``stream`` and ``text``, a model's thinking being a stream of its own whose name ends in
            ``.thinking``, an event of a tool ``tool``, ``tool_call_id`` and ``arguments``, or
            ``result`` or ``error`` with ``seconds``, as texts that are cut where they are long, a
            decision of the policy its ``outcome`` (``allow``, ``deny``, ``ask``), the ``rule``,
            what it is about as ``kind`` (``goal``, ``step``, ``tool``) and ``name``, and the
            ``parameters_digest``, a plan its ``goals``, each a :class:`PlannedGoal`, a failed run
            those of :class:`Failure`.
    """

    workflow_id: str
    number: int
    type: EventType
    time: datetime
    data: dict[str, JsonValue] = Field(default_factory=dict)
