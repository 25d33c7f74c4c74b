"""What this package brings to Perdure; every command imports it, so it imports little."""

from collections.abc import Iterable

from perdure.agents import AgentSpec, hookimpl

from perdure_my_agent.agent import my_agent


@hookimpl
def register_agents() -> Iterable[AgentSpec]:
    """Bring the agent ``my-agent``."""
    return [my_agent]
