"""A worker process that does the items of batches: each pays once, and writes what it did."""

import asyncio
import os
from functools import partial
from pathlib import Path

from perdure.agents import AgentSpec, Goal, Result, Run
from perdure.models import Usage
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.temporal.client.connection import connect
from perdure.temporal.worker.run_worker import run_worker
from tests.support.fork_server import Order
from tests.support.plugins import registry_of

COST = 0.25


async def item(run: Run, goal: Goal) -> Result:
    """Pay, and then pay again for something else."""
    bill = Path(str(goal.parameters["bill"]))
    for number in (1, 2):
        await run.step(f"pay {number}", partial(_pay, run, bill, goal.goal_id))
    return Result(summary=goal.goal_id)


async def _pay(run: Run, bill: Path, goal_id: str) -> None:
    with bill.open("a") as file:
        file.write(f"{goal_id} {os.getpid()}\n")
    await run.spend(Usage(input_tokens=1, cost=COST), model="some-model")


def spec() -> AgentSpec:
    from pydantic import BaseModel

    class Parameters(BaseModel):
        bill: str
        number: int

    return AgentSpec(name="item", description="", agent=item, parameters=Parameters)


async def work(order: Order) -> None:
    """Do items, and feed batches, until killed."""
    settings = Settings(home=Path(order["home"]))
    async with (
        open_stores(settings) as stores,
        run_worker(await connect(order["address"]), stores, registry_of(spec()), settings),
    ):
        await asyncio.Event().wait()
