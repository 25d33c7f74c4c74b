"""The agent that a goal names; where it is missing, the distribution that last provided it."""

from contextlib import suppress
from typing import Final

from perdure.agents.plugins.registry import AgentRegistry, InstalledAgent, UnknownAgent
from perdure.stores import Stores, StoreUnavailable

# The newest runs may have found it missing already.
_MAX_RUNS_SEARCHED: Final = 20


async def find_agent(registry: AgentRegistry, stores: Stores, name: str) -> InstalledAgent:
    """Return the agent of that name.

    Raises:
        UnknownAgent: It is not installed; the message says what to install, if it has ever run.
    """
    try:
        return registry.agent(name)
    except UnknownAgent:
        raise registry.unknown_agent(name, await _last_provider(stores, name)) from None


async def _last_provider(stores: Stores, name: str) -> str:
    with suppress(StoreUnavailable):
        for record in await stores.goals.list(limit=_MAX_RUNS_SEARCHED, agent_type=name):
            if record.agent_version:
                return record.agent_version
    return ""
