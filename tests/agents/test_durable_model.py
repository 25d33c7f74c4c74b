"""A model made durable: real pydantic-ai agents, a real endpoint, two executions, one bill."""

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import AsyncIterable, Mapping

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
from perdure.agents.events.step_events import StepEvents
from perdure.agents.model_calls import model_factory
from perdure.agents.model_calls.model_factory import durable_model
from perdure.agents.model_calls.responses import decode_response, encode_response
from perdure.agents.steps.journal import StepOutcome
from perdure.agents.steps.keys import StepKey
from perdure.agents.steps.memory import MemoryEmitter, MemoryJournal
from perdure.agents.steps.run_closed import Cancelled, Fenced
from perdure.models import Usage
from perdure.testing import ChatRequest, ModelServer, Reply, ToolCall, calls, says
from tests.support.model_executions import BudgetLedger, ModelExecutions, drain


@pytest.fixture
def executions() -> ModelExecutions:
    return ModelExecutions()


class City(BaseModel):
    name: str
    people: int


def guide(asked: ChatRequest) -> Reply:
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
async def test_a_second_execution_asks_nothing(executions: ModelExecutions, streamed: bool) -> None:
    agent = guided()
    outputs, histories = [], []
    with ModelServer(guide) as server:
        for _ in range(3):
            async with executions.model(server) as model:
                handler = drain if streamed else None
                result = await agent.run(
                    "Tell me of Oslo", model=model, event_stream_handler=handler
                )
                outputs.append(result.output)
                histories.append(result.all_messages())
        assert {request.streamed for request in server.requests} == {True}
        assert len(server.requests) == len(await executions.journal.load()) >= 3
        assert server.wasted_requests == 0
        assert executions.ledger.spent.tokens_used == server.billed
    assert outputs == [City(name="Oslo", people=700_000)] * 3
    responses = [[m for m in history if isinstance(m, ModelResponse)] for history in histories]
    assert [r.parts for r in responses[0]] == [r.parts for r in responses[1]]
    assert executions.ledger.saved.tokens_used == 2 * executions.ledger.spent.tokens_used
    assert executions.ledger.of("open") == executions.ledger.of("thrown") == []


async def test_equal_requests_are_told_apart_by_their_order(executions: ModelExecutions) -> None:
    agent = Agent()
    with ModelServer(lambda asked: says(f"answer {asked.times}")) as server:
        for _ in range(2):
            async with executions.model(server) as model:
                outputs = [(await agent.run("Again", model=model)).output for _ in range(3)]
                assert outputs == ["answer 1", "answer 2", "answer 3"]
        assert len(server.requests) == 3


async def test_parallel_requests_that_end_in_another_order(executions: ModelExecutions) -> None:
    agent = Agent()
    with ModelServer(lambda asked: says(asked.last, delay=0.03 * int(asked.last))) as server:
        for order in ([0, 1, 2], [2, 0, 1]):
            async with executions.model(server) as model:
                runs = [agent.run(str(number), model=model) for number in order]
                assert [run.output for run in await asyncio.gather(*runs)] == [
                    str(number) for number in order
                ]
        assert len(server.requests) == 3


async def test_the_first_execution_gets_what_is_in_the_journal(
    executions: ModelExecutions,
) -> None:
    with ModelServer([says("Hello.")]) as server:
        results = []
        for _ in range(2):
            async with executions.model(server) as model:
                results.append(await Agent().run("Hi", model=model))
    first, second = (result.all_messages()[-1] for result in results)
    assert isinstance(first, ModelResponse)
    assert isinstance(second, ModelResponse)
    assert (first.parts, first.usage, first.timestamp) == (
        second.parts,
        second.usage,
        second.timestamp,
    )


async def test_readers_see_a_stream_as_it_comes(executions: ModelExecutions) -> None:
    agent, heard = Agent(), asyncio.Event()
    seen: list[str] = []
    gate = threading.Event()

    class WatchedEmitter(MemoryEmitter):
        async def emit_text(self, stream: str, delta: str) -> None:
            await super().emit_text(stream, delta)
            seen.append(delta)
            if len(seen) == 2:
                heard.set()

    with ModelServer([Reply("abcdefgh", gate=gate, gate_after=2)]) as server:
        async with executions.model(server) as model:
            watched = WatchedEmitter()
            model._events = StepEvents(watched)

            async def ask() -> list[str]:
                async with agent.run_stream("Spell", model=model) as stream:
                    return [text async for text in stream.stream_text(debounce_by=None)]

            asking = asyncio.create_task(ask())
            await heard.wait()
            assert seen == ["ab", "cd"]
            assert not server.requests[0].complete
            gate.set()
            assert (await asking)[-1] == "abcdefgh"
            (stream,) = watched.texts.items()
            assert stream[1] == "abcdefgh"
            assert stream[0].startswith("model gpt-4o-mini#")
        async with executions.model(server) as model:
            async with agent.run_stream("Spell", model=model) as again:
                assert await again.get_output() == "abcdefgh"
            assert executions.emitter.texts == {}
    assert executions.events("text.withdrawn") == []


