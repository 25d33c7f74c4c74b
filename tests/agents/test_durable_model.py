"""A model made durable: real pydantic-ai agents, a real endpoint, two passes and one bill."""

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import AsyncIterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from pydantic_ai import Agent, ModelRetry, RunContext
from pydantic_ai.messages import (
    AgentStreamEvent,
    ModelResponse,
    TextPart,
    ThinkingPart,
    ToolCallPart,
)
from pydantic_ai.models import Model

from perdure.agents import Goal, PermanentError, Run
from perdure.agents.model_calls import choice
from perdure.agents.model_calls.choice import durable_model
from perdure.agents.model_calls.responses import decoded, encoded
from perdure.agents.steps.journal import StepKey, StepOutcome
from perdure.agents.steps.memory import MemoryEmitter, MemoryJournal
from perdure.agents.steps.run_closed import Cancelled, Fenced
from perdure.models import Usage
from perdure.testing import Asked, ModelServer, Reply, ToolCall, calls, says
from tests.agents.model_passes import Book, Executions, drain


@pytest.fixture
def passes() -> Executions:
    return Executions()


class City(BaseModel):
    name: str
    people: int


def guide(asked: Asked) -> Reply:
    """Ask two tools at once, one of which fails first, then answer with structured output."""
    tools = [message for message in asked.messages if message["role"] == "tool"]
    if not tools:
        return calls(ToolCall("find", {"what": "Oslo"}), ToolCall("count", {"what": "Oslo"}))
    if "fewer" in json.dumps(tools) and len(tools) == 2:
        return calls(ToolCall("count", {"what": "Oslo, fewer"}))
    if asked.messages[-1]["role"] == "tool" and "people" not in json.dumps(asked.messages[3:]):
        return calls(ToolCall("final_result", {"name": "Oslo", "people": "many"}))
    return calls(ToolCall("final_result", {"name": "Oslo", "people": 700_000}))


def guided() -> Agent[object, City]:
    agent: Agent[object, City] = Agent(output_type=City, instructions="Be brief.", retries=3)

    @agent.tool_plain
    async def find(what: str) -> str:
        await asyncio.sleep(0)
        return f"{what} is found"

    @agent.tool
    def count(context: RunContext[object], what: str) -> dict[str, int]:
        if "fewer" not in what:
            raise ModelRetry("fewer, please")
        return {"of": len(what)}

    return agent


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_second_pass_asks_nothing(passes: Executions, streamed: bool) -> None:
    agent = guided()
    outputs, histories = [], []
    with ModelServer(guide) as server:
        for _ in range(3):
            async with passes.model(server) as model:
                handler = drain if streamed else None
                result = await agent.run(
                    "Tell me of Oslo", model=model, event_stream_handler=handler
                )
                outputs.append(result.output)
                histories.append(result.all_messages())
        assert {request.streamed for request in server.requests} == {streamed}
        assert len(server.requests) == len(await passes.journal.load()) >= 3
        assert server.paid_in_vain == 0
        assert passes.book.spent.tokens_used == server.billed
    assert outputs == [City(name="Oslo", people=700_000)] * 3
    responses = [[m for m in history if isinstance(m, ModelResponse)] for history in histories]
    assert [r.parts for r in responses[0]] == [r.parts for r in responses[1]]
    assert passes.book.saved.tokens_used == 2 * passes.book.spent.tokens_used
    assert passes.book.of("open") == passes.book.of("thrown") == []


async def test_equal_requests_are_told_apart_by_their_order(passes: Executions) -> None:
    agent = Agent()
    with ModelServer(lambda asked: says(f"answer {asked.times}")) as server:
        for _ in range(2):
            async with passes.model(server) as model:
                outputs = [(await agent.run("Again", model=model)).output for _ in range(3)]
                assert outputs == ["answer 1", "answer 2", "answer 3"]
        assert len(server.requests) == 3


async def test_parallel_requests_that_end_in_another_order(passes: Executions) -> None:
    agent = Agent()
    with ModelServer(lambda asked: says(asked.last, delay=0.03 * int(asked.last))) as server:
        for order in ([0, 1, 2], [2, 0, 1]):
            async with passes.model(server) as model:
                runs = [agent.run(str(number), model=model) for number in order]
                assert [run.output for run in await asyncio.gather(*runs)] == [
                    str(number) for number in order
                ]
        assert len(server.requests) == 3


async def test_what_the_first_pass_hands_out_is_what_the_journal_holds(
    passes: Executions,
) -> None:
    with ModelServer([says("Hello.")]) as server:
        results = []
        for _ in range(2):
            async with passes.model(server) as model:
                results.append(await Agent().run("Hi", model=model))
    first, second = (result.all_messages()[-1] for result in results)
    assert isinstance(first, ModelResponse)
    assert isinstance(second, ModelResponse)
    assert (first.parts, first.usage, first.timestamp) == (
        second.parts,
        second.usage,
        second.timestamp,
    )


