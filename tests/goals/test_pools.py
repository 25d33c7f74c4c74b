"""Pools of workers: each runs its own goals, and delegates go from one to another."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from perdure.agents import AgentSpec, Goal, InputError, Result, Run
from perdure.models import DEFAULT_POOL
from perdure.temporal.client.agent_pools import AgentPools
from perdure.temporal.client.goal_details import goal_details
from perdure.temporal.client.goal_service import GoalService
from perdure.temporal.worker.run_worker import run_worker
from tests.support.plugins import registry_of
from tests.support.until import until_async

if TYPE_CHECKING:
    from tests.support.installation import Install, Installation

pytestmark = pytest.mark.asyncio(loop_scope="session")


def specs() -> tuple[AgentSpec, AgentSpec]:
    async def part(run: Run, goal: Goal) -> Result:
        return Result(summary=f"part of {goal.description}")

    async def parent(run: Run, goal: Goal) -> Result:
        return await run.delegate("part", "the whole")

    return (
        AgentSpec(name="parent", description="", agent=parent),
        AgentSpec(name="part", description="", agent=part, pool="gpu"),
    )


@asynccontextmanager
async def pool_worker(here: "Installation", pool: str, *agents: AgentSpec) -> AsyncIterator[None]:
    """Run a worker of a pool that has these agents and no others."""
    settings = here.settings.model_copy(update={"pool": pool})
    async with run_worker(here.client, here.stores, registry_of(*agents), settings):
        yield


async def until_present(here: "Installation", pool: str) -> None:
    async def is_present() -> bool:
        return pool in await here.stores.workers.pools()

    await until_async(is_present, f"a worker of {pool}")


async def test_a_delegate_runs_in_the_pool_of_its_agent(install: "Install") -> None:
    parent, part = specs()
    here = await install(parent, part, work=False)
    async with pool_worker(here, DEFAULT_POOL, parent), pool_worker(here, "gpu", part):
        run = await here.start("parent")
        output, record = await here.finish(run)
    assert output.success
    assert (record.pool, record.result and record.result.summary) == (
        DEFAULT_POOL,
        "part of the whole",
    )
    [child] = await here.stores.goals.list(limit=5, agent_type="part")
    assert (child.pool, child.success) == ("gpu", True)
    description = await here.handle(child.workflow_id).describe()
    assert description.task_queue == "ai-agent-queue-gpu"
    await here.replay(run, "delegate-of-a-pool")


async def test_a_goal_waits_for_a_worker_of_its_pool(install: "Install") -> None:
    _, part = specs()
    here = await install(part, work=False)
    async with pool_worker(here, DEFAULT_POOL, part):
        await until_present(here, DEFAULT_POOL)
        run = await here.start("part")
        assert (await goal_details(here.stores, run)).missing_pool == "gpu"
        assert await here.stores.goals.running_by_pool() == {"gpu": 1}
        # Nobody has taken it: it has no event but the first.
        assert [event.type for event in await here.stored_events(run)] == ["run.started"]
        async with pool_worker(here, "gpu", part):
            await until_present(here, "gpu")
            assert (await goal_details(here.stores, run)).missing_pool is None
            assert (await here.finish(run))[0].success


async def test_a_goal_says_which_pool_and_keeps_it(install: "Install") -> None:
    tries = []

    async def flaky(run: Run, goal: Goal) -> Result:
        tries.append(goal.pool)
        if len(tries) == 1:
            raise InputError("no: give another")
        return Result()

    here = await install(AgentSpec(name="flaky", description="", agent=flaky), work=False)
    asked = Goal(goal_id="mine", description="x", agent_type="flaky", pool="large")
    async with pool_worker(here, "large", *(a.spec for a in here.service.registry.agents.values())):
        run = await here.service.start(asked)
        assert not (await here.finish(run))[0].success
        await here.service.control.retry(run)
        assert (await here.finish(run))[0].success
        rerun = await here.service.run_again(run, by="Ann")
        _, record = await here.finish(rerun.workflow_id)
    assert (record.success, record.pool) == (True, "large")
    assert tries == ["large", "large", "large"]


@pytest.mark.parametrize(
    ("asked", "chosen", "of_plugins", "pool"),
    [
        (None, {}, True, "gpu"),
        (None, {}, False, None),
        (None, {"part": "large"}, True, "large"),
        (None, {"part": "large"}, False, "large"),
        (None, {"parent": "large"}, True, "gpu"),
        ("small", {"part": "large"}, True, "small"),
        ("default", {"part": "large"}, True, "default"),
    ],
)
async def test_who_says_which_pool(
    asked: str | None, chosen: dict[str, str], of_plugins: bool, pool: str | None
) -> None:
    _, part = specs()
    goal = Goal(goal_id="x", description="x", agent_type="part", pool=asked)
    pools = AgentPools(chosen, of_plugins=of_plugins)
    assert pools.for_goal(goal, part) == pool


async def test_the_operators_choice_reaches_delegates(install: "Install") -> None:
    parent, part = specs()
    here = await install(parent, part, work=False)
    pools = AgentPools({"part": "default", "parent": "front"})
    registry = registry_of(parent, part)
    service = GoalService(here.client, here.stores, registry, pools=pools)
    front = here.settings.model_copy(update={"pool": "front"})
    async with (
        run_worker(here.client, here.stores, registry, front, pools),
        run_worker(here.client, here.stores, registry, here.settings, pools),
    ):
        run = await service.start(Goal(goal_id="x", description="x", agent_type="parent"))
        assert (await here.finish(run))[0].success
    runs = {record.agent_type: record.pool for record in await here.stores.goals.list(limit=5)}
    assert runs == {"parent": "front", "part": DEFAULT_POOL}


async def test_the_default_pool_is_left_out_of_json() -> None:
    """So that workers that know no pools take the goals."""
    goal = Goal(goal_id="x", description="x", agent_type="part", pool=DEFAULT_POOL)
    assert "pool" not in goal.model_dump(mode="json")
    assert "pool" not in Goal(goal_id="x", description="x", agent_type="part").model_dump()
    assert goal.model_copy(update={"pool": "gpu"}).model_dump()["pool"] == "gpu"
