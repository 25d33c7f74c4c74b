"""A budget is a hard ceiling, also for several requests at once."""

import asyncio
from collections.abc import Callable

import pytest
from pydantic_ai import Agent

from perdure.agents.model_calls import budget
from perdure.agents.steps.errors import StepFailed, failure_from
from perdure.models import FailureKind, Usage
from perdure.testing import ChatRequest, ModelServer, Reply, says
from tests.support.model_executions import BudgetLedger, ModelExecutions


def recording(seen: list[int | None]) -> Callable[[ChatRequest], Reply]:
    """Note how long each answer may be."""

    def script(asked: ChatRequest) -> Reply:
        seen.append(asked.max_tokens)
        return says("x" * 40)

    return script


async def test_without_a_budget_nothing_is_lowered() -> None:
    seen: list[int | None] = []
    executions = ModelExecutions()
    with ModelServer(recording(seen)) as server:
        async with executions.model(server) as model:
            await Agent().run("Hi", model=model)
            await Agent(model_settings={"max_tokens": 77}).run("Hi", model=model)
    assert seen == [None, 77]
    assert [usage.output_tokens for usage in executions.ledger.expected] == [0, 77]


async def test_an_answer_may_be_as_long_as_the_budget_allows() -> None:
    seen: list[int | None] = []
    executions = ModelExecutions(BudgetLedger(tokens=1_000))
    with ModelServer(recording(seen)) as server:
        async with executions.model(server) as model:
            await Agent(model_settings={"max_tokens": 200}).run("Hi", model=model)
            await Agent().run("Hi", model=model)
            await Agent(model_settings={"max_tokens": 5_000}).run("Hi", model=model)
    assert seen[0] == 200
    assert seen[1] is not None
    assert 900 < seen[1] < 1_000
    assert seen[2] is not None
    assert seen[2] < seen[1]
    assert all(usage.tokens_used <= 1_000 for usage in executions.ledger.expected)


async def test_the_limit_is_no_part_of_what_makes_a_request_the_same() -> None:
    ledger = BudgetLedger(tokens=1_000)
    executions = ModelExecutions(ledger)
    with ModelServer(lambda _: says("Same.")) as server:
        for tokens in (1_000, 500):
            ledger.tokens = tokens
            async with executions.model(server) as model:
                assert (await Agent().run("Hi", model=model)).output == "Same."
        assert len(server.requests) == 1


async def test_an_answer_that_the_budget_cut_off_is_none() -> None:
    executions = ModelExecutions(BudgetLedger(tokens=60))
    with ModelServer(lambda _: says("x" * 4_000)) as server:
        for _ in range(2):
            async with executions.model(server) as model:
                with pytest.raises(StepFailed, match="cut off") as raised:
                    await Agent().run("Hi", model=model)
            assert failure_from(raised.value).kind == FailureKind.BUDGET
            assert failure_from(raised.value).permanent
        assert len(server.requests) == 1
        assert server.billed <= 60 + server.requests[0].input_tokens
        (thrown,) = executions.ledger.of("thrown")
        assert thrown.tokens_used == server.billed


async def test_an_answer_that_the_agent_wanted_short_is_kept() -> None:
    executions = ModelExecutions(BudgetLedger(tokens=10_000))
    with ModelServer(lambda _: says("x" * 4_000)) as server:
        async with executions.model(server) as model:
            result = await Agent(model_settings={"max_tokens": 10}).run("Hi", model=model)
    assert result.output == "x" * 40


async def test_nothing_left_asks_nothing() -> None:
    executions = ModelExecutions(BudgetLedger(tokens=10))
    with ModelServer() as server:
        async with executions.model(server) as model:
            with pytest.raises(StepFailed, match="leaves nothing for the answer") as raised:
                await Agent().run("Hi " * 20, model=model)
        assert server.requests == ()
    assert failure_from(raised.value).kind == FailureKind.BUDGET


