"""The agent of the benchmark, a plugin file: three steps that take a third of the time each."""

import asyncio

from pydantic import BaseModel, Field

from perdure.agents import AgentSpec, Goal, Result, Run, agent, hookimpl

STEPS = 3


class WaitingParameters(BaseModel):
    """How long a goal takes."""

    seconds: float = Field(30.0, ge=0, description="Seconds that all steps take together.")


async def wait(seconds: float) -> float:
    """Wait, as agents do for models."""
    await asyncio.sleep(seconds)
    return seconds


@agent
async def waiting(run: Run, _goal: Goal, parameters: WaitingParameters) -> Result:
    """Waits in three steps."""
    for number in range(STEPS):
        await run.step(f"wait {number + 1}", wait, parameters.seconds / STEPS)
        await run.progress(100 * (number + 1) / STEPS)
    return Result()


@hookimpl
def register_agents() -> list[AgentSpec]:
    """Register it."""
    return [waiting]
