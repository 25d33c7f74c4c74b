"""The agents that an agent in memory may delegate to."""

from collections.abc import Callable, Iterable, Mapping

from pydantic import BaseModel, ConfigDict, JsonValue

from perdure.agents.hookspecs.agent_spec import AgentSpec
from perdure.agents.installed_delegates import InstalledDelegates
from perdure.agents.plugins.registry import AgentRegistry, InstalledAgent, installed_agents
from perdure.agents.runs.run import Run
from perdure.models import Goal, Result
from perdure.schemas.agents import AgentDescription


class _Anything(BaseModel):
    model_config = ConfigDict(extra="allow")


async def _is_given(_: Run, goal: Goal) -> Result:
    raise AssertionError(f"what {goal.agent_type} delivers is given: it is not executed")


class InMemoryDelegates:
    """The installed agents, those that a test brings, and those whose results it gives."""

    def __init__(self, specs: Iterable[AgentSpec], given: Iterable[str]) -> None:
        """Name them.

        Args:
            specs: Agents that are not installed.
            given: The names of agents whose results are given; one that is not installed takes any
                parameters.
        """
        self._specs = tuple(specs)
        self._given = tuple(given)

    async def describe(self) -> list[AgentDescription]:
        """Return what each of them is for and takes, sorted by name."""
        return await self._delegates().describe()

    async def check(
        self,
        agent_type: str,
        parameters: Mapping[str, JsonValue],
        check_path: Callable[[str], str] | None,
    ) -> dict[str, JsonValue]:
        """Return the parameters as the agent's model has them."""
        return await self._delegates().check(agent_type, parameters, check_path)

    def _delegates(self) -> InstalledDelegates:
        # Loaded when an agent asks for them, as in an installation.
        installed = installed_agents().agents
        stubs = [
            AgentSpec(
                name=name,
                description="Delivers what the test gives.",
                agent=_is_given,
                parameters=_Anything,
            )
            for name in self._given
            if name not in installed
        ]
        added = {
            spec.name: InstalledAgent(spec, "perdure-test", "0") for spec in (*stubs, *self._specs)
        }
        return InstalledDelegates(AgentRegistry(agents={**installed, **added}))
