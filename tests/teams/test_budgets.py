"""What holds a team on a real server: its budget, depth and rounds, a no of people, one answer."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import pytest
from pydantic import BaseModel, JsonValue
from pydantic_ai import Agent
from sqlalchemy import RowMapping, select

from perdure.agents import AgentSpec, Goal, Result, Run
from perdure.models import Budget, FailureKind, GoalRecord, GoalStatus, Usage, Vote
from perdure.schemas.approvals import ApprovalStatus
from perdure.stores.database import schema
from perdure.testing import ChatRequest, ModelServer, Reply, ToolCall, calls, says
from perdure_teams.plugin import register_agents
from tests.support.installation import Install, Installation
from tests.support.until import until_async

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.bundled]

PRICED: Final = "openai-chat:gpt-4o-mini"
Script = Callable[[ChatRequest], Reply]


class Spent(BaseModel):
    """What a member spends.

    Attributes:
        cost: Dollars.
        number: Tells it from the others.
    """

    cost: float = 0.0
    number: int = 0


async def spender(run: Run, goal: Goal, parameters: Spent) -> Result:
    """Spend what it is told to."""
    await run.step("pay", partial(_pay, run, parameters.cost))
    return Result(summary="paid", data={"paid": True})


async def _pay(run: Run, cost: float) -> None:
    await run.spend(Usage(input_tokens=1, cost=cost), model="some-model")


async def asker(run: Run, goal: Goal) -> Result:
    """Ask the model."""
    answered = await Agent(run.model).run(goal.description)
    return Result(summary=answered.output)


async def tally(run: Run, goal: Goal) -> Result:
    """Count how often it was asked."""
    entry = await run.notebook.update("tally", _one_more)
    return Result(summary=str(entry.value))


def _one_more(count: JsonValue) -> int:
    return (count if isinstance(count, int) else 0) + 1


def specs() -> list[AgentSpec]:
    return [
        *register_agents(),
        AgentSpec(name="spender", description="Spends.", agent=spender, parameters=Spent),
        AgentSpec(name="asker", description="Asks.", agent=asker),
        AgentSpec(name="tally", description="Counts.", agent=tally),
    ]


async def ledger(here: Installation) -> Sequence[RowMapping]:
    return await here.stores.database.read(
        lambda connection: connection.execute(select(schema.spending)).mappings().all()
    )


def dollars(rows: Sequence[RowMapping]) -> float:
    return sum(float(row["cost"]) for row in rows)


def tokens(rows: Sequence[RowMapping]) -> int:
    return sum(row["input_tokens"] + row["output_tokens"] for row in rows)


def before_the_last(rows: Sequence[RowMapping]) -> int:
    """Return the tokens that were used when the last request was made.

    What a request sends is known from its answer alone: beforehand it is estimated.
    """
    return tokens(sorted(rows, key=lambda row: row["at"])[:-1])


async def of_agent(here: Installation, name: str) -> list[GoalRecord]:
    return await here.stores.goals.list(limit=100, agent_type=name)


async def shown(here: Installation, record: GoalRecord) -> float:
    """Return the dollars that the page of a goal shows, its team's included."""
    timeline = await here.stores.timelines.of(record)
    costs = [timeline.usage.cost, *(goal.usage.cost for goal in timeline.team)]
    return sum(cost or 0.0 for cost in costs)


def told(record: GoalRecord) -> list[dict[str, Any]]:
    assert record.result is not None
    goals: Any = record.result.data["goals"]
    return list(goals)


def in_turn(*replies: Reply) -> Script:
    """Answer a team's model in turn, and whatever else asks."""
    left: Iterator[Reply] = iter(replies)

    def reply(request: ChatRequest) -> Reply:
        first = str(request.messages[0].get("content"))
        return next(left) if first.startswith("You ") else says(f"{request.last} Yes.")

    return reply


async def test_members_side_by_side_spend_what_the_team_may(install: Install) -> None:
    here = await install(*specs())
    agents: list[JsonValue] = [
        {"agent": "spender", "name": f"s{number}", "parameters": {"cost": 0.1, "number": number}}
        for number in range(5)
    ]
    parameters: dict[str, JsonValue] = {
        "agents": agents,
        "judge": "vote",
        "vote_on": "data.paid",
    }
    run = await here.start("panel", parameters, budget=Budget(cost=0.35))
    output, record = await here.finish(run)
    assert output.success, output.error
    rows = await ledger(here)
    assert dollars(rows) == pytest.approx(0.3)
    assert {row["root"] for row in rows} == {run}
    failed = [goal["failure"] for goal in told(record) if "failure" in goal]
    assert len(failed) == 2
    assert all("0.3000 of the 0.3500 dollars that its budget allows" in one for one in failed)
    assert await shown(here, record) == pytest.approx(0.3)


