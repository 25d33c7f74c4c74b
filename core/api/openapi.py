"""The OpenAPI document: what each installed agent takes, from the models of their parameters."""

from copy import deepcopy
from typing import Any, Final

from fastapi import FastAPI

from perdure.agents.hookspecs.parameters_schema import schema_of
from perdure.agents.hookspecs.spec import AgentSpec
from perdure.agents.plugins.registry import AgentRegistry

_COMPONENTS: Final = "#/components/schemas/"
_Document = dict[str, Any]


class DescribedApi(FastAPI):
    """An application whose OpenAPI document says what each agent takes.

    It is made anew at every request: agents of plugin files come, change and go.
    """

    def openapi(self) -> _Document:
        """Return the document."""
        document = deepcopy(super().openapi())
        registry: AgentRegistry = self.state.perdure.service.registry
        if registry.agents:
            _describe(document, [agent.spec for _, agent in sorted(registry.agents.items())])
        return document


def _describe(document: _Document, specs: list[AgentSpec]) -> None:
    schemas = document["components"]["schemas"]
    body = document["paths"]["/api/execute-goal"]["post"]["requestBody"]["content"]
    goal = schemas[body["application/json"]["schema"]["$ref"].removeprefix(_COMPONENTS)]
    goals: dict[str, str] = {}
    for spec in specs:
        schemas |= _parameters_of(spec)
        schemas[f"{spec.name}.goal"] = _goal_of(spec, goal)
        goals[spec.name] = f"{_COMPONENTS}{spec.name}.goal"
    body["application/json"]["schema"] = {
        "title": "Goal",
        "oneOf": [{"$ref": place} for place in goals.values()],
        "discriminator": {"propertyName": "agent_type", "mapping": goals},
    }
    examples = {spec.name: example for spec in specs if (example := _example_of(spec))}
    if examples:
        body["application/json"]["examples"] = examples


def _parameters_of(spec: AgentSpec) -> _Document:
    """Return the components that an agent's parameters need, their own named after the agent."""
    name = f"{spec.name}.parameters"
    if spec.parameters is None:
        return {name: {"type": "object", "title": name, "maxProperties": 0}}
    schema = _moved(deepcopy(dict(schema_of(spec.parameters))), f"{_COMPONENTS}{name}.")
    parts = {f"{name}.{part}": inner for part, inner in schema.pop("$defs", {}).items()}
    if "properties" in schema:
        # A parameter that an agent does not know is refused, unless its model wants any.
        schema.setdefault("additionalProperties", False)
    return {name: schema, **parts}


def _moved(schema: Any, place: str) -> Any:
    """Return a schema whose references lead to ``place`` and no longer into itself."""
    if isinstance(schema, list):
        return [_moved(item, place) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: value.replace("#/$defs/", place)
        if key == "$ref" and isinstance(value, str)
        else {name: inner.replace("#/$defs/", place) for name, inner in value.items()}
        if key == "mapping" and isinstance(value, dict)
        else _moved(value, place)
        for key, value in schema.items()
    }


def _goal_of(spec: AgentSpec, goal: _Document) -> _Document:
    needs = [*goal["required"]]
    if _required(spec):
        needs.append("parameters")
    return {
        **goal,
        "title": f"Goal of {spec.name}",
        "description": spec.description,
        "required": needs,
        "properties": {
            **goal["properties"],
            "agent_type": {"type": "string", "const": spec.name, "title": "Agent Type"},
            "parameters": {"$ref": f"{_COMPONENTS}{spec.name}.parameters"},
        },
    }


def _required(spec: AgentSpec) -> list[str]:
    fields = spec.parameters.model_fields.items() if spec.parameters else ()
    return [field.alias or name for name, field in fields if field.is_required()]


def _example_of(spec: AgentSpec) -> _Document | None:
    """Return a goal that can be sent as it stands, for agents that need no parameters."""
    if not spec.examples or _required(spec):
        return None
    value = {
        "goal_id": f"try-{spec.name}",
        "description": spec.examples[0],
        "agent_type": spec.name,
        "parameters": {},
    }
    return {"summary": spec.description, "value": value}
