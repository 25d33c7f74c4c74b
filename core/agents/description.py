"""Descriptions of the installed agents, for the API and the command line."""

import json
import types
import typing

from pydantic.fields import FieldInfo

from perdure.agents.hookspecs.parameters_schema import schema_of
from perdure.agents.plugins.hooks.printable import printable
from perdure.agents.plugins.registry import AgentRegistry, InstalledAgent
from perdure.schemas.agents import (
    AgentDescription,
    AgentList,
    ParameterDescription,
    UnavailablePlugin,
)


def describe_agents(registry: AgentRegistry, only: str | None = None) -> AgentList:
    """Describe every agent of a registry and every plugin that is not loaded, or one agent."""
    return AgentList(
        agents=[
            _describe(name, agent)
            for name, agent in sorted(registry.agents.items())
            if only in {None, name}
        ],
        unavailable_plugins=[
            UnavailablePlugin(
                distribution=plugin.distribution,
                version=plugin.version,
                status=plugin.status,
                reason=plugin.reason,
                agents=list(plugin.agents),
            )
            for plugin in registry.plugins
            if plugin.status != "loaded" and only is None
        ],
    )


def describe_agent(registry: AgentRegistry, name: str) -> AgentDescription:
    """Describe one agent.

    Raises:
        UnknownAgent: No installed agent has that name.
    """
    return _describe(name, registry.agent(name))


def _describe(name: str, agent: InstalledAgent) -> AgentDescription:
    model = agent.spec.parameters
    return AgentDescription(
        name=name,
        description=printable(agent.spec.description),
        distribution=agent.distribution,
        version=agent.version,
        parameters=[
            ParameterDescription(
                name=field_name,
                type=printable(_type_name(field.annotation)),
                required=field.is_required(),
                default="" if field.is_required() else _default(field),
                description=printable(field.description or ""),
            )
            for field_name, field in (model.model_fields.items() if model else ())
        ],
        parameters_schema=schema_of(model) if model else None,
        examples=[printable(example) for example in agent.spec.examples],
    )


def _default(field: FieldInfo) -> str:
    if field.default_factory_takes_validated_data:
        return "made of the others"
    value = field.get_default(call_default_factory=True, validated_data={})
    return printable(json.dumps(value, default=str, ensure_ascii=False))


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
