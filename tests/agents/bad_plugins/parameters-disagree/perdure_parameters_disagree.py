from pydantic import BaseModel

from perdure.agents import AgentSpec, Goal, Result, Run, hookimpl


class Place(BaseModel):
    city: str


class Time(BaseModel):
    hour: int


async def weather(run: Run, goal: Goal, parameters: Place) -> Result:
    """Tells the weather."""
    return Result(summary="It rains.")


@hookimpl
def register_agents():
    return [AgentSpec(name="weather", description="Tells the weather.", parameters=Time, agent=weather)]
