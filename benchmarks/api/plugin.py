"""The agents of the benchmark, a plugin file: one does nothing, one has many steps."""

import asyncio
import json
from typing import Literal

from pydantic import BaseModel, Field

from perdure.agents import AgentSpec, Goal, Result, Run, agent, hookimpl

BRANCHES = 4


class NothingParameters(BaseModel):
    """What a caller sends along with a goal."""

    depth: Literal["quick", "comprehensive"] = Field("quick", description="How deep to look.")
    rows: int = Field(100, ge=1, description="How many rows to look at.")


class ManyStepsParameters(BaseModel):
    """How much there is to see on the goal's page."""

    steps: int = Field(120, ge=1, description="How many steps to do.")


def measure_part(number: int) -> dict[str, float]:
    """Return figures of one part."""
    return {"number": number, "mean": number / 7, "largest": number * 1.5}


@agent
async def nothing(_run: Run, _goal: Goal, _parameters: NothingParameters) -> Result:
    """Does nothing."""
    return Result()


@agent
async def many_steps(run: Run, _goal: Goal, parameters: ManyStepsParameters) -> Result:
    """Has many steps, some at once, with progress, tool calls, text and files."""

    async def branch(first: int) -> list[dict[str, float]]:
        found = []
        for number in range(first, parameters.steps, BRANCHES):
            found.append(await run.step(f"part of branch {first + 1}", measure_part, number))
            await run.progress(100 * number / parameters.steps, f"part {number}")
        return found

    branches = await asyncio.gather(*(branch(first) for first in range(BRANCHES)))
    parts = [part for found in branches for part in found]
    table = "".join(f"{part['number']},{part['mean']:.3f},{part['largest']}\n" for part in parts)
    await run.artifact("parts.csv", f"number,mean,largest\n{table}")
    await run.artifact("report.md", f"# Parts\n\n{len(parts)} parts were measured.\n")
    await run.artifact("parts.json", json.dumps(parts))
    return Result(summary=f"Measured **{len(parts)} parts** in {BRANCHES} branches.")


@hookimpl
def register_agents() -> list[AgentSpec]:
    """Register them."""
    return [nothing, many_steps]
