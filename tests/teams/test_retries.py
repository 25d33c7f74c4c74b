"""A team that failed is retried: what failed is done again, and nothing is paid twice."""

from functools import partial
from typing import Any, Final

import pytest
from pydantic import JsonValue
from sqlalchemy import func, select

from perdure.agents import AgentSpec, Goal, PermanentError, Result, Run
from perdure.models import Usage
from perdure.stores.database import schema
from perdure.testing import ModelServer, Reply, ToolCall, calls
from perdure_teams.plugin import register_agents
from tests.support.installation import Install

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.bundled]

PRICED: Final = "openai-chat:gpt-4o-mini"
GOOD: Final[dict[str, JsonValue]] = {"agent": "payer", "name": "good", "description": "Pay"}
BAD: Final[dict[str, JsonValue]] = {"agent": "flaky", "name": "bad", "description": "Try"}


async def payer(run: Run, goal: Goal) -> Result:
    """Pay."""
    await run.step("pay", partial(_pay, run))
    return Result(summary="yes")


async def _pay(run: Run) -> None:
    await run.spend(Usage(input_tokens=1, cost=0.5), model="some-model")


@pytest.mark.parametrize(
    ("team", "parameters", "replies", "summary"),
    [
        ("pipeline", {"steps": [GOOD, BAD]}, [], "yes"),
        ("panel", {"agents": [GOOD, BAD], "judge": "vote", "rounds": 1}, [], "yes"),
        (
            "plan-and-execute",
            {"agents": ["payer", "flaky"], "plans": 1},
            [
                calls(ToolCall("plan", {"goals": [GOOD, BAD]})),
                calls(ToolCall("conclude", {"summary": "Both."})),
            ],
            "Both.",
        ),
    ],
)
async def test_what_failed_is_done_again_and_nothing_else(
    install: Install,
    model_server: ModelServer,
    team: str,
    parameters: dict[str, Any],
    replies: list[Reply],
    summary: str,
) -> None:
    tries: list[str] = []

    async def flaky(run: Run, goal: Goal) -> Result:
        """Fail at first."""
        tries.append(goal.description)
        if len(tries) == 1:
            raise PermanentError("it is broken: mend it")
        return Result(summary="yes")

    here = await install(
        *register_agents(),
        AgentSpec(name="payer", description="Pays.", agent=payer),
        AgentSpec(name="flaky", description="Tries.", agent=flaky),
        model=PRICED,
    )
    model_server.answers(replies)
    run = await here.start(team, parameters)
    output, _ = await here.finish(run)
    assert output.error is not None
    assert "it is broken: mend it" in output.error.message

    await here.service.control.retry(run)
    output, record = await here.finish(run)
    assert output.success, output.error
    assert record.result is not None
    assert record.result.summary == summary
    assert len(tries) == 2
    assert len(model_server.requests) == len(replies)
    query = select(func.count()).where(schema.spending.c.model == "some-model")
    paid = await here.stores.database.read(lambda connection: connection.execute(query).scalar())
    assert paid == 1
