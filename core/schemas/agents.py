"""Descriptions of the installed agents, and of the plugins that are not loaded."""

from pydantic import BaseModel, JsonValue


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


class UnavailablePlugin(BaseModel):
    """An installed plugin that is not loaded.

    Attributes:
        distribution: Its distribution, or the name of a plugin file.
        version: Its version.
        status: ``disabled`` in the home, ``denied`` by the settings, or ``failed``.
        reason: Why it is not loaded, and what to do.
        agents: The names of the agents that a disabled one had when it was loaded last.
    """

    distribution: str
    version: str
    status: str
    reason: str
    agents: list[str]


class AgentList(BaseModel):
    """Installed agents, sorted by name, and the plugins that are not loaded.

    Attributes:
        agents: The agents.
        unavailable_plugins: The plugins; none where one agent was asked for.
    """

    agents: list[AgentDescription]
    unavailable_plugins: list[UnavailablePlugin] = []
