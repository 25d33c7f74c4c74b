from perdure.agents import Goal, Result, Run, agent


@agent
async def weather(run: Run, goal: Goal) -> Result:
    """Tells the weather."""
    return Result(summary="It rains.")


