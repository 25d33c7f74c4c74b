"""What this package brings to Holdfast; every command imports it, so it imports little."""

from collections.abc import Iterable

from holdfast.agents import AgentSpec, hookimpl

from holdfast_my_agent.agent import my_agent


@hookimpl
def register_agents() -> Iterable[AgentSpec]:
    """Bring the agent ``my-agent``."""
    return [my_agent]
