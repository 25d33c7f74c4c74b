"""The agents that an agent in memory may delegate to."""

from collections.abc import Iterable, Sequence

from pydantic import BaseModel, ConfigDict

from perdure.agents.hookspecs.agent_spec import AgentSpec
from perdure.agents.installed_delegates import InstalledDelegates
from perdure.agents.plugins.registry import AgentRegistry, InstalledAgent, installed_agents
from perdure.agents.runs.run import Run
from perdure.models import Goal, Result


class _Anything(BaseModel):
    model_config = ConfigDict(extra="allow")


async def _is_given(_: Run, goal: Goal) -> Result:
    raise AssertionError(f"what {goal.agent_type} delivers is given: it is not executed")


def in_memory_delegates(specs: Sequence[AgentSpec], given: Iterable[str]) -> InstalledDelegates:
    """Return the installed agents, those that a test brings, and those whose results it gives.

    Args:
        specs: Agents that are not installed.
        given: The names of agents whose results are given; one that is not installed takes any
            parameters.
    """
    names = tuple(given)

    def registry() -> AgentRegistry:
        # Loaded when an agent asks for them, as in an installation.
        installed = installed_agents().agents
        stubs = [
            AgentSpec(
                name=name,
                description="Delivers what the test gives.",
                agent=_is_given,
                parameters=_Anything,
            )
            for name in names
            if name not in installed
        ]
        added = {spec.name: InstalledAgent(spec, "perdure-test", "0") for spec in (*stubs, *specs)}
        return AgentRegistry(agents={**installed, **added})

    return InstalledDelegates(registry)
