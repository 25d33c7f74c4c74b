"""Checks a goal's parameters against the agent's model."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, Field, JsonValue, ValidationError

from perdure.agents.hookspecs.agent_spec import AgentSpec
from perdure.agents.steps.errors import InputError

InputPath = Annotated[str, Field(min_length=1, json_schema_extra={"format": "path"})]
"""A parameter that names a file or folder, as the worker sees it.

The command line makes one that exists where it runs absolute, since the worker may run elsewhere.
"""


@dataclass(frozen=True, slots=True)
class ParameterProblem:
    """What is wrong with one parameter.

    Attributes:
        name: The parameter, with dots where it is nested.
        message: What is wrong with it.
    """

    name: str
    message: str


class ParametersRefused(InputError):
    """Parameters do not fit the agent.

    Attributes:
        problems: One for each parameter that is wrong.
    """

    def __init__(self, agent: str, problems: list[ParameterProblem]) -> None:
        details = "; ".join(f"{problem.name}: {problem.message}" for problem in problems)
        super().__init__(
            f"agent {agent!r} cannot take these parameters ({details}):"
            f" perdure agents {agent} lists what it takes"
        )
        self.problems = problems


def check_parameters(spec: AgentSpec, parameters: Mapping[str, JsonValue]) -> BaseModel | None:
    """Return the parameters as the agent's model, ``None`` for an agent that takes none.

    Raises:
        ParametersRefused: A parameter is unknown, missing, or of the wrong type.
    """
    model = spec.parameters
    problems = _unknown_names(model, parameters)
    validated: BaseModel | None = None
    if model is not None:
        try:
            validated = model.model_validate(dict(parameters))
        except ValidationError as error:
            problems += [
                ParameterProblem(".".join(map(str, item["loc"])) or "parameters", item["msg"])
                for item in error.errors(include_url=False)
                if item["type"] != "extra_forbidden"
            ]
    if problems:
        raise ParametersRefused(spec.name, problems)
    return validated


def _unknown_names(
    model: type[BaseModel] | None, parameters: Mapping[str, JsonValue]
) -> list[ParameterProblem]:
    known: set[str] = set()
    if model is not None:
        if model.model_config.get("extra") == "allow":
            return []
        for name, field in model.model_fields.items():
            known |= {name, field.alias or name}
    accepted = f"it takes {', '.join(sorted(known))}" if known else "it takes none"
    return [
        ParameterProblem(name, f"no such parameter, {accepted}")
        for name in parameters
        if name not in known
    ]
