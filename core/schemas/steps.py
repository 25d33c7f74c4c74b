"""What a run does: steps, spending, waits, the policy's decisions; settling unknown outcomes."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import BaseModel, Field, JsonValue, StringConstraints, model_validator

from perdure.messages import WaitKind
from perdure.models import Model, Spending
from perdure.models.base import RequestModel

MAX_NAME_CHARACTERS: Final = 200


class OnceStep(Model):
    """A step marked ``once`` that was begun, and whose outcome is not known.

    Attributes:
        step: Its name.
        number: Which step of that name it was in its execution, from 1; 0 when it is not known.
        key: Names this step alone, also where several have its name.
        begun_at: When it was begun, in UTC.
    """

    step: str
    number: int
    key: str
    begun_at: datetime


StepStatus = Literal["started", "completed", "failed"]


@dataclass(frozen=True, slots=True)
class RecentStep:
    """A step that a run has begun.

    Attributes:
        step: Its name.
        number: 3 for the third step of that name in an execution.
        status: Whether it has ended, and how.
        seconds: How long it took; ``None`` while it has not ended.
    """

    step: str
    number: int
    status: StepStatus
    seconds: float | None

    @property
    def label(self) -> str:
        """Its name, with its number where others of that name came before: ``look (3)``."""
        return f"{self.step} ({self.number})" if self.number > 1 else self.step

    def as_json(self) -> dict[str, JsonValue]:
        """Return it as ``--json`` prints it."""
        return asdict(self)


class WaitDetails(BaseModel):
    """What a run waits for.

    Attributes:
        wait_id: Its id; an approval's is the same.
        kind: What kind it is.
        about: The question, the agent or the signal; empty for a time.
        number: 2 for the second approval of the same question in its run, then 3, and so on.
        workflow_id: The run of a goal that it delegated.
        until: When it is over in any case, in UTC.
        opened_at: When it began, in UTC.
        over: Whether what it waits for is there, and the run's next execution takes it.
    """

    wait_id: str
    kind: WaitKind
    about: str
    number: int
    workflow_id: str | None
    until: datetime | None
    opened_at: datetime
    over: bool


class PolicyDecision(BaseModel):
    """One decision, as the run's events tell of it.

    Attributes:
        at: When, in UTC.
        outcome: What came of it; ``ask`` is followed by ``allow`` or ``deny``.
        rule: The rule that decided; ``None`` for the policy's default.
        kind: What it was about.
        name: The tool's or the step's name; the agent's for a whole goal.
        parameters_digest: SHA-256 of what that was given, as canonical JSON, in hexadecimal.
        policy_digest: SHA-256 of the file whose rules they were, likewise.
        reason: Why, as the rule says.
    """

    at: datetime
    outcome: Literal["allow", "deny", "ask"]
    rule: str | None = None
    kind: Literal["goal", "step", "tool"]
    name: str
    parameters_digest: str
    policy_digest: str = ""
    reason: str = ""


class GoalDetails(BaseModel):
    """A run's last steps, what it has spent, what it waits for, and what is to be settled.

    Attributes:
        steps: Its last steps, the oldest first.
        spending: What it has used so far, without its delegates.
        waits: What it waits for; nothing once it has ended.
        unknown_steps: Its steps of unknown outcome; none while a worker executes it.
        missing_pool: The pool of workers that is to run it, where no worker of it is there.
        decisions: The last decisions of the policy, the oldest first.
    """

    steps: list[RecentStep]
    spending: Spending
    waits: list[WaitDetails]
    unknown_steps: list[OnceStep]
    missing_pool: str | None = None
    decisions: list[PolicyDecision] = Field(default_factory=list)


class UnknownSteps(BaseModel):
    """Steps marked ``once`` that were begun, and whose outcome is not known."""

    steps: list[OnceStep]


class SettleRequest(RequestModel):
    """What a person has found out about a step of unknown outcome.

    Attributes:
        step: The step: its name; the name with ``#`` and its number, or its key, where several
            have that name.
        done: Whether it took effect.
        value: What it returned, if it took effect.
        by: Who says so.
    """

    step: Annotated[str, StringConstraints(min_length=1, max_length=300)]
    done: Annotated[bool, Field(strict=True)]
    value: JsonValue = None
    by: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_NAME_CHARACTERS),
    ]

    @model_validator(mode="after")
    def _says_what_it_returned(self) -> "SettleRequest":
        if self.done != ("value" in self.model_fields_set):
            raise ValueError(
                "give the value that the step returned with done, null for nothing, and none when"
                " it is not done"
            )
        return self


class SettleResponse(BaseModel):
    """The step is settled: the run's next execution takes it so.

    Attributes:
        workflow_id: The run.
        step: The step.
        done: Whether it took effect.
    """

    workflow_id: str
    step: OnceStep
    done: bool
