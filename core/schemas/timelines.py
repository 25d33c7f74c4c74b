"""What a timeline consists of: spans of executions, steps and waits, with what they cost."""

from datetime import datetime
from typing import Literal

from perdure.models import GoalStatus, Model

SpanKind = Literal["step", "model", "approval", "delegate", "signal", "sleep"]
SpanStatus = Literal["running", "completed", "failed", "lost", "waiting"]
ExecutionEnd = Literal[
    "completed", "failed", "cancelled", "terminated", "waiting", "paused", "yielded", "lost"
]


class PricedUsage(Model):
    """Tokens, and what they cost where that is known.

    Attributes:
        requests: How many requests were sent to models.
        input_tokens: Tokens sent.
        output_tokens: Tokens received.
        cost: US dollars; ``None`` when the price of one of the models is not known.
    """

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = 0.0

    @property
    def tokens(self) -> int:
        """Tokens sent and received, together."""
        return self.input_tokens + self.output_tokens

    def __add__(self, other: "PricedUsage") -> "PricedUsage":
        unknown = self.cost is None or other.cost is None
        return PricedUsage(
            requests=self.requests + other.requests,
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cost=None if unknown else (self.cost or 0.0) + (other.cost or 0.0),
        )


class Span(Model):
    """A step or a wait: from when to when, and what came of it.

    Attributes:
        kind: A step, a step that asks a model, or what the run waited for.
        label: What people call it: the step's name, the question, the agent, with its number where
            others of that name came before.
        name: What names it in its execution: ``read#3`` is the third step that is called ``read``.
        key: Names this step alone in its run; ``None`` of one that is not in the journal.
        status: ``lost``: its execution ended before it did.
        started_at: When it began, in UTC.
        ended_at: When it ended; ``None`` while it has not.
        error: Why it failed.
        usage: What it used of models, tries that came to nothing included.
        thrown_away: The part of it whose outcome was lost.
        is_dearest: Whether no step of the run cost more.
        approval_id: The approval, of a wait for one.
        child: The delegate's run, of a wait for one.
    """

    kind: SpanKind = "step"
    label: str
    name: str
    key: str | None = None
    status: SpanStatus
    started_at: datetime
    ended_at: datetime | None = None
    error: str | None = None
    usage: PricedUsage = PricedUsage()
    thrown_away: PricedUsage = PricedUsage()
    is_dearest: bool = False
    approval_id: str | None = None
    child: str | None = None


class Execution(Model):
    """One execution of a run.

    Attributes:
        number: 1 for the first.
        started_at: When it began, in UTC.
        ended_at: When it ended; ``None`` while it has not.
        end: How it ended; ``None`` while it has not.
        after: Why it began: ``failure``, ``wait``, ``yield``; ``retry`` when a person retried the
            run; ``lost`` when its worker was lost; ``None`` for the first.
        answered: How many steps the journal had answers for when it began.
        spans: The steps and waits that began in it, in order of their beginning.
    """

    number: int
    started_at: datetime
    ended_at: datetime | None = None
    end: ExecutionEnd | None = None
    after: Literal["failure", "wait", "yield", "retry", "lost"] | None = None
    answered: int = 0
    spans: tuple[Span, ...] = ()


class ToolCall(Model):
    """A tool that a model called.

    Attributes:
        tool: Its name.
        step: The step of the request that called it.
        arguments: What it was called with, as text, cut where it is long.
        result: What it returned, in the same way; ``None`` while it has not.
        error: Why it failed.
        called_at: When, in UTC.
        seconds: How long it took, where that is known.
    """

    tool: str
    step: str
    arguments: str = ""
    result: str | None = None
    error: str | None = None
    called_at: datetime
    seconds: float | None = None


class DelegatedRun(Model):
    """A run that another one delegated, with those that it delegated itself.

    Attributes:
        workflow_id: The run.
        goal_id: Its goal.
        description: What was asked, or the beginning of it.
        agent_type: Which agent was asked.
        status: How it stands.
        started_at: When it began, in UTC.
        ended_at: When it ended.
        usage: What it used of models, without its own delegates.
        delegates: The runs that it delegated.
        team: The goals that it delegates under names, and those that it plans to.
    """

    workflow_id: str
    goal_id: str
    description: str
    agent_type: str
    status: GoalStatus
    started_at: datetime
    ended_at: datetime | None
    usage: PricedUsage
    delegates: "tuple[DelegatedRun, ...]" = ()


TeamGoalStatus = Literal[
    "planned",
    "running",
    "waiting",
    "paused",
    "completed",
    "failed",
    "cancelled",
    "terminated",
    "same",
    "unused",
]


class TeamGoal(Model):
    """A goal that a run delegates under a name, or plans to: a part of a team's picture.

    Attributes:
        name: What it is called within the run.
        agent_type: Who does it.
        description: What is asked, cut where it is long.
        after: The goals whose results it uses, by name.
        same_as: The goal that has answered it already; empty for none.
        status: ``planned``: it has not begun; ``same``: it is answered by ``same_as``; ``unused``:
            the run ended before it began.
        workflow_id: Its run; ``None`` where there is none.
        started_at: When that began, in UTC.
        ended_at: When that ended; ``None`` while it has not.
        usage: What it used of models, its own delegates included.
    """

    name: str
    agent_type: str
    description: str = ""
    after: tuple[str, ...] = ()
    same_as: str = ""
    status: TeamGoalStatus = "planned"
    workflow_id: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    usage: PricedUsage = PricedUsage()


class Timeline(Model):
    """What a run did when, and what that cost.

    Attributes:
        workflow_id: The run.
        started_at: When it began, in UTC.
        ended_at: When it ended; ``None`` while it has not.
        last_event: The number of the last event that is in here.
        taken_over: How many steps it has from the run that it was made from.
        steps: How many steps were executed.
        usage: What it used of models, lost work included, without its delegates.
        thrown_away: The part of it whose outcome was lost.
        saved: What the journal answered instead of a model.
        executions: Its executions.
        tools: The tools that models called.
        delegates: The runs that it delegated.
    """

    workflow_id: str
    started_at: datetime
    ended_at: datetime | None
    last_event: int
    taken_over: int = 0
    steps: int = 0
    usage: PricedUsage = PricedUsage()
    thrown_away: PricedUsage = PricedUsage()
    saved: PricedUsage = PricedUsage()
    executions: tuple[Execution, ...] = ()
    tools: tuple[ToolCall, ...] = ()
    delegates: tuple[DelegatedRun, ...] = ()
    team: tuple[TeamGoal, ...] = ()