async def test_readers_see_a_stream_as_it_comes(passes: Executions) -> None:
    agent, heard = Agent(), asyncio.Event()
    seen: list[str] = []
    gate = threading.Event()

    class Watching(MemoryEmitter):
        async def text(self, stream: str, delta: str) -> None:
            await super().text(stream, delta)
            seen.append(delta)
            if len(seen) == 2:
                heard.set()

    with ModelServer([Reply("abcdefgh", gate=gate, gate_after=2)]) as server:
        async with passes.model(server) as model:
            model._listener = Watching()

            async def ask() -> list[str]:
                async with agent.run_stream("Spell", model=model) as stream:
                    return [text async for text in stream.stream_text(debounce_by=None)]

            asking = asyncio.create_task(ask())
            await heard.wait()
            assert seen == ["ab", "cd"]
            assert not server.requests[0].complete
            gate.set()
            assert (await asking)[-1] == "abcdefgh"
            (stream,) = model._listener.texts.items()
            assert stream[1] == "abcdefgh"
            assert stream[0].startswith("model gpt-4o-mini#")
        async with passes.model(server) as model:
            async with agent.run_stream("Spell", model=model) as again:
                assert await again.get_output() == "abcdefgh"
            assert passes.listener.texts == {}
    assert passes.noted("text.withdrawn") == []


async def test_a_consumer_that_stops_early_gets_the_whole_journaled(
    passes: Executions,
) -> None:
    agent = Agent()
    with ModelServer([says("one two three four")]) as server:
        for _ in range(2):
            async with (
                passes.model(server) as model,
                agent.run_stream("Count", model=model) as stream,
            ):
                async for _ in stream.stream_text():
                    break
        assert len(server.requests) == 1
        assert server.requests[0].complete


async def test_an_event_handler_sees_the_same_on_every_pass(passes: Executions) -> None:
    agent = guided()
    kinds: list[list[str]] = []

    async def handle(context: RunContext[object], events: AsyncIterable[AgentStreamEvent]) -> None:
        kinds[-1].extend([event.event_kind async for event in events])

    with ModelServer(guide) as server:
        for _ in range(2):
            kinds.append([])
            async with passes.model(server) as model:
                await agent.run("Tell me of Oslo", model=model, event_stream_handler=handle)
        assert server.paid_in_vain == 0
    assert kinds[0] == kinds[1]
    assert "function_tool_call" in kinds[0]


async def test_tool_calls_and_usage_are_told_once(passes: Executions) -> None:
    agent = guided()
    with ModelServer(guide) as server:
        async with passes.model(server) as model:
            await agent.run("Tell me of Oslo", model=model)
        told = passes.noted("tool.called")
        assert [data["tool"] for data in told] == ["find", "count", "count"]
        assert all(str(data["tool_call_id"]).startswith("call_") for data in told)
        usage = passes.noted("usage")
        assert len(usage) == len(server.requests)
        assert usage[0]["model"] == "gpt-4o-mini"
        assert usage[0]["input_tokens"] == server.requests[0].input_tokens
        cost = usage[0]["cost"]
        assert isinstance(cost, float)
        assert cost > 0
        async with passes.model(server) as model:
            await agent.run("Tell me of Oslo", model=model)
        assert passes.listener.noted == []


async def test_a_listener_that_fails_loses_no_paid_answer(passes: Executions) -> None:
    class Deaf(MemoryEmitter):
        async def text(self, stream: str, delta: str) -> None:
            raise OSError("the event store is away")

        async def note(self, type_: object, data: object) -> None:
            raise OSError("the event store is away")

    with ModelServer([says("Heard.")]) as server:
        async with passes.model(server) as model:
            model._listener = Deaf()
            async with Agent().run_stream("Hi", model=model) as stream:
                assert await stream.get_output() == "Heard."
        assert server.paid_in_vain == 0


class Broken(MemoryJournal):
    """A journal that another execution has taken over by the time of a record."""

    async def record(self, key: StepKey, answer: StepOutcome) -> None:
        raise Fenced("another execution has taken over")


async def test_an_answer_that_could_not_be_recorded_is_thrown_away() -> None:
    passes = Executions(journal=Broken())
    with ModelServer([says("In vain.")]) as server:
        async with passes.model(server) as model:
            with pytest.raises(Fenced):
                await Agent().run("Hi", model=model)
            assert passes.book.of("thrown") == [passes.book.spent]
            assert passes.book.spent.tokens_used == server.billed
            with pytest.raises(Fenced):  # the run stays closed
                await Agent().run("Hi", model=model)
        assert len(server.requests) == 1


