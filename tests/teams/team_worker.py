"""A worker process that does teams and their members, and dies where it is told to.

The places of a member ``a`` are ``a.begun``, ``a.answered``, ``a.before`` and ``a.after`` what it
pays, ``a.paid`` and ``a.noted``; of the team they are ``team.planned``, and ``team.a`` once it has
the result of its goal ``a``.
"""

import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from pydantic import BaseModel
from pydantic_ai import Agent

import perdure.temporal.worker.run_worker as worker_module
from perdure.activities import heartbeats
from perdure.agents import AgentSpec, Goal, PermanentError, Result, Run
from perdure.models import Usage
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.temporal.client.connection import connect
from perdure_teams import team_agent
from perdure_teams.goals import Node
from perdure_teams.plugin import register_agents
from perdure_teams.team import Team
from tests.durability.paying_worker import ORDER, add_line, place
from tests.support.fork_server import Order
from tests.support.plugins import registry_of

COST: Final = 0.01
NOTE: Final = "done"


class Member(BaseModel):
    """What a member of a team takes.

    Attributes:
        name: What it is called, by which it is told from the others.
        fails: Whether it fails, after it has paid.
    """

    name: str
    fails: bool = False


async def member(run: Run, goal: Goal, parameters: Member) -> Result:
    """Ask a model, pay, and write in the team's notebook."""
    name = parameters.name
    await place(f"{name}.begun")
    answered = await Agent(run.model).run(f"What is {name} worth?")
    await place(f"{name}.answered")
    await run.step("pay", partial(_pay, run, name), idempotency_key=True)
    await place(f"{name}.paid")
    await run.notebook.update(NOTE, lambda names: [*(names or []), name])  # type: ignore[misc]
    await place(f"{name}.noted")
    if parameters.fails:
        raise PermanentError(f"{name} cannot do it: take another")
    return Result(summary=f"<{goal.description}>", data={"worth": int(answered.output)})


async def _pay(run: Run, name: str, *, idempotency_key: str) -> None:
    await place(f"{name}.before")
    add_line("bill", f"{name} {idempotency_key}")
    await run.spend(Usage(input_tokens=1, cost=COST), model="some-model")
    await place(f"{name}.after")


def specs() -> list[AgentSpec]:
    """Return the teams and their member."""
    described = AgentSpec(name="member", description="Asks.", agent=member, parameters=Member)
    return [*register_agents(), described]


class _DyingTeam(Team):
    """A team whose worker may die between two of its goals."""

    async def plan(self, nodes: Sequence[Node]) -> None:
        await super().plan(nodes)
        await place("team.planned")

    async def _tell(self, name: str) -> None:
        await super()._tell(name)
        await place(f"team.{name}")


async def work(order: Order) -> None:
    """Do goals until killed."""
    ORDER.update(order)
    vars(team_agent)["Team"] = _DyingTeam
    heartbeats.HEARTBEAT_SECONDS = 0.2  # type: ignore[misc]
    worker_module.RECOVER_SECONDS = 0.3  # type: ignore[misc]
    settings = Settings(home=Path(order["home"]))
    async with (
        open_stores(settings) as stores,
        worker_module.run_worker(
            await connect(order["address"]), stores, registry_of(*specs()), settings
        ),
    ):
        await asyncio.Event().wait()
