"""Making an agent for a goal."""

from collections.abc import Mapping

from pydantic import BaseModel, JsonValue

from perdure.agents.hookspecs.forms import Agent, FunctionAgent
from perdure.agents.hookspecs.spec import AgentSpec
from perdure.agents.parameters import check_parameters
from perdure.agents.plugins.registry import AgentRegistry, installed_agents
from perdure.agents.runs.run import Run
from perdure.models import Goal

AnyAgent = Agent[BaseModel | None]


class AgentFactory:
    """Makes agents by name."""

    @staticmethod
    def create(
        agent_type: str,
        config: Mapping[str, JsonValue] | None = None,
        run: Run | None = None,
        *,
        registry: AgentRegistry | None = None,
    ) -> AnyAgent:
        """Make an agent.

        Args:
            agent_type: The name of an installed agent.
            config: The goal's parameters.
            run: Its surroundings; without one, a run whose journal and artifacts are in memory, so
                that trying an agent needs no server.
            registry: Where to look the name up; what is installed when not given.

        Raises:
            UnknownAgent: No installed agent has that name.
            ParametersRefused: The parameters do not fit it.
        """
        spec = (registry or installed_agents()).agent(agent_type).spec
        return create_agent(spec, config or {}, run)


def create_agent(
    spec: AgentSpec, config: Mapping[str, JsonValue], run: Run | None = None
) -> AnyAgent:
    """Make the agent that a specification describes; see :meth:`AgentFactory.create`.

    Raises:
        ParametersRefused: The parameters do not fit it.
    """
    parameters = check_parameters(spec, config)
    if run is None:
        run = Run(
            Goal(
                goal_id="local",
                description=spec.description or spec.name,
                agent_type=spec.name,
                parameters=dict(config),
            )
        )
    if isinstance(spec.agent, type):
        made: AnyAgent = spec.agent(run, parameters)
        return made
    return FunctionAgent(run, parameters, spec.agent)
