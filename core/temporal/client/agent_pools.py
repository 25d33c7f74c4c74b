"""Which pool of workers runs the goals of an agent."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from perdure.agents import AgentSpec
from perdure.models import Goal


@dataclass(frozen=True, slots=True)
class AgentPools:
    """The pools of an installation's agents.

    Attributes:
        chosen: The pools that the installation's operators chose, by the agent's name.
        of_plugins: Whether what the plugins say counts. It does not on one machine's own server,
            whose worker runs the goals of all agents.
    """

    chosen: Mapping[str, str] = field(default_factory=dict)
    of_plugins: bool = True

    def of(self, agent: AgentSpec) -> str | None:
        """Return the pool that runs an agent's goals; ``None`` for the default one."""
        return self.chosen.get(agent.name) or (agent.pool if self.of_plugins else None)

    def for_goal(self, goal: Goal, agent: AgentSpec) -> str | None:
        """Return the pool that runs a goal: the one that it says, or its agent's."""
        return goal.pool or self.of(agent)
