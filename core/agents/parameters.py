"""Checks a goal's parameters against the agent's model."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, Field, JsonValue, ValidationError
from pydantic_core import PydanticCustomError, PydanticKnownError

from perdure.agents.hookspecs.agent_spec import AgentSpec
from perdure.agents.path_parameters import PathCheck, check_paths
from perdure.agents.steps.errors import InputError
from perdure.agents.steps.fidelity import first_difference
from perdure.models.texts import MAX_NESTING, is_nested_too_deeply

# Who corrects these sees the next ones: a goal may have a hundred thousand wrong parameters.
_MAX_PROBLEMS: Final = 50


def _check_path(value: object) -> object:
    if value == "":  # which would be the working directory
        raise PydanticKnownError("string_too_short", {"min_length": 1})
    if isinstance(value, str) and "\0" in value:
        raise PydanticCustomError("path_with_null", "no path has a null character in it")
    return value


InputPath = Annotated[Path, BeforeValidator(_check_path), Field(json_schema_extra={"minLength": 1})]
"""A parameter that names a file or folder, as the worker sees it: a :class:`pathlib.Path`.

In JSON it is text. The command line makes one that exists where it runs absolute, since the worker
may run elsewhere. Over HTTP it may be the ``upload:`` path of a file that was handed in; the agent
gets the path of that file.
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
        problems: One for each parameter that is wrong, the first fifty.
    """

    def __init__(self, agent: str, problems: list[ParameterProblem]) -> None:
        self.problems = problems[:_MAX_PROBLEMS]
        details = "; ".join(f"{problem.name}: {problem.message}" for problem in self.problems)
        if len(problems) > _MAX_PROBLEMS:
            details += f"; and {len(problems) - _MAX_PROBLEMS:,} more"
        super().__init__(
            f"agent {agent!r} cannot take these parameters ({details}):"
            f" perdure agents {agent} lists what it takes"
        )


def check_parameters(spec: AgentSpec, parameters: Mapping[str, JsonValue]) -> BaseModel | None:
    """Return the parameters as the agent's model, ``None`` for an agent that takes none.

    Raises:
        ParametersRefused: A parameter is unknown, missing, or of the wrong type.
    """
    model = spec.parameters
    problems = _unknown_names(model, parameters)
    validated: BaseModel | None = None
    if model is not None and len(problems) < _MAX_PROBLEMS:
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


def typed_parameters(
    spec: AgentSpec, parameters: Mapping[str, JsonValue], check_path: PathCheck | None = None
) -> dict[str, JsonValue]:
    """Return the parameters as JSON of what the agent's model makes of them: 2 for the text ``2``.

    Defaults are not added. Parameters that would not read back as the same, such as secrets, are
    returned as they were given.

    Args:
        spec: The agent.
        parameters: The parameters.
        check_path: Checks each path among them, and says what to hand on for it.

    Raises:
        ParametersRefused: A parameter is unknown, missing, of the wrong type, or a path that the
            goal may not name.
    """
    given = dict(parameters)
    if unfit := list(unfit_values(given)):
        raise ParametersRefused(spec.name, unfit)
    if check_path is not None:
        given, refused = check_paths(spec.parameters, given, check_path)
        if refused:
            problems = [ParameterProblem(name, message) for name, message in refused.items()]
            raise ParametersRefused(spec.name, problems)
    held = check_parameters(spec, given)
    if held is None:
        return given
    try:
        written = held.model_dump(mode="json", exclude_unset=True, round_trip=True, warnings=False)
        by_alias = held.model_dump(
            mode="json", exclude_unset=True, round_trip=True, warnings=False, by_alias=True
        )
        known = written | by_alias
        typed = {name: known.get(name, value) for name, value in given.items()}
        read = type(held).model_validate(typed)
    except Exception:  # noqa: BLE001 -- serializers and validators are anybody's code
        return given
    are_same = all(
        first_difference(getattr(held, name), getattr(read, name)) is None
        for name in held.model_fields_set
    )
    return typed if are_same else given


def unfit_values(parameters: Mapping[str, JsonValue]) -> Iterator[ParameterProblem]:
    """Yield those parameters that would not be on record as they were given."""
    for name, value in parameters.items():
        if is_nested_too_deeply(value):
            yield ParameterProblem(name, f"it is nested on more than {MAX_NESTING} levels")
        elif _has_number_without_value(value):
            yield ParameterProblem(name, "JSON has no such number: give one that is finite")


def _has_number_without_value(value: JsonValue) -> bool:
    if isinstance(value, float):
        return not math.isfinite(value)
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(map(_has_number_without_value, inner))


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
