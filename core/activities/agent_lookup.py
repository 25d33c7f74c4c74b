"""Finding the agent that a goal names; where it is missing, what brought it when it was here."""

from contextlib import suppress
from typing import Final

from perdure.agents.plugins.registry import AgentRegistry, InstalledAgent, UnknownAgent
from perdure.stores import Stores, StoreUnavailable

# How far back to look for a run of it: the newest may have found it missing already.
_RUNS: Final = 20


async def find_agent(registry: AgentRegistry, stores: Stores, name: str) -> InstalledAgent:
    """Return the agent of that name.

    Raises:
        UnknownAgent: It is not installed; the message says what to install, if it has ever run.
    """
    try:
        return registry.agent(name)
    except UnknownAgent:
        raise registry.unknown_agent(name, await _brought_by(stores, name)) from None


async def _brought_by(stores: Stores, name: str) -> str:
    with suppress(StoreUnavailable):
        for record in await stores.goals.list(limit=_RUNS, agent_type=name):
            if record.agent_version:
                return record.agent_version
    return ""
