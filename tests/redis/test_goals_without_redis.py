"""Goals whose models are asked with a Redis that dies half-way, and one that hangs."""

import pytest
from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from perdure.agents import AgentSpec, Goal, Result, Run
from perdure.models import GoalStatus
from perdure.redis.connection import RedisConnection
from tests.support.installation import Install
from tests.support.redis_server import RedisServer
from tests.support.until import until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")

REQUESTS = 6


async def calls_of_scripts(url: str) -> int:
    connection = RedisConnection(url, "test")
    try:
        statistics = await connection.client.info("commandstats")
        return int(statistics.get("cmdstat_evalsha", {"calls": 0})["calls"])
    finally:
        await connection.close()


@pytest.mark.parametrize("how", ["dies", "hangs"])
async def test_goals_go_on_and_pay_nothing_twice(
    install: Install, redis_server: RedisServer, how: str
) -> None:
    asked = 0

    async def respond(_messages: list[ModelMessage], _: AgentInfo) -> ModelResponse:
        nonlocal asked
        asked += 1
        if asked == REQUESTS // 2:
            (redis_server.kill if how == "dies" else redis_server.pause)()
        return ModelResponse(parts=[TextPart(f"response {asked}")])

    async def ask(run: Run, goal: Goal) -> Result:
        model = run.durable(FunctionModel(respond))
        texts = [(await Agent(model).run(f"{number}?")).output for number in range(REQUESTS)]
        return Result(summary=" ".join(texts))

    spec = AgentSpec(name="asks", description="", agent=ask)
    installation = await install(spec, redis_url=redis_server.url, model_cache=True)
    redis = installation.stores.redis
    assert redis is not None
    await until_async(redis.is_up, "Redis")
    first = installation.start("asks", goal_id="first")
    _, record = await installation.finish(await first)
    assert (record.status, asked) == (GoalStatus.COMPLETED, REQUESTS)
    assert record.result is not None
    # What Redis has not, the stores have.
    for goal_id in ("without", "with"):
        if goal_id == "with":
            if how == "dies":
                redis_server.start()
            else:
                redis_server.resume()
            await until_async(redis.is_up, "Redis again")
        _, again = await installation.finish(await installation.start("asks", goal_id=goal_id))
        assert again.result is not None
        assert (again.result.summary, asked) == (record.result.summary, REQUESTS)


async def test_breakers_are_asked_for_over_redis(
    install: Install, redis_server: RedisServer
) -> None:
    async def respond(_messages: list[ModelMessage], _: AgentInfo) -> ModelResponse:
        return ModelResponse(parts=[TextPart("yes")])

    async def ask(run: Run, goal: Goal) -> Result:
        return Result(summary=(await Agent(run.durable(FunctionModel(respond))).run("?")).output)

    spec = AgentSpec(name="asks", description="", agent=ask)
    installation = await install(spec, redis_url=redis_server.url)
    redis = installation.stores.redis
    assert redis is not None
    await until_async(redis.is_up, "Redis")
    _, record = await installation.finish(await installation.start("asks"))
    assert record.status is GoalStatus.COMPLETED
    assert await calls_of_scripts(redis_server.url) >= 1
