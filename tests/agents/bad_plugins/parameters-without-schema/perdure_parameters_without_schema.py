import threading

from pydantic import BaseModel, ConfigDict

from perdure.agents import AgentSpec, Goal, Result, Run, hookimpl


class Parameters(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)

    thread: threading.Thread


async def weather(run: Run, goal: Goal) -> Result:
    """Tells the weather."""
    return Result(summary="It rains.")


@hookimpl
def register_agents():
    return [AgentSpec(name="weather", description="Tells the weather.", parameters=Parameters, agent=weather)]
