"""The goals of each installed agent, with its parameters."""

from copy import deepcopy
from typing import Any, Final

from perdure.agents.hookspecs.agent_spec import AgentSpec
from perdure.agents.hookspecs.parameters_schema import schema_of
from perdure.agents.plugins.hooks.printable import printable

_COMPONENTS: Final = "#/components/schemas/"
_Document = dict[str, Any]


def add_agents(document: _Document, specs: list[AgentSpec]) -> None:
    """Document the goals of each agent, with its parameters, as the bodies of a start."""
    schemas = document["components"]["schemas"]
    body = document["paths"]["/api/execute-goal"]["post"]["requestBody"]["content"]
    goal = schemas[body["application/json"]["schema"]["$ref"].removeprefix(_COMPONENTS)]
    goals: dict[str, str] = {}
    for spec in specs:
        schemas |= _parameter_schemas(spec)
        schemas[f"{spec.name}.goal"] = _goal_schema(spec, goal)
        goals[spec.name] = f"{_COMPONENTS}{spec.name}.goal"
    body["application/json"]["schema"] = {
        "title": "Goal",
        "oneOf": [{"$ref": reference} for reference in goals.values()],
        "discriminator": {"propertyName": "agent_type", "mapping": goals},
    }
    examples = {spec.name: example for spec in specs if (example := _example(spec))}
    if examples:
        body["application/json"]["examples"] = examples


def _parameter_schemas(spec: AgentSpec) -> _Document:
    """Return the component schemas of an agent's parameters, named after the agent."""
    name = f"{spec.name}.parameters"
    if spec.parameters is None:
        return {name: {"type": "object", "title": name, "maxProperties": 0}}
    schema = _with_prefix(deepcopy(dict(schema_of(spec.parameters))), f"{_COMPONENTS}{name}.")
    definitions = {f"{name}.{part}": inner for part, inner in schema.pop("$defs", {}).items()}
    if "properties" in schema:
        # An unknown parameter is refused, unless the agent's model allows any.
        schema.setdefault("additionalProperties", False)
    return {name: schema, **definitions}


def _with_prefix(schema: Any, prefix: str) -> Any:
    """Return a schema whose references begin with ``prefix`` instead of ``#/$defs/``."""
    if isinstance(schema, list):
        return [_with_prefix(item, prefix) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: value.replace("#/$defs/", prefix)
        if key == "$ref" and isinstance(value, str)
        else {name: inner.replace("#/$defs/", prefix) for name, inner in value.items()}
        if key == "mapping" and isinstance(value, dict)
        else _with_prefix(value, prefix)
        for key, value in schema.items()
    }


def _goal_schema(spec: AgentSpec, goal: _Document) -> _Document:
    required = [*goal["required"]]
    if _required_parameters(spec):
        required.append("parameters")
    return {
        **goal,
        "title": f"Goal of {spec.name}",
        "description": printable(spec.description),
        "required": required,
        "properties": {
            **goal["properties"],
            "agent_type": {"type": "string", "const": spec.name, "title": "Agent Type"},
            "parameters": {"$ref": f"{_COMPONENTS}{spec.name}.parameters"},
        },
    }


def _required_parameters(spec: AgentSpec) -> list[str]:
    fields = spec.parameters.model_fields.items() if spec.parameters else ()
    return [field.alias or name for name, field in fields if field.is_required()]


def _example(spec: AgentSpec) -> _Document | None:
    """Return a complete example goal, for an agent whose parameters are all optional."""
    if not spec.examples or _required_parameters(spec):
        return None
    value = {
        "goal_id": f"try-{spec.name}",
        "description": spec.examples[0],
        "agent_type": spec.name,
        "parameters": {},
    }
    return {"summary": printable(spec.description), "value": value}
