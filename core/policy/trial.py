"""A policy tried on a goal, and on what its agent may do, without starting anything."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    model_validator,
)

from perdure.models import Goal
from perdure.policy.errors import PolicyInvalid
from perdure.policy.expiry import expiry_text, time_left
from perdure.policy.policy import Policy, Verdict
from perdure.policy.rules import Rule
from perdure.policy.subject import Subject


class Act(BaseModel):
    """What an agent may be about to do: a call of a tool, or a step.

    Attributes:
        tool: The tool's name.
        step: The step's name.
        parameters: What it is given.
    """

    model_config = ConfigDict(extra="forbid")

    tool: str | None = None
    step: str | None = None
    parameters: dict[str, JsonValue] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.tool is None) == (self.step is None):
            raise ValueError("give either tool or step")
        return self


class Trial(Goal):
    """A goal, and what a policy is tried with.

    Attributes:
        acts: What its agent may be about to do.
        at: When; now when not given.
        spent: How many dollars it has spent by then.
    """

    acts: tuple[Act, ...] = ()
    at: AwareDatetime | None = None
    spent: Annotated[float, Field(ge=0)] = 0.0


@dataclass(frozen=True, slots=True)
class TrialOutcome:
    """What a policy says of one subject.

    Attributes:
        subject: The subject.
        verdict: What comes of it.
        matching: Every rule that is about it, in the file's order.
        deciding: The rules that decide, with the numbers of their lines.
    """

    subject: Subject
    verdict: Verdict
    matching: tuple[Rule, ...]
    deciding: tuple[tuple[Rule, int], ...]

    @property
    def terms(self) -> str:
        """Why, and whom the rules ask."""
        return "; ".join(_terms(rule) for rule in self.verdict.rules)

    def as_json(self) -> dict[str, JsonValue]:
        """Return it as one JSON object."""
        rules: list[JsonValue] = [
            {"name": rule.name, "line": line, "reason": rule.reason, "of": [*rule.of],
             "needed": rule.needed,
             "expires_seconds": _seconds_left(rule, self.subject.at)}
            if rule.then == "ask"
            else {"name": rule.name, "line": line, "reason": rule.reason}
            for rule, line in self.deciding
        ]  # fmt: skip
        return {
            "kind": self.subject.kind,
            "name": self.subject.name,
            "outcome": self.verdict.outcome,
            "rules": rules,
            "matching": [rule.name for rule in self.matching],
        }


def read_trial(text: str, *, source: str) -> Trial:
    """Read what a policy is to be tried on.

    Raises:
        PolicyInvalid: It is not valid; with a sentence for each thing that is wrong.
    """
    try:
        return Trial.model_validate_json(text)
    except ValidationError as error:
        raise PolicyInvalid(
            tuple(
                f"{source}: {'.'.join(map(str, item['loc'])) or 'the goal'}:"
                f" {item['msg'].removeprefix('Value error, ')}"
                for item in error.errors()
            )
        ) from error


def try_policy(policy: Policy, trial: Trial) -> list[TrialOutcome]:
    """Return what a policy says of a goal, and then of each of its acts."""
    at = trial.at or datetime.now(UTC)
    subjects = [Subject(trial, at, parameters=trial.parameters, spent=trial.spent)]
    for act in trial.acts:
        step = act.step if act.tool is None else f"tool {act.tool}"
        subjects.append(Subject(trial, at, step, act.tool, act.parameters, trial.spent))
    return [_outcome(policy, subject) for subject in subjects]


def _outcome(policy: Policy, subject: Subject) -> TrialOutcome:
    verdict = policy.judge(subject)
    lines = dict(zip((rule.name for rule in policy.rules), policy.lines, strict=True))
    deciding = tuple((rule, lines[rule.name]) for rule in verdict.rules)
    return TrialOutcome(subject, verdict, tuple(policy.matching(subject)), deciding)


def _terms(rule: Rule) -> str:
    if rule.then != "ask":
        return rule.reason
    who = f"{rule.needed} of {', '.join(rule.of)}" if rule.of else f"{rule.needed} of anybody"
    until = f" {expiry_text(rule.expires)}" if rule.expires else ""
    reason = f": {rule.reason}" if rule.reason else ""
    return f"asks {who}{until}{reason}"


def _seconds_left(rule: Rule, at: datetime) -> float | None:
    return None if rule.expires is None else time_left(rule.expires, at).total_seconds()
