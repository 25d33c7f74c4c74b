"""Registers the agent with Perdure; every command imports this, so it imports little."""

from collections.abc import Iterable

from perdure.agents import AgentSpec, hookimpl

from perdure_my_agent.agent import my_agent


@hookimpl
def register_agents() -> Iterable[AgentSpec]:
    """Register the agent ``my-agent``."""
    return [my_agent]
