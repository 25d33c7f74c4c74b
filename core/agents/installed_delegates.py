"""The installed agents, as those that a run delegates to."""

from collections.abc import Callable, Mapping

from pydantic import JsonValue

from perdure.agents.description import describe_agents
from perdure.agents.parameters import typed_parameters
from perdure.agents.plugins.registry import AgentRegistry
from perdure.schemas.agents import AgentDescription


class InstalledDelegates:
    """The agents of a registry, as a :class:`~perdure.agents.runs.run_delegates.DelegateAgents`."""

    def __init__(self, registry: Callable[[], AgentRegistry]) -> None:
        """Bind them to a registry, which is asked for each time: its agents may change.

        Args:
            registry: Returns it; it may be loaded only then.
        """
        self._registry = registry

    async def describe(self) -> list[AgentDescription]:
        """Return what each of them is for and takes, sorted by name."""
        return describe_agents(self._registry()).agents

    async def check(
        self,
        agent_type: str,
        parameters: Mapping[str, JsonValue],
        check_path: Callable[[str], str] | None,
    ) -> dict[str, JsonValue]:
        """Return the parameters as the agent's model has them.

        Raises:
            UnknownAgent: There is no such agent.
            ParametersRefused: They do not fit it.
        """
        return typed_parameters(self._registry().agent(agent_type).spec, parameters, check_path)
