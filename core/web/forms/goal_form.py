"""The form that starts a goal: what was filled in, what is wrong with it, and the goal it makes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import uuid4

from pydantic import JsonValue, ValidationError
from starlette.datastructures import ImmutableMultiDict

from perdure.agents.parameters import ParametersRefused
from perdure.models import Goal, Parameters
from perdure.schemas.agents import AgentDescription
from perdure.web.forms.fields import PARAMETER_PREFIX, FormField, form_fields, is_first, read_form

BUDGET_PREFIX: Final = "budget."
_BUDGET: Final = ("cost", "tokens", "steps", "seconds")
_NO_NUMBER: Final = frozenset({"int_parsing", "float_parsing", "int_from_float"})


@dataclass(frozen=True, slots=True)
class GoalForm:
    """A form for a goal of one agent.

    Attributes:
        agent: The agent.
        sent: What was filled in, by the names of the fields; a list is one item a line.
        problems: What is wrong with which field, by its name.
        problem: What else is wrong.
    """

    agent: AgentDescription
    sent: Mapping[str, str]
    problems: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""

    @classmethod
    def new(cls, agent: AgentDescription, given: Mapping[str, str]) -> "GoalForm":
        """Return an empty form, but for what an address gives: a description, parameters."""
        defaults = {
            PARAMETER_PREFIX + item.name: item.value
            for item in form_fields(agent.parameters_schema)
        }
        return cls(agent, defaults | dict(given) | _fresh(given))

    @classmethod
    def read(cls, agent: AgentDescription, form: ImmutableMultiDict[str, str]) -> "GoalForm":
        """Return a form as it was sent."""
        return cls(agent, {name: "\n".join(form.getlist(name)) for name in form})

    @property
    def fields(self) -> list[FormField]:
        """The fields of the agent's parameters."""
        wrong = {
            name.removeprefix(PARAMETER_PREFIX): problem
            for name, problem in self.problems.items()
            if name.startswith(PARAMETER_PREFIX)
        }
        return form_fields(self.agent.parameters_schema, self.sent, wrong)

    @property
    def first_fields(self) -> list[FormField]:
        """The fields that are shown at once."""
        return [item for number, item in enumerate(self.fields) if is_first(item, number)]

    @property
    def further_fields(self) -> list[FormField]:
        """The fields that are behind "More settings"."""
        return [item for number, item in enumerate(self.fields) if not is_first(item, number)]

    @property
    def parameters(self) -> Parameters:
        """The agent's parameters, those left as they were without."""
        given = read_form(self.agent.parameters_schema, self.sent)
        defaults = read_form(
            self.agent.parameters_schema,
            {
                PARAMETER_PREFIX + item.name: item.value
                for item in form_fields(self.agent.parameters_schema)
            },
        )
        return {
            name: value
            for name, value in given.items()
            if name not in defaults or defaults[name] != value
        }

    @property
    def budget(self) -> dict[str, JsonValue] | None:
        """What the goal may use at most, as it was typed; ``None`` when nothing was."""
        typed = {name: self.sent.get(BUDGET_PREFIX + name, "").strip() for name in _BUDGET}
        return {name: value for name, value in typed.items() if value} or None

    @property
    def content(self) -> dict[str, JsonValue]:
        """The body of ``POST /api/execute-goal`` that starts the same goal."""
        content: dict[str, JsonValue] = {
            "goal_id": self.sent.get("goal_id", "").strip(),
            "description": self.sent.get("description", "").replace("\r\n", "\n"),
            "agent_type": self.agent.name,
        }
        if self.parameters:
            content["parameters"] = self.parameters
        if self.budget is not None:
            content["budget"] = {name: _number(value) for name, value in self.budget.items()}
        return content

    def goal(self) -> Goal:
        """Return the goal.

        Raises:
            ValidationError: It is none; :meth:`refused` says so at the fields.
        """
        return Goal.model_validate(
            self.content
            | {
                "parameters": read_form(self.agent.parameters_schema, self.sent),
                "budget": self.budget,
            }
        )

    def refused(self, error: ValidationError | ParametersRefused) -> "GoalForm":
        """Return the form with what is wrong with it, each at its field."""
        problems: dict[str, str] = {}
        if isinstance(error, ParametersRefused):
            for item in error.problems:
                name = item.name.partition(".")[0]
                known = {field.name for field in self.fields}
                place = PARAMETER_PREFIX + name if name in known else ""
                problems.setdefault(place, item.message)
        else:
            for detail in error.errors(include_url=False):
                place = ".".join(map(str, detail["loc"]))
                message = str(detail["msg"]).removeprefix("Value error, ")
                if detail["type"] in _NO_NUMBER:
                    message = f"“{detail['input']}” is no number: write one such as 2"
                elif detail["type"] == "string_pattern_mismatch":
                    message = f"“{detail['input']}” is no such name: begin with a letter or a digit"
                problems.setdefault(place, message)
        elsewhere = problems.pop("", "")
        return GoalForm(self.agent, self.sent, problems, elsewhere)

    def failed(self, message: str, *, is_new: bool = False) -> "GoalForm":
        """Return the form with a problem that is at no field.

        Args:
            message: What is wrong.
            is_new: Whether it is to count as another form, that starts another goal.
        """
        sent = {**self.sent, "key": str(uuid4())} if is_new else self.sent
        return GoalForm(self.agent, sent, problem=message)


def _fresh(given: Mapping[str, str]) -> dict[str, str]:
    return {"goal_id": given.get("goal_id") or f"web-{uuid4().hex[:8]}", "key": str(uuid4())}


def _number(text: JsonValue) -> JsonValue:
    try:
        number = float(str(text))
    except ValueError:
        return text
    return int(number) if number.is_integer() else number