async def test_a_budget_ends_what_comes_after(install: Install) -> None:
    here = await install(*specs())
    steps: list[JsonValue] = [
        {"agent": "spender", "name": f"s{number}", "parameters": {"cost": 0.2, "number": number}}
        for number in range(4)
    ]
    run = await here.start("pipeline", {"steps": steps}, budget=Budget(cost=0.5))
    output, record = await here.finish(run)
    assert output.error is not None
    assert "0.4000 of the 0.5000 dollars that its budget allows" in output.error.message
    assert dollars(await ledger(here)) == pytest.approx(0.4)
    assert len(await of_agent(here, "spender")) == 3  # the fourth was not begun
    assert [goal["name"] for goal in told(record)] == ["s0", "s1"]


def question(number: int) -> dict[str, JsonValue]:
    return {"name": f"q{number}", "agent": "asker", "description": f"Is number {number} even?"}


@pytest.mark.parametrize("team", ["pipeline", "panel", "plan-and-execute"])
async def test_the_ledger_is_what_the_provider_charges(
    install: Install, model_server: ModelServer, team: str
) -> None:
    here = await install(*specs(), model=PRICED)
    goals: list[JsonValue] = [question(number) for number in range(3)]
    parameters: dict[str, JsonValue] = {
        "pipeline": {"steps": goals},
        "panel": {"agents": goals},
        "plan-and-execute": {"agents": ["asker"]},
    }[team]  # type: ignore[assignment]
    replies = {
        "pipeline": (),
        "panel": (calls(ToolCall("judge", {"best": 1, "reason": "It is right."})),),
        "plan-and-execute": (
            calls(ToolCall("plan", {"goals": goals})),
            calls(ToolCall("conclude", {"summary": "Some are."})),
        ),
    }[team]
    model_server.answers(in_turn(*replies))
    output, record = await here.finish(await here.start(team, parameters))
    assert output.success, output.error
    rows = await ledger(here)
    assert tokens(rows) == model_server.billed
    assert len(rows) == len(model_server.requests) == 3 + len(replies)
    assert await shown(here, record) == pytest.approx(dollars(rows))
    assert dollars(rows) > 0


