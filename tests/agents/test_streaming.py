"""Requests that an agent does not stream, streamed from the provider: the same, and seen."""

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Literal

import pytest
from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, TextPart, ThinkingPart
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.models.test import TestModel
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.settings import ModelSettings

from perdure.agents.model_calls.responses import decode_response, encode_response
from perdure.testing import ChatRequest, ModelServer, Reply, breaks_off, refuses, says
from tests.support.chat_endpoint import ChatEndpoint
from tests.support.model_executions import ModelExecutions
from tests.support.until import until_async

CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "find", "arguments": '{"what": "Oslo"}'},
}
LOGPROB = {"token": "Hello", "logprob": -0.1, "bytes": None, "top_logprobs": []}
THINKING = "<think>Six times seven,\nso 42.</think>It is 42, <b>surely</b>."

ENDPOINTS: dict[str, dict[str, Any]] = {
    "text": {"message": {"content": "It is 42, I think."}},
    "cut short": {"message": {"content": "It is"}, "finish": "length"},
    "tool calls": {"message": {"content": None, "tool_calls": [CALL]}, "finish": "tool_calls"},
    "text and tool calls": {
        "message": {"content": "Let me see.", "tool_calls": [CALL, {**CALL, "id": "call_2"}]},
        "finish": "tool_calls",
    },
    "reasoning": {"message": {"reasoning_content": "Six times seven.", "content": "42"}},
    "refused": {"message": {"content": None, "refusal": "I would rather not."}},
    "filtered": {"message": {"content": "Well,"}, "finish": "content_filter"},
    "log probabilities": {"message": {"content": "Hello"}, "logprobs": [LOGPROB]},
    "no finish reason": {"message": {"content": "It is 42."}, "finish": None},
    "an unknown finish reason": {"message": {"content": "It is 42."}, "finish": "tired"},
    "never closed": {"message": {"content": "<think>Six times seven"}},
    **{
        f"thinking in pieces of {piece}": {"message": {"content": THINKING}, "piece": piece}
        for piece in (1, 2, 7, 8, 30, 1000)
    },
    "thinking twice": {"message": {"content": f"{THINKING} No: {THINKING}"}, "piece": 12},
}
SEEN = {
    "reasoning": ("Six times seven.", "42"),
    "never closed": ("Six times seven", ""),
    "text": ("", "It is 42, I think."),
    **{
        f"thinking in pieces of {piece}": ("Six times seven,\nso 42.", "It is 42, <b>surely</b>.")
        for piece in (1, 2, 7, 8, 30, 1000)
    },
    "thinking twice": (
        "Six times seven,\nso 42." * 2,
        "It is 42, <b>surely</b>. No: It is 42, <b>surely</b>.",
    ),
}


@pytest.fixture
def executions() -> ModelExecutions:
    return ModelExecutions()


def chat_model(url: str) -> OpenAIChatModel:
    return OpenAIChatModel("scripted", provider=OpenAIProvider(base_url=url, api_key="k"))


async def request(model: Model) -> ModelResponse:
    messages: list[ModelMessage] = [ModelRequest.user_text_prompt("Hi")]
    return await model.request(messages, None, ModelRequestParameters())


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=ENDPOINTS)
async def test_a_response_is_the_same_as_unstreamed(
    executions: ModelExecutions, endpoint: dict[str, Any]
) -> None:
    chat = ChatEndpoint(**endpoint)
    async with chat.serve() as url:
        model = chat_model(url)
        unstreamed = decode_response(encode_response(await request(model)))
        async with executions.durable(model) as durable:
            streamed = await request(durable)
        assert chat.streamed == [False, True]
    assert replace(streamed, timestamp=unstreamed.timestamp) == unstreamed
    assert streamed.usage.output_tokens == 7


async def test_readers_see_the_text_of_what_no_agent_streams(executions: ModelExecutions) -> None:
    gate = threading.Event()
    with ModelServer([Reply("abcdefgh", gate=gate, gate_after=2)]) as server:
        async with executions.model(server) as model:
            asking = asyncio.create_task(Agent().run("Spell", model=model))
            await until_async(lambda: list(executions.emitter.texts.values()) == ["abcd"])
            assert not server.requests[0].complete
            gate.set()
            assert (await asking).output == "abcdefgh"
        assert list(executions.emitter.texts.values()) == ["abcdefgh"]
        async with executions.model(server) as model:
            assert (await Agent().run("Spell", model=model)).output == "abcdefgh"
        assert executions.emitter.texts == {}
        assert len(server.requests) == 1


async def test_half_a_stream_is_withdrawn_and_made_again(executions: ModelExecutions) -> None:
    half = breaks_off("Half an answer", after=2)
    with ModelServer([half, half, half, says("Whole.")]) as server:
        async with executions.model(server) as model:
            assert (await Agent().run("Hi", model=model)).output == "Whole."
        assert [asked.streamed for asked in server.requests] == [True] * 4
    withdrawn = [data["stream"] for data in executions.events("text.withdrawn")]
    assert len(set(withdrawn)) == 3
    assert list(executions.emitter.texts.values()) == ["Whole."]
    assert executions.ledger.of("open") == []


