from collections.abc import AsyncIterator

from perdure.agents import Agent, AgentSpec, Progress, Result, hookimpl


class Weather(Agent[None]):
    async def execute_streaming(self, description: str) -> AsyncIterator[Progress]:
        yield Progress(percentage=100)

    async def get_results(self) -> Result:
        return Result()


@hookimpl
def register_agents():
    return [Weather]
