"""A pydantic-ai agent that is handed ``run.model``: what it asks is asked once."""

from collections.abc import Callable, Iterator, Sequence

import pytest
from pydantic_ai import Agent
from pydantic_ai.models import Model
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from holdfast.agents import Goal, PermanentError, Run, StepFailed, Usage
from holdfast.agents.errors import failure_from
from holdfast.agents.memory import MemoryJournal, MemoryLedger, MemoryListener
from holdfast.models import FailureKind
from holdfast.testing import (
    Asked,
    ModelServer,
    Reply,
    ToolCall,
    breaks_off,
    calls,
    garbles,
    refuses,
    says,
)

GOAL = Goal(goal_id="g", description="Tell me", agent_type="teller")

Serve = Callable[[Sequence[Reply] | Callable[[Asked], Reply]], ModelServer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Return a function that starts a scripted endpoint."""
    servers: list[ModelServer] = []

    def start(script: Sequence[Reply] | Callable[[Asked], Reply]) -> ModelServer:
        servers.append(ModelServer(script).start())
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def model_at(server: ModelServer) -> Model:
    provider = OpenAIProvider(base_url=server.url, api_key="scripted")
    return OpenAIChatModel("scripted", provider=provider)


class Passes:
    """Passes of one run: the journal and the ledger stay, everything else is new."""

    def __init__(self) -> None:
        self.journal, self.ledger = MemoryJournal(), MemoryLedger()
        self.listener = MemoryListener()

    def run(self) -> Run:
        self.listener = MemoryListener()
        return Run(GOAL, self.journal, listener=self.listener, ledger=self.ledger)


async def test_a_second_pass_asks_nothing(serve: Serve) -> None:
    weather = ToolCall("look", {"place": "Oslo"})
    tide = ToolCall("look", {"place": "Bergen"})
    server = serve([calls(weather, tide), says("Rain, and a high tide.")])
    passes, looked = Passes(), list[str]()

    async def ask() -> str:
        agent = Agent(instructions="Be brief.")

        @agent.tool_plain
        def look(place: str) -> str:
            looked.append(place)
            return f"rain over {place}"

        run = passes.run()
        answered = await agent.run("What is it like?", model=run.durable(model_at(server)))
        return answered.output

    assert await ask() == await ask() == await ask() == "Rain, and a high tide."
    assert len(server.requests) == 2
    assert sorted(looked) == sorted(["Oslo", "Bergen"] * 3)
    assert passes.ledger.spending.requests == 2
    assert passes.ledger.spending.spent.tokens_used == server.billed
    assert passes.ledger.spending.saved == passes.ledger.spending.spent + (
        passes.ledger.spending.spent
    )


async def test_a_stream_is_told_as_it_comes_and_replayed_whole(serve: Serve) -> None:
    server = serve([says("one two three four", pieces=4)])
    passes = Passes()

    async def ask() -> list[str]:
        run = passes.run()
        model = run.durable(model_at(server))
        async with Agent().run_stream("Count", model=model) as stream:
            return [text async for text in stream.stream_text(delta=True, debounce_by=None)]

    first = await ask()
    assert list(passes.listener.texts.values()) == ["one two three four"]
    second = await ask()
    assert "".join(first) == "".join(second) == "one two three four"
    assert passes.listener.texts == {}
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "trouble",
    [refuses(500), refuses(429, retry_after=0), garbles(), breaks_off("one two three", after=1)],
    ids=["500", "429", "garbage", "half a stream"],
)
async def test_what_passes_is_tried_again_in_place(serve: Serve, trouble: Reply) -> None:
    server = serve([trouble, says("It worked.")])
    passes = Passes()
    run = passes.run()
    async with Agent().run_stream("Try", model=run.durable(model_at(server))) as stream:
        assert await stream.get_output() == "It worked."
    assert len(server.requests) == 2
    # Readers are left with one text, whatever was cut off before.
    assert list(passes.listener.texts.values()) == ["It worked."]


async def test_a_refused_key_is_permanent(serve: Serve) -> None:
    server = serve([refuses(401)])
    run = Passes().run()
    with pytest.raises(StepFailed) as failed:
        await Agent().run("Try", model=run.durable(model_at(server)))
    assert failure_from(failed.value).kind is FailureKind.PERMANENT
    assert len(server.requests) == 1


async def test_a_long_wait_is_left_to_the_workflow(serve: Serve) -> None:
    server = serve([refuses(429, retry_after=3600)])
    run = Passes().run()
    with pytest.raises(StepFailed) as failed:
        await Agent().run("Try", model=run.durable(model_at(server)))
    failure = failure_from(failed.value)
    assert (failure.kind, failure.retry_after) == (FailureKind.THROTTLED, 3600)


async def test_a_failure_that_was_caught_is_the_answer_from_then_on(serve: Serve) -> None:
    broken, sound = serve([refuses(400)]), serve([says("The other one.")])
    passes = Passes()

    async def ask() -> str:
        run = passes.run()
        both = FallbackModel(run.durable(model_at(broken)), run.durable(model_at(sound)))
        return (await Agent().run("Try", model=both)).output

    assert await ask() == await ask() == "The other one."
    assert (len(broken.requests), len(sound.requests)) == (1, 1)


async def test_no_model_is_named() -> None:
    with pytest.raises(PermanentError, match="set HOLDFAST_MODEL"):
        _ = Passes().run().model


async def test_a_step_may_say_what_it_spent() -> None:
    passes = Passes()
    used = Usage(input_tokens=10, output_tokens=5, cost=0.25)
    for _ in range(2):
        run = passes.run()

        async def think(run: Run = run) -> str:
            await run.spend(used, model="house")
            return "thought"

        assert await run.step("think", think) == "thought"
    spending = passes.ledger.spending
    assert (spending.spent, spending.saved, spending.requests) == (used, used, 1)
