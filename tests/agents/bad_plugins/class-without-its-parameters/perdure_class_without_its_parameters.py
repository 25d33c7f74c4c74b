from collections.abc import AsyncIterator

from pydantic import BaseModel

from perdure.agents import Agent, AgentSpec, Progress, Result, hookimpl


class Place(BaseModel):
    city: str


class Weather(Agent[Place]):
    async def execute_streaming(self, description: str) -> AsyncIterator[Progress]:
        yield Progress(percentage=100)

    async def get_results(self) -> Result:
        return Result()


@hookimpl
def register_agents():
    return [AgentSpec(name="weather", description="Tells the weather.", agent=Weather)]
