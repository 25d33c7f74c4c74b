from collections.abc import AsyncIterator

from perdure.agents import Agent, AgentSpec, Progress, Result, hookimpl


class Weather(Agent[None]):
    async def execute_streaming(self, description: str) -> AsyncIterator[Progress]:
        await self.run.progress(100)

    async def get_results(self) -> Result:
        return Result()


@hookimpl
def register_agents():
    return [AgentSpec(name="weather", description="Tells the weather.", agent=Weather)]
