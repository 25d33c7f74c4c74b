"""Creates the agent for a goal."""

from collections.abc import Mapping

from pydantic import BaseModel, JsonValue

from perdure.agents.hookspecs.agent_class import Agent
from perdure.agents.hookspecs.agent_function import FunctionAgent
from perdure.agents.hookspecs.agent_spec import AgentSpec
from perdure.agents.installed_delegates import InstalledDelegates
from perdure.agents.parameters import check_parameters
from perdure.agents.plugins.registry import AgentRegistry, installed_agents
from perdure.agents.runs.run import Run
from perdure.models import Goal

AnyAgent = Agent[BaseModel | None]


class AgentFactory:
    """Creates agents by their agent type."""

    @staticmethod
    def create(
        agent_type: str,
        config: Mapping[str, JsonValue] | None = None,
        run: Run | None = None,
        *,
        registry: AgentRegistry | None = None,
    ) -> AnyAgent:
        """Create an agent.

        Args:
            agent_type: The name of an installed agent.
            config: The goal's parameters.
            run: Its run; when not given, one that keeps everything in memory, so that trying an
                agent needs no server.
            registry: The agents to choose from; the installed ones when not given.

        Raises:
            UnknownAgent: No installed agent has that name.
            ParametersRefused: The parameters do not fit it.
        """
        spec = (registry or installed_agents()).agent(agent_type).spec
        return create_agent(spec, config or {}, run)


def create_agent(
    spec: AgentSpec, config: Mapping[str, JsonValue], run: Run | None = None
) -> AnyAgent:
    """Create the agent of a specification; see :meth:`AgentFactory.create`.

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
    if run.delegate_agents is None:
        run.delegate_agents = InstalledDelegates(installed_agents)
    if isinstance(spec.agent, type):
        instance: AnyAgent = spec.agent(run, parameters)
        return instance
    return FunctionAgent(run, parameters, spec.agent)