async def test_an_answer_to_a_run_that_was_closed_meanwhile_is_kept(
    passes: Executions,
) -> None:
    with ModelServer([says("Just in time.")]) as server:
        async with passes.model(server) as model:

            class Closing(MemoryEmitter):
                async def text(self, stream: str, delta: str) -> None:
                    passes.steps.close(Cancelled("by somebody"))

            model._listener = Closing()
            with pytest.raises(Cancelled):
                async with Agent().run_stream("Hi", model=model):
                    pass
        assert [usage.tokens_used for usage in passes.book.of("kept")] == [server.billed]
        async with passes.model(server) as model:
            assert (await Agent().run("Hi", model=model)).output == "Just in time."


async def test_a_cancelled_request_is_settled_and_asked_again(passes: Executions) -> None:
    with ModelServer([says("Slow.", delay=60), says("Quick.")]) as server:
        async with passes.model(server) as model:
            asking = asyncio.create_task(Agent().run("Hi", model=model))
            await asyncio.to_thread(server.wait_for, 1)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
        assert passes.book.of("open") == []
        async with passes.model(server) as model:
            assert (await Agent().run("Hi", model=model)).output == "Quick."


class Answers:
    """A cache that lasts as long as the object."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[str, Usage]] = {}

    async def get(self, digest: str) -> str | None:
        return self.kept[digest][0] if digest in self.kept else None

    async def put(self, digest: str, text: str, usage: Usage) -> None:
        self.kept[digest] = (text, usage)


async def test_another_run_takes_answers_from_the_cache() -> None:
    cache, outputs = Answers(), []
    with ModelServer(guide) as server:
        for _ in range(2):
            passes = Executions()
            passes.cache = cache
            for _ in range(2):
                async with passes.model(server) as model:
                    result = await guided().run("Tell me of Oslo", model=model)
                    outputs.append(result.output)
        assert server.paid_in_vain == 0
        assert len(server.requests) == len(cache.kept)
        assert passes.book.entries == {}
        # The second pass had the journal's answers, which had cost nothing.
        assert passes.book.saved.tokens_used == server.billed
    assert outputs == [City(name="Oslo", people=700_000)] * 4


async def test_a_cache_of_another_version_is_passed_over(passes: Executions) -> None:
    passes.cache = cache = Answers()
    with ModelServer(lambda asked: says(f"answer {asked.times}")) as server:
        async with passes.model(server) as model:
            await Agent().run("Hi", model=model)
        ((digest, _),) = cache.kept.items()
        cache.kept[digest] = ("[]", Usage())
        passes = Executions()
        passes.cache = cache
        async with passes.model(server) as model:
            assert (await Agent().run("Hi", model=model)).output == "answer 2"


@given(st.text(), st.text(), st.dictionaries(st.text(), st.integers()))
def test_a_response_comes_back_equal(text: str, thought: str, arguments: dict[str, int]) -> None:
    response = ModelResponse(
        parts=[
            ThinkingPart(thought, signature="s"),
            TextPart(text),
            ToolCallPart("t", arguments, tool_call_id="1"),
        ],
        provider_details={"finish_reason": "stop"},
        provider_name="p",
    )
    assert decoded(encoded(response)) == response


def test_what_is_no_response_is_refused() -> None:
    with pytest.raises(ValueError, match="no model response"):
        decoded("[]")


async def test_a_model_must_be_named() -> None:
    passes = Executions()
    with pytest.raises(PermanentError, match="set PERDURE_MODEL"):
        durable_model("", passes.steps, Book(), passes.listener)
    with pytest.raises(PermanentError, match="model 'nobody:x' cannot be used"):
        durable_model("nobody:x", passes.steps, Book(), passes.listener)


async def test_a_named_model_is_made_beside_the_event_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[threading.Thread] = []
    make = choice._made

    def noting(name: str) -> Model:
        made.append(threading.current_thread())
        return make(name)

    monkeypatch.setattr(choice, "_made", noting)
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    goal = Goal(goal_id="g", description="d", agent_type="a")
    for name in ("openai-chat:scripted", "openai-chat:scripted", "nobody:x", ""):
        run = Run(goal, model=name)
        await run.import_model()
        if name.startswith("openai"):
            assert run.model.model_name == "scripted"
    assert len(made) == 2
    assert threading.current_thread() not in made


async def test_runs_of_a_loop_share_a_models_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    with ModelServer() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        one, two = Executions(), Executions()
        models = [
            durable_model("openai-chat:scripted", p.steps, p.book, p.listener) for p in (one, two)
        ]
        assert models[0].wrapped is models[1].wrapped
        async with models[0]:
            await Agent().run("Hi", model=models[0])
        # The other run's connections are not closed when the first is done.
        assert (await Agent().run("Hi", model=models[1])).output == "You said: Hi"
        assert len(server.requests) == 2
        await models[0].wrapped.__aenter__()
        await models[0].wrapped.__aexit__(None, None, None)


def test_nothing_imports_pydantic_ai_before_it_is_needed() -> None:
    code = "import sys, perdure.agents; sys.exit('pydantic_ai' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
