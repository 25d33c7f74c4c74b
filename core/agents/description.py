"""Descriptions of the installed agents, for the API and the command line."""

import json
import types
import typing

from pydantic import BaseModel, JsonValue
from pydantic.fields import FieldInfo

from perdure.agents.hookspecs.parameters_schema import schema_of
from perdure.agents.plugins.registry import AgentRegistry, InstalledAgent


class ParameterDescription(BaseModel):
    """One parameter of an agent.

    Attributes:
        name: Its name.
        type: Its type in Python's notation, such as ``list[str]``.
        required: Whether it must be given.
        default: Its default as JSON text, or ``made of the others``; empty when it is required.
        description: What it is for.
    """

    name: str
    type: str
    required: bool
    default: str
    description: str


class AgentDescription(BaseModel):
    """An installed agent.

    Attributes:
        name: The agent type.
        description: What it does.
        distribution: The distribution that brings it.
        version: That distribution's version.
        parameters: Its parameters, in the order of its model.
        parameters_schema: The same as JSON Schema; ``None`` when it takes none.
        examples: Descriptions of goals it is good at.
    """

    name: str
    description: str
    distribution: str
    version: str
    parameters: list[ParameterDescription]
    parameters_schema: dict[str, JsonValue] | None
    examples: list[str]


class AgentList(BaseModel):
    """Installed agents, sorted by name."""

    agents: list[AgentDescription]


def describe_agents(registry: AgentRegistry, only: str | None = None) -> AgentList:
    """Describe every agent of a registry, or one."""
    return AgentList(
        agents=[
            _describe(name, agent)
            for name, agent in sorted(registry.agents.items())
            if only in {None, name}
        ]
    )


def _describe(name: str, agent: InstalledAgent) -> AgentDescription:
    model = agent.spec.parameters
    return AgentDescription(
        name=name,
        description=agent.spec.description,
        distribution=agent.distribution,
        version=agent.version,
        parameters=[
            ParameterDescription(
                name=field_name,
                type=_type_name(field.annotation),
                required=field.is_required(),
                default="" if field.is_required() else _default(field),
                description=field.description or "",
            )
            for field_name, field in (model.model_fields.items() if model else ())
        ],
        parameters_schema=schema_of(model) if model else None,
        examples=list(agent.spec.examples),
    )


def _default(field: FieldInfo) -> str:
    if field.default_factory_takes_validated_data:
        return "made of the others"
    value = field.get_default(call_default_factory=True, validated_data={})
    return json.dumps(value, default=str, ensure_ascii=False)


def _type_name(annotation: object) -> str:
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _type_name(args[0])
    if origin is typing.Literal:
        return " | ".join(map(repr, args))
    if origin in {types.UnionType, typing.Union}:
        return " | ".join(map(_type_name, args))
    if annotation is type(None):
        return "None"
    if origin is not None:
        return f"{_type_name(origin)}[{', '.join(map(_type_name, args))}]"
    return getattr(annotation, "__name__", str(annotation))
