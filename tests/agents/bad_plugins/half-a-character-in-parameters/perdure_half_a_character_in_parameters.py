from perdure.agents import AgentSpec, Goal, Result, Run, hookimpl
from pydantic import BaseModel, Field


class Parameters(BaseModel):
    city: str = Field("Oslo", description="Where \udc80 to look.")


async def weather(run: Run, goal: Goal, parameters: Parameters) -> Result:
    """Tells the weather."""
    return Result(summary="It rains.")


@hookimpl
def register_agents():
    return [
        AgentSpec(
            name="weather", description="Tells the weather.", agent=weather, parameters=Parameters
        )
    ]
