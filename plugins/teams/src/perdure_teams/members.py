"""The agents that a model may choose from, and how they are described to it."""

import json
from collections.abc import Sequence
from typing import Final

from pydantic import JsonValue

from perdure.agents import AgentDescription, InputError, Run

TEAMS: Final = frozenset({"pipeline", "panel", "plan-and-execute", "supervisor"})
_SHOWN_SCHEMA_CHARACTERS: Final = 6_000


async def members(run: Run, names: Sequence[str]) -> list[AgentDescription]:
    """Return the agents that a team's model may choose from.

    Args:
        run: The run.
        names: Their names; all that are installed, but for teams, when empty.

    Raises:
        InputError: One is not installed, or there is none.
    """
    installed = {agent.name: agent for agent in await run.agents()}
    for name in names:
        if name not in installed:
            there = ", ".join(sorted(installed)) or "none"
            raise InputError(
                f"the team names agent {name!r}, and these are installed: {there}: name one of"
                " them, or install the plugin that brings it"
            )
    chosen = names or [name for name in sorted(installed) if name not in TEAMS]
    if not chosen:
        raise InputError(
            "no agent is installed that a team could have work: install one, such as with"
            " pip install perdure-research"
        )
    return [installed[name] for name in dict.fromkeys(chosen)]


def described(agents: Sequence[AgentDescription]) -> str:
    """Return what a model is told of agents: what each is for, and its parameters."""
    return "\n".join(_line(agent) for agent in agents)


def _line(agent: AgentDescription) -> str:
    schema: JsonValue = agent.parameters_schema
    if schema is None:
        takes = "no parameters"
    else:
        text = json.dumps(schema, ensure_ascii=False)
        if len(text) > _SHOWN_SCHEMA_CHARACTERS:
            names = {one.name: one.type for one in agent.parameters}
            text = json.dumps(names, ensure_ascii=False)
        takes = f"parameters {text}"
    return f"- {agent.name}: {agent.description} It takes {takes}"
