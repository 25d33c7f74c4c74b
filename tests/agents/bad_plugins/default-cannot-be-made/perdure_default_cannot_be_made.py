import os

from pydantic import BaseModel, Field

from perdure.agents import AgentSpec, Goal, Result, Run, hookimpl


class Parameters(BaseModel):
    city: str = Field(default_factory=lambda: os.environ["NO_SUCH_CITY"])


async def weather(run: Run, goal: Goal) -> Result:
    """Tells the weather."""
    return Result(summary="It rains.")


@hookimpl
def register_agents():
    return [AgentSpec(name="weather", description="Tells the weather.", parameters=Parameters, agent=weather)]
