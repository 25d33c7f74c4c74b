from perdure.agents import AgentSpec, Goal, Result, Run, hookimpl


async def weather(run: Run, goal: Goal) -> Result:
    """Tells the weather."""
    return Result(summary="It rains.")


@hookimpl(specname="register_agents")
def ours():
    return [AgentSpec(name="weather", description="Tells the weather.", agent=weather)]


theirs = ours
