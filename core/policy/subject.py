"""What is about to be done, as rules see it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from pydantic import JsonValue

from perdure.models import Goal


@dataclass(frozen=True, slots=True)
class Subject:
    """A goal that is about to begin, or a step or a call of a tool within one.

    Attributes:
        goal: The goal.
        at: When, in UTC.
        step: The step's name; ``None`` for the goal itself.
        tool: The tool's name; ``None`` for what is no call of a tool.
        parameters: The arguments of the step or the call.
        spent: How many dollars the goal has spent so far, its delegates included.
    """

    goal: Goal
    at: datetime
    step: str | None = None
    tool: str | None = None
    parameters: Mapping[str, JsonValue] = field(default_factory=dict)
    spent: float = 0.0

    @property
    def kind(self) -> Literal["goal", "step", "tool"]:
        """What it is."""
        if self.tool is not None:
            return "tool"
        return "goal" if self.step is None else "step"

    @property
    def name(self) -> str:
        """The tool's or the step's name, or the agent's for the goal itself."""
        return self.tool or self.step or self.goal.agent_type

    @property
    def sentence(self) -> str:
        """What it is in words, such as ``agent 'support' calls the tool 'refund'``."""
        agent = f"agent {self.goal.agent_type!r}"
        if self.tool is not None:
            return f"{agent} calls the tool {self.tool!r}"
        return f"{agent} works on the goal" if self.step is None else f"{agent} does {self.step!r}"
