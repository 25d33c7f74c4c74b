"""The agent that a goal names; where it is missing, whether it is so for now or for good."""

from contextlib import suppress
from typing import Final

from perdure.agents.plugins.registry import (
    AgentRegistry,
    InstalledAgent,
    MissingAgent,
    UnknownAgent,
)
from perdure.stores import Stores

# An API may have had the agent when no worker did: then its runs alone say so, and the newest may
# have found it missing already.
_MAX_RUNS_SEARCHED: Final = 20


async def find_agent(registry: AgentRegistry, stores: Stores, name: str) -> InstalledAgent:
    """Return the agent of that name.

    Raises:
        MissingAgent: It is not installed here and was before, or is at another worker; the message
            says what to install.
        UnknownAgent: No worker has ever had it; the message says which agents there are.
        StoreUnavailable: It is not installed here, and the stores cannot say whether it ever was.
    """
    try:
        return registry.agent(name)
    except UnknownAgent:
        raise registry.unknown_agent(name, await _last_version(stores, name)) from None


async def check_known(registry: AgentRegistry, stores: Stores, name: str) -> None:
    """Check that an agent is installed, or was: then it is only missing for now.

    Raises:
        UnknownAgent: No worker has ever had it; the message says which agents there are.
    """
    with suppress(MissingAgent):
        await find_agent(registry, stores, name)


async def _last_version(stores: Stores, name: str) -> str:
    for record in await stores.goals.list(limit=_MAX_RUNS_SEARCHED, agent_type=name):
        if record.agent_version:
            return record.agent_version
    return await stores.agents.version(name) or ""
