import os

from perdure.agents import AgentSpec, Goal, Result, Run, hookimpl


async def weather(run: Run, goal: Goal) -> Result:
    """Tells the weather."""
    return Result(summary="It rains.")


@hookimpl
def register_agents():
    os._exit(7)