async def test_a_consumer_that_stops_early_gets_the_whole_journaled(
    executions: ModelExecutions,
) -> None:
    agent = Agent()
    with ModelServer([says("one two three four")]) as server:
        for _ in range(2):
            async with (
                executions.model(server) as model,
                agent.run_stream("Count", model=model) as stream,
            ):
                async for _ in stream.stream_text():
                    break
        assert len(server.requests) == 1
        assert server.requests[0].complete


async def test_an_event_handler_sees_the_same_in_every_execution(
    executions: ModelExecutions,
) -> None:
    agent = guided()
    kinds: list[list[str]] = []

    async def handle(context: RunContext[object], events: AsyncIterable[AgentStreamEvent]) -> None:
        kinds[-1].extend([event.event_kind async for event in events])

    with ModelServer(guide) as server:
        for _ in range(2):
            kinds.append([])
            async with executions.model(server) as model:
                await agent.run("Tell me of Oslo", model=model, event_stream_handler=handle)
        assert server.wasted_requests == 0
    assert kinds[0] == kinds[1]
    assert "function_tool_call" in kinds[0]


def without_seconds(event: tuple[str, Mapping[str, object]]) -> tuple[str, dict[str, object]]:
    type_, data = event
    return type_, {name: value for name, value in data.items() if name != "seconds"}


async def test_tool_calls_and_usage_are_emitted(executions: ModelExecutions) -> None:
    agent = guided()
    with ModelServer(guide) as server:
        async with executions.model(server) as model:
            await agent.run("Tell me of Oslo", model=model)
        told = executions.events("tool.called")
        assert [data["tool"] for data in told] == ["find", "count", "count"]
        assert all(str(data["tool_call_id"]).startswith("call_") for data in told)
        arguments = [json.loads(str(data["arguments"])) for data in told]
        assert arguments == [{"what": "Oslo"}, {"what": "Oslo"}, {"what": "Oslo, fewer"}]
        returned = executions.events("tool.returned")
        ids = [data["tool_call_id"] for data in told]
        assert [data["tool_call_id"] for data in returned] == ids
        assert returned[0]["result"] == "Oslo is found"
        assert returned[1]["error"] == "fewer, please"
        assert json.loads(str(returned[2]["result"])) == {"of": 11}
        assert all(isinstance(data["seconds"], float) for data in returned)
        usage = executions.events("usage")
        assert len(usage) == len(server.requests)
        assert usage[0]["model"] == "gpt-4o-mini"
        assert usage[0]["input_tokens"] == server.requests[0].input_tokens
        cost = usage[0]["cost"]
        assert isinstance(cost, float)
        assert cost > 0
        emitted = [(type_, dict(data)) for type_, data in executions.emitter.events]
        async with executions.model(server) as model:
            await agent.run("Tell me of Oslo", model=model)
        # The same again, each of which the store keeps once.
        assert list(map(without_seconds, executions.emitter.events)) == list(
            map(without_seconds, emitted)
        )


async def test_a_tool_is_timed_and_its_long_values_are_cut(executions: ModelExecutions) -> None:
    agent = Agent()

    @agent.tool_plain
    async def read(path: str) -> str:
        await asyncio.sleep(0.3)
        return "x" * 100_000

    script = [calls(ToolCall("read", {"path": "y" * 100_000})), says("Read.")]
    with ModelServer(script) as server:
        async with executions.model(server) as model:
            await agent.run("Read it", model=model)
    (called,), (returned,) = executions.events("tool.called"), executions.events("tool.returned")
    for text in (called["arguments"], returned["result"]):
        assert isinstance(text, str)
        assert len(text) == 2_001
        assert text.endswith("…")
    seconds = returned["seconds"]
    assert isinstance(seconds, float)
    assert seconds >= 0.3


async def test_an_emitter_that_fails_loses_no_paid_answer(executions: ModelExecutions) -> None:
    class FailingEmitter(MemoryEmitter):
        async def emit_text(self, stream: str, delta: str) -> None:
            raise OSError("the event store is away")

        async def emit_event(self, type_: object, data: object) -> None:
            raise OSError("the event store is away")

    with ModelServer([says("Heard.")]) as server:
        async with executions.model(server) as model:
            model._events = StepEvents(FailingEmitter())
            async with Agent().run_stream("Hi", model=model) as stream:
                assert await stream.get_output() == "Heard."
        assert server.wasted_requests == 0


