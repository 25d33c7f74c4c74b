"""A goal's tenant reaches its execution, its delegates and all that they reuse."""

import pytest

from perdure.agents import AgentSpec, Goal, Result, Run
from tests.support.installation import Install

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def part(run: Run, goal: Goal) -> Result:
    async def made() -> str:
        mine = run.workflow_id.encode()
        return (await run.cache.get_or_make("made", "key", lambda: mine, version=1)).decode()

    return Result(data={"made": await run.step("make", made), "tenant": goal.tenant})


async def whole(run: Run, goal: Goal) -> Result:
    made = await run.delegate("part", "The part")
    return Result(data={"part": made.data, "tenant": goal.tenant})


async def test_delegates_and_caches_are_the_tenants(install: Install) -> None:
    here = await install(
        *(
            AgentSpec(name=name, description=name, agent=agent)
            for name, agent in (("part", part), ("whole", whole))
        )
    )
    goal = Goal(goal_id="g", description="d", agent_type="whole")
    made: dict[str, str] = {}
    for tenant in ("acme", "other", "acme"):
        run = await here.service.of(tenant).start(goal)
        output, record = await here.finish(run)
        assert output.success
        assert record.tenant == tenant
        assert record.result is not None
        assert record.result.data["tenant"] == tenant
        (child,) = await here.stores.goals.list(parent=run)
        assert child.tenant == tenant
        data = record.result.data["part"]
        assert isinstance(data, dict)
        assert data["tenant"] == tenant
        assert made.setdefault(tenant, str(data["made"])) == data["made"]
    assert len(set(made.values())) == 2
    # Goals that other tests have left to any worker end up here too.
    done = await here.stores.of("acme").goals.list(search="the part", agent_type="part")
    assert len(done) == 2
