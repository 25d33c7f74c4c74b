"""The agents of the benchmarks, a plugin file: one waits in its steps, one for what is to come."""

import asyncio

from pydantic import BaseModel, Field

from perdure.agents import AgentSpec, Goal, Result, Run, agent, hookimpl

STEPS = 3


class WaitingParameters(BaseModel):
    """How long a goal takes."""

    seconds: float = Field(30.0, ge=0, description="Seconds that all steps take together.")


class ParkedParameters(BaseModel):
    """What a goal waits for."""

    days: float = Field(0.0, ge=0, description="Days to sleep; 0 asks people instead.")


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


@agent
async def parked(run: Run, _goal: Goal, parameters: ParkedParameters) -> Result:
    """Waits for days, or for an answer."""
    if parameters.days:
        await run.sleep(parameters.days * 24 * 3600)
        return Result(data={"approved": None})
    approval = await run.approve("Go on?")
    return Result(data={"approved": approval.approved})


@hookimpl
def register_agents() -> list[AgentSpec]:
    """Register them."""
    return [waiting, parked]