class Broken(MemoryJournal):
    """A journal that another execution has taken over by the time of a record."""

    async def record(self, key: StepKey, outcome: StepOutcome) -> None:
        raise Fenced("another execution has taken over")


async def test_an_answer_that_could_not_be_recorded_is_thrown_away() -> None:
    executions = ModelExecutions(journal=Broken())
    with ModelServer([says("In vain.")]) as server:
        async with executions.model(server) as model:
            with pytest.raises(Fenced):
                await Agent().run("Hi", model=model)
            assert executions.ledger.of("thrown") == [executions.ledger.spent]
            assert executions.ledger.spent.tokens_used == server.billed
            with pytest.raises(Fenced):  # the run stays closed
                await Agent().run("Hi", model=model)
        assert len(server.requests) == 1


async def test_an_answer_to_a_run_that_was_closed_meanwhile_is_kept(
    executions: ModelExecutions,
) -> None:
    with ModelServer([says("Just in time.")]) as server:
        async with executions.model(server) as model:

            class ClosingEmitter(MemoryEmitter):
                async def emit_text(self, stream: str, delta: str) -> None:
                    executions.steps.close(Cancelled("by somebody"))

            model._events = StepEvents(ClosingEmitter())
            with pytest.raises(Cancelled):
                async with Agent().run_stream("Hi", model=model):
                    pass
        assert [usage.tokens_used for usage in executions.ledger.of("kept")] == [server.billed]
        async with executions.model(server) as model:
            assert (await Agent().run("Hi", model=model)).output == "Just in time."


async def test_a_cancelled_request_is_settled_and_asked_again(executions: ModelExecutions) -> None:
    with ModelServer([says("Slow.", delay=60), says("Quick.")]) as server:
        async with executions.model(server) as model:
            asking = asyncio.create_task(Agent().run("Hi", model=model))
            await asyncio.to_thread(server.wait_for, 1)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
        assert executions.ledger.of("open") == []
        async with executions.model(server) as model:
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
            executions = ModelExecutions()
            executions.cache = cache
            for _ in range(2):
                async with executions.model(server) as model:
                    result = await guided().run("Tell me of Oslo", model=model)
                    outputs.append(result.output)
        assert server.wasted_requests == 0
        assert len(server.requests) == len(cache.kept)
        assert executions.ledger.entries == {}
        # The second execution had the journal's outcomes, which had cost nothing.
        assert executions.ledger.saved.tokens_used == server.billed
    assert outputs == [City(name="Oslo", people=700_000)] * 4


async def test_a_cache_of_another_version_is_passed_over(executions: ModelExecutions) -> None:
    executions.cache = cache = Answers()
    with ModelServer(lambda asked: says(f"answer {asked.times}")) as server:
        async with executions.model(server) as model:
            await Agent().run("Hi", model=model)
        ((digest, _),) = cache.kept.items()
        cache.kept[digest] = ("[]", Usage())
        executions = ModelExecutions()
        executions.cache = cache
        async with executions.model(server) as model:
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
    assert decode_response(encode_response(response)) == response


def test_what_is_no_response_is_refused() -> None:
    with pytest.raises(ValueError, match="no model response"):
        decode_response("[]")


async def test_a_model_must_be_named() -> None:
    executions = ModelExecutions()
    with pytest.raises(PermanentError, match="set PERDURE_MODEL"):
        durable_model("", executions.steps, BudgetLedger(), executions.emitter)
    with pytest.raises(PermanentError, match="model 'nobody:x' cannot be used"):
        durable_model("nobody:x", executions.steps, BudgetLedger(), executions.emitter)


async def test_a_named_model_is_made_beside_the_event_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads: list[threading.Thread] = []
    create_model = model_factory._create_model

    def recording(name: str) -> Model:
        threads.append(threading.current_thread())
        return create_model(name)

    monkeypatch.setattr(model_factory, "_create_model", recording)
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    goal = Goal(goal_id="g", description="d", agent_type="a")
    for name in ("openai-chat:scripted", "openai-chat:scripted", "nobody:x", ""):
        run = Run(goal, model=name)
        await run.import_model()
        if name.startswith("openai"):
            assert run.model.model_name == "scripted"
    assert len(threads) == 2
    assert threading.current_thread() not in threads


async def test_runs_of_a_loop_share_a_models_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    with ModelServer() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        one, two = ModelExecutions(), ModelExecutions()
        models = [
            durable_model("openai-chat:scripted", p.steps, p.ledger, p.emitter) for p in (one, two)
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