async def test_requests_at_once_wait_for_what_others_hold_back() -> None:
    executions = ModelExecutions(BudgetLedger(tokens=2_000))
    with ModelServer(lambda asked: says(f"answer to {asked.last}", delay=0.01)) as server:
        async with executions.model(server) as model:
            runs = [Agent().run(f"question {number}", model=model) for number in range(8)]
            outputs = [run.output for run in await asyncio.gather(*runs)]
        assert outputs == [f"answer to question {number}" for number in range(8)]
        assert server.billed == executions.ledger.spent.tokens_used <= 2_000


class SharedLedger(BudgetLedger):
    """The ledger of a run that shares its budget with a run elsewhere, which has a request."""

    def __init__(self, tokens: int, looks: int) -> None:
        super().__init__(tokens=tokens)
        self.looks_left = looks
        self.entries[1] = (Usage(output_tokens=tokens), "open")

    async def is_held_elsewhere(self) -> bool:
        self.looks_left -= 1
        if self.looks_left == 0:
            self.entries[1] = (Usage(output_tokens=10), "kept")
        return self.looks_left >= 0


async def test_a_request_waits_for_what_the_goals_other_runs_hold_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(budget, "LOOK_SECONDS", 0.01)
    executions = ModelExecutions(SharedLedger(tokens=1_000, looks=3))
    with ModelServer([says("Yes.")]) as server:
        async with executions.model(server) as model:
            assert (await Agent().run("Hi", model=model)).output == "Yes."


@pytest.mark.parametrize(("looks", "seconds"), [(1_000_000, 0.05), (0, 60.0)])
async def test_it_does_not_wait_for_ever_nor_for_nothing(
    monkeypatch: pytest.MonkeyPatch, looks: int, seconds: float
) -> None:
    monkeypatch.setattr(budget, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(budget, "ELSEWHERE_SECONDS", seconds)
    executions = ModelExecutions(SharedLedger(tokens=1_000, looks=looks))
    with ModelServer() as server:
        async with executions.model(server) as model:
            with pytest.raises(StepFailed, match="leaves nothing for the answer"):
                await asyncio.wait_for(Agent().run("Hi", model=model), 30)
        assert server.requests == ()


async def test_the_last_ones_are_refused_when_it_is_really_gone() -> None:
    executions = ModelExecutions(BudgetLedger(tokens=100))
    with ModelServer(lambda _: says("x" * 40, delay=0.01)) as server:
        async with executions.model(server) as model:
            runs = [Agent().run(f"question {number}", model=model) for number in range(12)]
            outcomes = await asyncio.gather(*runs, return_exceptions=True)
        failed = [outcome for outcome in outcomes if isinstance(outcome, StepFailed)]
        assert 0 < len(failed) < 12
        assert {failure_from(error).kind for error in failed} == {FailureKind.BUDGET}
        assert executions.ledger.of("open") == []


async def test_a_cancelled_request_gives_back_what_it_held() -> None:
    executions = ModelExecutions(BudgetLedger(tokens=500))
    with ModelServer([says("Slow.", delay=60), says("Quick.")]) as server:
        async with executions.model(server) as model:
            slow = asyncio.create_task(Agent().run("One", model=model))
            await asyncio.to_thread(server.wait_for, 1)
            quick = asyncio.create_task(Agent().run("Two", model=model))
            slow.cancel()
            assert (await quick).output == "Quick."
            with pytest.raises(asyncio.CancelledError):
                await slow


async def test_money_limits_the_length_where_the_price_is_known() -> None:
    seen: list[int | None] = []
    executions = ModelExecutions(
        BudgetLedger(cost=0.0006)
    )  # 1,000 tokens of what gpt-4o-mini answers
    with ModelServer(recording(seen)) as server:
        async with executions.model(server) as model:
            await Agent().run("Hi", model=model)
    assert seen[0] is not None
    assert 900 < seen[0] <= 1_000
    assert 0 < executions.ledger.spent.cost < 0.0006


async def test_a_model_of_unknown_price_costs_nothing() -> None:
    executions = ModelExecutions(BudgetLedger(cost=0.0001))
    with ModelServer([says("Free.")]) as server:
        async with executions.model(server, "nobody-knows") as model:
            assert (await Agent().run("Hi", model=model)).output == "Free."
    assert executions.ledger.spent.cost == 0.0
    assert executions.ledger.spent.tokens_used > 0
