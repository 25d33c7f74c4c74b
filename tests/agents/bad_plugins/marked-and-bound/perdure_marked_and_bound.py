from perdure.agents import AgentSpec, Goal, Result, Run, hookimpl


async def weather(run: Run, goal: Goal) -> Result:
    """Tells the weather."""
    return Result(summary="It rains.")


def weather_agents():
    return [AgentSpec(name="weather", description="Tells the weather.", agent=weather)]


register_agents = hookimpl(weather_agents)
