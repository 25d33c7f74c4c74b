"""Checks a goal's parameters against an agent's description, where the agent is not installed."""

from collections.abc import Mapping

from pydantic import JsonValue

from perdure.agents.parameters import ParameterProblem, ParametersRefused, unfit_values
from perdure.agents.path_parameters import PathCheck, check_described_paths
from perdure.schemas.agents import AgentDescription


def described_parameters(
    agent: AgentDescription,
    parameters: Mapping[str, JsonValue],
    check_path: PathCheck | None = None,
) -> dict[str, JsonValue]:
    """Return the parameters with their paths as a check has them.

    Their names and paths are checked; whether each value fits, the agent's own worker finds out.

    Args:
        agent: The agent, as a worker that has it describes it.
        parameters: The parameters.
        check_path: Checks each path among them, and says what to hand on for it.

    Raises:
        ParametersRefused: A parameter is unknown or missing, or a path that the goal may not name.
    """
    problems = list(unfit_values(parameters))
    schema = agent.parameters_schema or {}
    properties, required = schema.get("properties"), schema.get("required")
    known = set(properties) if isinstance(properties, dict) else set()
    accepted = f"it takes {', '.join(sorted(known))}" if known else "it takes none"
    # Also where it takes any: what its schema does not name may be a path that nobody sees.
    problems += [
        ParameterProblem(name, f"no such parameter, {accepted}")
        for name in parameters
        if name not in known
    ]
    problems += [
        ParameterProblem(str(name), "Field required")
        for name in (required if isinstance(required, list) else ())
        if name not in parameters
    ]
    given = dict(parameters)
    if check_path is not None and not problems:
        given, refused = check_described_paths(schema, given, check_path)
        problems += [ParameterProblem(name, message) for name, message in refused.items()]
    if problems:
        raise ParametersRefused(agent.name, problems)
    return given
