"""The agents of an installation: the one that a goal names, and those that it may delegate to."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from pydantic import JsonValue

from perdure.agents.described_parameters import described_parameters
from perdure.agents.installed_delegates import InstalledDelegates
from perdure.agents.plugins.registry import (
    AgentRegistry,
    InstalledAgent,
    MissingAgent,
    UnknownAgent,
)
from perdure.schemas.agents import AgentDescription
from perdure.stores import Stores

# An API may have had the agent when no worker did: then its runs alone say so, and the newest may
# have found it missing already.
_MAX_RUNS_SEARCHED: Final = 20


class KnownDelegates:
    """The agents that are installed here, and those of workers elsewhere, such as another pool's.

    It is a :class:`~perdure.agents.runs.run_delegates.DelegateAgents`.
    """

    def __init__(self, registry: AgentRegistry, stores: Stores) -> None:
        """Bind them to this process's agents, which may change, and to the installation's."""
        self._installed = InstalledDelegates(lambda: registry)
        self._stores = stores

    async def describe(self) -> list[AgentDescription]:
        """Return what each of them is for and takes, sorted by name.

        Raises:
            StoreUnavailable: The stores do not answer.
        """
        known = {agent.name: agent for agent in await self._stores.agents.at_work()}
        known |= {agent.name: agent for agent in await self._installed.describe()}
        return [known[name] for name in sorted(known)]

    async def check(
        self,
        agent_type: str,
        parameters: Mapping[str, JsonValue],
        check_path: Callable[[str], str] | None,
    ) -> dict[str, JsonValue]:
        """Return the parameters as the agent has them; of one elsewhere, with their paths checked.

        Raises:
            UnknownAgent: There is no such agent, and no worker has had it.
            ParametersRefused: They do not fit it.
            StoreUnavailable: It is not installed here, and the stores do not answer.
        """
        try:
            return await self._installed.check(agent_type, parameters, check_path)
        except UnknownAgent:
            elsewhere = await self._stores.agents.described(agent_type)
            if elsewhere is None:
                raise
            return described_parameters(elsewhere, parameters, check_path)


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
