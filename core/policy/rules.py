"""The rules of a policy, as people write them into its file."""

import re
from datetime import time
from typing import Annotated, Final, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from perdure.policy.expiry import Expiry

Outcome = Literal["allow", "deny", "ask"]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Scalar = str | bool | int | float | None

DAYS: Final[tuple[Day, ...]] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


def _several(value: object) -> object:
    return value if isinstance(value, list | tuple) else (value,)


def _value(condition: object) -> object:
    return condition if isinstance(condition, dict) else {"is": condition}


Names = Annotated[
    tuple[Annotated[str, StringConstraints(min_length=1)], ...],
    BeforeValidator(_several),
    Field(min_length=1),
]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ValueCondition(_Part):
    """A condition on the value of one parameter; all that is given has to hold.

    Attributes:
        is_: It is one of these; texts may have ``*`` and ``?``, and the case of letters is no
            difference.
        not_: It is none of these, or there is no such parameter.
        over: It is a number above this.
        under: It is a number below this.
        matches: It is a text in which this regular expression finds something.
    """

    is_: Annotated[tuple[Scalar, ...] | None, BeforeValidator(_several)] = Field(
        default=None, alias="is"
    )
    not_: Annotated[tuple[Scalar, ...] | None, BeforeValidator(_several)] = Field(
        default=None, alias="not"
    )
    over: float | None = None
    under: float | None = None
    matches: str | None = None

    @field_validator("matches")
    @classmethod
    def _check_expression(cls, expression: str | None) -> str | None:
        try:
            re.compile(expression or "")
        except re.error as error:
            raise ValueError(f"this is no regular expression: {error}") from error
        return expression

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("give a value, several, or one of is, not, over, under, matches")
        return self


class CostCondition(_Part):
    """A condition on dollars.

    Attributes:
        spent_over: The goal, with its delegates, has spent more than this so far.
        budget_over: Its budget allows it more than this, or does not limit its cost at all.
    """

    spent_over: Annotated[float, Field(ge=0)] | None = None
    budget_over: Annotated[float, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.spent_over is None and self.budget_over is None:
            raise ValueError("give spent_over or budget_over, in dollars")
        return self


class TimeCondition(_Part):
    """A condition on the time at which something is about to be done.

    Attributes:
        between: From and to, such as ``18:00-08:00``, which goes over midnight; the end is not
            part of it.
        days: The days of the week, by their first three letters.
        zone: The time zone of both, by its IANA name.
    """

    between: str | None = None
    days: Annotated[tuple[Day, ...], BeforeValidator(_several)] = DAYS
    zone: str = "UTC"

    @field_validator("between")
    @classmethod
    def _check_hours(cls, between: str | None) -> str | None:
        if between is not None:
            parts = _HOURS.fullmatch(between.replace(" ", ""))
            if parts is None:
                raise ValueError("write it as 09:00-17:30, or 18:00-08:00 for a night")
            if parts[0][:5] == parts[0][6:]:
                raise ValueError("it begins when it ends: leave it out for the whole day")
        return between

    @field_validator("zone")
    @classmethod
    def _check_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (OSError, ValueError, KeyError) as error:
            raise ValueError("no such time zone: name one as Europe/Berlin") from error
        return zone

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.between is None and not {"days"} & self.model_fields_set:
            raise ValueError("give between or days")
        return self

    @property
    def hours(self) -> tuple[time, time] | None:
        """From when to when; ``None`` for the whole day."""
        if self.between is None:
            return None
        start, _, end = self.between.replace(" ", "").partition("-")
        return time.fromisoformat(start), time.fromisoformat(end)


class When(_Part):
    """What a rule is about; all that is given has to hold.

    Attributes:
        agent: The agent's name; names may have ``*`` and ``?``, and be a list.
        tool: The name of a tool that a model calls.
        step: The name of a step.
        parameters: Conditions on parameters, by name; ``a.b`` is ``b`` within ``a``. Of the tool
            or of the step where one is named, otherwise of the goal.
        cost: On dollars.
        tenant: The tenant's name.
        time: On the time.
    """

    agent: Names | None = None
    tool: Names | None = None
    step: Names | None = None
    parameters: (
        Annotated[
            dict[str, Annotated[ValueCondition, BeforeValidator(_value)]], Field(min_length=1)
        ]
        | None
    ) = None
    cost: CostCondition | None = None
    tenant: Names | None = None
    time: TimeCondition | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError(
                "a rule without a condition is about everything: say so with default, or give one"
                " of agent, tool, step, parameters, cost, tenant, time"
            )
        return self


class Rule(_Part):
    """One rule.

    Attributes:
        name: What it is called on the record; no two rules have the same.
        when: What it is about.
        then: What comes of it.
        reason: Why, for whoever reads that it was denied, or is asked.
        of: Who may vote, with ``ask``; anybody when empty.
        needed: How many have to vote yes.
        expires: Without a decision by then it is no: after so long, or at a time of day, or at a
            day and time.
    """

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
    when: When
    then: Outcome
    reason: Annotated[str, StringConstraints(max_length=1000)] = ""
    of: Annotated[tuple[str, ...], BeforeValidator(_several)] = ()
    needed: Annotated[int, Field(ge=1)] = 1
    expires: Expiry | None = None

    @model_validator(mode="after")
    def _asks_enough(self) -> Self:
        extra = sorted({"of", "needed", "expires"} & self.model_fields_set)
        if self.then != "ask" and extra:
            raise ValueError(f"{', '.join(extra)} belongs to rules with then: ask")
        if self.of and self.needed > len(set(self.of)):
            raise ValueError(
                f"it needs {self.needed} people and names {len(set(self.of))}: name enough"
            )
        return self

    @property
    def is_about_goals(self) -> bool:
        """Whether it names neither a tool nor a step."""
        return self.when.tool is None and self.when.step is None


class PolicyFile(_Part):
    """A whole file.

    Attributes:
        default: What comes of that which no rule is about.
        rules: Its rules.
    """

    default: Literal["allow", "deny"] = "allow"
    # A file whose rules are all commented out has none.
    rules: Annotated[tuple[Rule, ...], BeforeValidator(lambda rules: rules or ())] = ()