@pytest.mark.parametrize("team", ["pipeline", "panel"])
async def test_tokens_are_those_of_the_whole_team(
    install: Install, model_server: ModelServer, team: str
) -> None:
    here = await install(*specs(), model=PRICED)
    model_server.answers(in_turn())

    def parameters(first: int) -> dict[str, JsonValue]:
        goals: list[JsonValue] = [question(number) for number in range(first, first + 4)]
        more: dict[str, JsonValue] = {"judge": "vote", "rounds": 1} if team == "panel" else {}
        return {"agents" if team == "panel" else "steps": goals, **more}

    await here.finish(await here.start(team, parameters(10)))
    needed = tokens(await ledger(here))
    assert needed > 0

    # Each of several at once asks for more than there is; it is enough for all of them.
    run = await here.start(team, parameters(20), budget=Budget(tokens=needed + 60))
    _, record = await here.finish(run)
    assert not [goal for goal in told(record) if "failure" in goal]
    used = tokens([row for row in await ledger(here) if row["root"] == run])
    assert used <= needed + 60

    run = await here.start(team, parameters(30), budget=Budget(tokens=needed // 2))
    output, record = await here.finish(run)
    assert output.error is not None
    rows = [row for row in await ledger(here) if row["root"] == run]
    assert 0 < before_the_last(rows) < needed // 2


async def test_a_team_of_teams_is_five_deep_at_most(install: Install) -> None:
    here = await install(*specs())
    parameters: dict[str, JsonValue] = {"steps": ["tally"]}
    for _ in range(5):
        parameters = {"steps": [{"agent": "pipeline", "parameters": parameters}]}
    output, _ = await here.finish(await here.start("pipeline", parameters))
    assert output.error is not None
    assert "it is 5 delegations deep" in output.error.message
    assert len(await of_agent(here, "pipeline")) == 6
    assert await of_agent(here, "tally") == []


async def test_supervisors_that_call_one_another_end(
    install: Install, model_server: ModelServer
) -> None:
    here = await install(*specs(), model=PRICED)
    again: dict[str, JsonValue] = {
        "goal": "Go on",
        "parameters": {"agents": ["supervisor"], "rounds": 2},
    }
    model_server.answers(lambda _: calls(ToolCall("supervisor", again)))
    parameters: Mapping[str, JsonValue] = {"agents": ["supervisor"], "rounds": 2}
    output, _ = await here.finish(await here.start("supervisor", dict(parameters)))
    assert output.error is not None
    assert output.error.permanent
    # One a level: what is asked again in a level is answered from the first.
    assert len(await of_agent(here, "supervisor")) == 6
    assert len(model_server.requests) <= 12


async def test_a_budget_ends_a_supervisor_that_never_does(
    install: Install, model_server: ModelServer
) -> None:
    here = await install(*specs(), model=PRICED)
    numbers = iter(range(1_000))

    def reply(request: ChatRequest) -> Reply:
        if not str(request.messages[0].get("content")).startswith("You "):
            return says("Yes.")
        return calls(ToolCall("asker", {"goal": f"Is number {next(numbers)} even?"}))

    model_server.answers(reply)
    budget = Budget(tokens=20_000)
    run = await here.start("supervisor", {"agents": ["asker"], "rounds": 50}, budget=budget)
    output, _ = await here.finish(run)
    assert output.error is not None
    assert output.error.kind is FailureKind.BUDGET
    assert before_the_last(await ledger(here)) < 20_000
    assert model_server.billed == tokens(await ledger(here))


@pytest.mark.parametrize(
    ("team", "parameters", "replies", "why", "members"),
    [
        (
            "supervisor",
            {"agents": ["asker"], "rounds": 3},
            [calls(ToolCall("asker", {"goal": f"Is {number} even?"})) for number in range(4)],
            "has not ended in 3 rounds",
            3,
        ),
        (
            "panel",
            {"agents": [question(1), question(2)], "rounds": 2},
            [calls(ToolCall("judge", {"best": None, "reason": "Both may be."}))] * 4,
            "has not decided in 2 rounds",
            4,
        ),
        (
            "plan-and-execute",
            {"agents": ["spender"], "plans": 2},
            [
                calls(
                    ToolCall(
                        "plan",
                        {"goals": [{"agent": "spender", "parameters": {"cost": 9, "number": n}}]},
                    )
                )
                for n in range(3)
            ],
            "also after plan 2 of 2",
            2,
        ),
    ],
)
async def test_rounds_end_a_team(
    install: Install,
    model_server: ModelServer,
    team: str,
    parameters: dict[str, Any],
    replies: list[Reply],
    why: str,
    members: int,
) -> None:
    here = await install(*specs(), model=PRICED)
    model_server.answers(in_turn(*replies))
    output, _ = await here.finish(await here.start(team, parameters, budget=Budget(cost=5)))
    assert output.error is not None
    assert why in output.error.message
    done = await here.stores.goals.list(limit=100, delegated=True)
    assert len(done) == members


@pytest.mark.parametrize(
    ("goals", "why"),
    [
        (
            [
                {"agent": "tally", "name": "a", "description": "${b}"},
                {"agent": "tally", "name": "b", "description": "${a}"},
            ],
            "wait for one another in a circle",
        ),
        ([{"agent": "nobody"}], "names agent 'nobody'"),
        ([{"agent": "tally", "name": f"t{number}"} for number in range(10_000)], "at most 50"),
    ],
)
async def test_of_a_bad_plan_nothing_begins(
    install: Install, model_server: ModelServer, goals: list[JsonValue], why: str
) -> None:
    here = await install(*specs(), model=PRICED)
    asked: list[str] = []

    def reply(request: ChatRequest) -> Reply:
        asked.append(request.last)
        return calls(ToolCall("plan", {"goals": goals}))

    model_server.answers(reply)
    output, _ = await here.finish(await here.start("plan-and-execute", {"agents": ["tally"]}))
    assert output.error is not None
    assert "the model made no plan that can be run" in output.error.message
    assert len(asked) == 3
    assert why in asked[1]
    assert await of_agent(here, "tally") == []


async def test_the_same_goal_twice_is_done_once(install: Install) -> None:
    here = await install(*specs())
    steps: list[JsonValue] = [{"agent": "tally", "description": "${goal}"}] * 3
    output, record = await here.finish(await here.start("pipeline", {"steps": steps}))
    assert output.success, output.error
    assert [goal["summary"] for goal in told(record)] == ["1", "1", "1"]
    assert len(await of_agent(here, "tally")) == 1
    timeline = await here.stores.timelines.of(record)
    assert [goal.status for goal in timeline.team] == ["completed", "same", "same"]


async def test_people_are_asked_before_an_agent_begins(
    install: Install, model_server: ModelServer
) -> None:
    here = await install(*specs(), model=PRICED)
    model_server.answers(
        in_turn(
            calls(ToolCall("tally", {"goal": "Delete all"})),
            calls(ToolCall("tally", {"goal": "Count all"})),
            says("It is counted."),
        )
    )
    run = await here.start("supervisor", {"agents": ["tally"], "approve": ["tally"]})
    for asked, approved in (("Delete all", False), ("Count all", True)):
        approval_id = await _asked(here, run, asked)
        assert await of_agent(here, "tally") == []
        await here.until_status(run, GoalStatus.WAITING)
        await _answer(here, approval_id, approved=approved)
    output, record = await here.finish(run)
    assert output.success, output.error
    assert record.result is not None
    assert record.result.summary == "It is counted."
    (done,) = await of_agent(here, "tally")
    assert done.description == "Count all"
    failures = [goal["failure"] for goal in told(record) if "failure" in goal]
    assert len(failures) == 1
    assert "people refused it" in failures[0]


async def _asked(here: Installation, run: str, goal: str) -> str:
    async def look() -> str | None:
        for one in await here.stores.approvals.list(workflow_id=run, limit=10):
            shown: Any = one.data
            if one.status is ApprovalStatus.OPEN and shown["goal"] == goal:
                return one.approval_id
        return None

    found = await until_async(look, f"the question about {goal!r}")
    assert found is not None
    return found


async def _answer(here: Installation, approval_id: str, *, approved: bool) -> None:
    vote = Vote(by="ann", approved=approved, at=datetime.now(UTC))
    await here.service.decisions.vote(approval_id, vote)