class City(BaseModel):
    name: str
    people: int


async def test_structured_output_and_its_cost_are_the_same(executions: ModelExecutions) -> None:
    arguments = '{"name": "Oslo", "people": 700000}'
    call = {"id": "c", "type": "function", "function": {"name": "final_result"}}
    call["function"] = {"name": "final_result", "arguments": arguments}
    chat = ChatEndpoint({"content": None, "tool_calls": [call]}, finish="tool_calls")
    async with chat.serve() as url:
        agent = Agent(output_type=City)
        unstreamed = await agent.run("Oslo", model=chat_model(url))
        async with executions.durable(chat_model(url)) as durable:
            streamed = await agent.run("Oslo", model=durable)
    assert streamed.output == unstreamed.output == City(name="Oslo", people=700_000)
    assert streamed.usage == unstreamed.usage
    assert executions.ledger.spent.tokens_used == streamed.usage.total_tokens


@pytest.mark.parametrize("streams", ["refused", "ignored"])
async def test_a_provider_that_cannot_stream_is_asked_as_before(
    executions: ModelExecutions, streams: Literal["refused", "ignored"]
) -> None:
    chat = ChatEndpoint({"content": "It is 42."}, streams=streams)
    async with chat.serve() as url, executions.durable(chat_model(url)) as durable:
        for number in range(4):
            assert (await Agent().run(f"Ask {number}", model=durable)).output == "It is 42."
    # Learned at once from a refusal, and from two streams without a piece.
    learned = [True, False] * (1 if streams == "refused" else 2)
    assert chat.streamed == learned + [False] * (4 - len(learned) // 2)
    assert executions.emitter.texts == {}
    assert executions.ledger.of("open") == []


async def test_a_refusal_that_gives_no_reason_may_be_one_of_the_stream(
    executions: ModelExecutions,
) -> None:
    def answer(asked: ChatRequest) -> Reply:
        return refuses(400, code="no") if asked.streamed else says("It is 42.")

    with ModelServer(answer) as server:
        async with executions.model(server) as model:
            for number in range(2):
                assert (await Agent().run(f"Ask {number}", model=model)).output == "It is 42."
        assert [asked.streamed for asked in server.requests] == [True, False, False]


async def test_where_streams_are_known_a_refusal_for_another_reason_is_not_asked_again(
    executions: ModelExecutions,
) -> None:
    with ModelServer([says("Hello."), refuses(400, code="upstream_says_no")]) as server:
        async with executions.model(server) as model:
            await Agent().run("Hi", model=model)
            with pytest.raises(Exception, match="400"):
                await Agent().run("And then?", model=model)
        assert len(server.requests) == 2


async def test_a_library_that_fails_at_what_is_no_stream_does_without(
    executions: ModelExecutions,
) -> None:
    class Failing(Silent):
        @asynccontextmanager
        async def request_stream(self, *_: object) -> AsyncGenerator[StreamedResponse]:
            raise KeyError("choices")
            yield

    async with executions.durable(Failing()) as durable:
        assert (await Agent().run("Hi", model=durable)).output == "At once."


async def test_half_characters_are_joined_and_lone_ones_replaced(
    executions: ModelExecutions,
) -> None:
    with ModelServer([says("half \ud83d and \ud83d\ude00 end", pieces=24)]) as server:
        for _ in range(2):
            async with executions.model(server) as model:
                output = (await Agent().run("Hi", model=model)).output
                assert output == "half \ufffd and \U0001f600 end"
        assert len(server.requests) == 1


async def test_readers_get_no_secret_that_comes_in_pieces(
    executions: ModelExecutions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OF_A_TEST_API_KEY", "sk-verysecret-0123456789")
    with ModelServer([says("It is sk-verysecret-0123456789, or sk-very", pieces=30)]) as server:
        async with executions.model(server) as model:
            await Agent().run("Hi", model=model)
    assert list(executions.emitter.texts.values()) == ["It is [secret], or sk-very"]


async def test_a_thread_of_a_step_asks_with_a_loop_of_its_own(executions: ModelExecutions) -> None:
    with ModelServer([says("From the thread.")]) as server:
        async with executions.model(server) as model:

            def ask() -> str:
                return Agent().run_sync("Hi", model=model).output

            assert await asyncio.to_thread(ask) == "From the thread."
    assert list(executions.emitter.texts.values()) == ["From the thread."]


async def test_a_stream_that_is_not_counted_is_estimated(executions: ModelExecutions) -> None:
    chat = ChatEndpoint({"content": "It is 42, I think."}, counts_streams=False)
    async with chat.serve() as url, executions.durable(chat_model(url)) as durable:
        assert (await Agent().run("Hi", model=durable)).output == "It is 42, I think."
    assert executions.ledger.spent.output_tokens == 5
    assert executions.ledger.spent.input_tokens > 0


def reply(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    return ModelResponse(parts=[TextPart("From the function.")])


async def pieces(messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[str]:
    yield "From the "
    yield "stream."


class Silent(Model):
    """A model of somebody's own, without streams."""

    model_name = "silent"
    system = "own"

    async def request(self, *_: object) -> ModelResponse:
        return ModelResponse(parts=[TextPart("At once.")])


class Refusing(Silent):
    """One whose streams are not made yet."""

    @asynccontextmanager
    async def request_stream(self, *_: object) -> AsyncGenerator[StreamedResponse]:
        raise NotImplementedError("no streams")
        yield


class Shouting(WrapperModel):
    """A wrapper that changes what is not streamed, and only that."""

    async def request(self, *arguments: Any) -> ModelResponse:
        response = await super().request(*arguments)
        return replace(response, parts=[TextPart("SHOUTED")])


@pytest.mark.parametrize(
    ("model", "output", "texts"),
    [
        (FunctionModel(reply), "From the function.", []),
        (FunctionModel(reply, stream_function=pieces), "From the stream.", ["From the stream."]),
        (WrapperModel(FunctionModel(reply)), "From the function.", []),
        (Silent(), "At once.", []),
        (Refusing(), "At once.", []),
        (Shouting(TestModel(custom_output_text="spoken")), "SHOUTED", []),
        (WrapperModel(TestModel(custom_output_text="A text.")), "A text.", ["A text."]),
        (FallbackModel(TestModel(custom_output_text="A text."), Silent()), "A text.", []),
    ],
)
async def test_a_model_is_streamed_only_where_that_is_the_same_request(
    executions: ModelExecutions, model: Model, output: str, texts: list[str]
) -> None:
    async with executions.durable(model) as durable:
        for _ in range(2):
            assert (await Agent().run("Hi", model=durable)).output == output
    assert list(executions.emitter.texts.values()) == texts * 2


async def test_a_fallback_takes_over_from_half_a_response(executions: ModelExecutions) -> None:
    with ModelServer([breaks_off("Half an answer", after=2)]) as server:
        model = FallbackModel(chat_model(server.url), Silent())
        async with executions.durable(model) as durable:
            assert (await Agent().run("Hi", model=durable)).output == "At once."
        assert [asked.streamed for asked in server.requests] == [False]


async def test_a_model_that_is_silent_for_long_is_waited_for_as_before() -> None:
    executions = ModelExecutions()
    executions.timeouts = replace(executions.timeouts, chunk=0.1)
    with ModelServer([says("Thought through.", delay=0.4, pause=0.2)]) as server:
        async with executions.model(server) as model:
            assert (await Agent().run("Hi", model=model)).output == "Thought through."
        assert len(server.requests) == 1


async def test_a_model_can_be_kept_from_streaming(executions: ModelExecutions) -> None:
    def answer(asked: ChatRequest) -> Reply:
        return says(f"streamed: {asked.streamed}")

    settings = ModelSettings()
    settings["openai_background"] = True  # type: ignore[typeddict-unknown-key]
    with ModelServer(answer) as server:
        async with executions.model(server) as model:
            kept = await Agent().run("Hi", model=model.unstreamed())
            assert kept.output == "streamed: False"
            fetched = await Agent().run("Ho", model=model, model_settings=settings)
            assert fetched.output == "streamed: False"


async def test_thinking_is_no_text_of_the_answer(executions: ModelExecutions) -> None:
    chat = ChatEndpoint({"content": THINKING}, piece=9)
    async with chat.serve() as url, executions.durable(chat_model(url)) as durable:
        result = await Agent().run("Hi", model=durable)
    assert result.output == "It is 42, <b>surely</b>."
    response = result.all_messages()[-1]
    assert isinstance(response, ModelResponse)
    assert isinstance(response.parts[0], ThinkingPart)


@pytest.mark.parametrize("case", SEEN)
async def test_readers_see_thinking_apart_from_the_text(
    executions: ModelExecutions, case: str
) -> None:
    chat = ChatEndpoint(**ENDPOINTS[case])
    async with chat.serve() as url, executions.durable(chat_model(url)) as durable:
        await request(durable)
    texts = executions.emitter.texts
    thinking = "".join(text for name, text in texts.items() if name.endswith(".thinking"))
    text = "".join(text for name, text in texts.items() if not name.endswith(".thinking"))
    assert (thinking, text) == SEEN[case]
    assert len(texts) == bool(thinking) + bool(text)


async def test_what_only_begins_like_a_tag_is_text(executions: ModelExecutions) -> None:
    text = "a <b <th <thin and <<think"
    chat = ChatEndpoint({"content": text}, piece=3)
    async with chat.serve() as url, executions.durable(chat_model(url)) as durable:
        await request(durable)
    assert list(executions.emitter.texts.values()) == [text]


async def test_the_thinking_of_half_a_stream_is_withdrawn_too(executions: ModelExecutions) -> None:
    half = breaks_off("<think>Six.</think>It is 42, surely.", after=3)
    with ModelServer([half, says("<think>Well.</think>42")]) as server:
        async with executions.model(server) as model:
            await request(model)
    withdrawn = {str(data["stream"]) for data in executions.events("text.withdrawn")}
    assert sorted(name.endswith(".thinking") for name in withdrawn) == [False, True]
    assert sorted(executions.emitter.texts.values()) == ["42", "Well."]
