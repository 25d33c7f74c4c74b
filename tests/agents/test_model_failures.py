"""Failing model requests: retried in place, journaled when caught, the same in every execution."""

import asyncio
import json
import pickle

import pytest
from pydantic_ai import Agent
from pydantic_ai.exceptions import (
    FallbackExceptionGroup,
    ModelAPIError,
    ModelAuthenticationError,
    ModelHTTPError,
    ModelRateLimitError,
    ModelServerError,
)
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

from perdure.agents.model_calls.durable_model import DurableModel
from perdure.agents.model_calls.errors import RequestFailed, request_error
from perdure.agents.steps.errors import StepFailed, failed_steps, failure_from
from perdure.agents.steps.keys import StepKey
from perdure.models import Failure, FailureKind
from perdure.testing import (
    ModelServer,
    Reply,
    breaks_off,
    garbles,
    keeps_silent,
    refuses,
    says,
)
from tests.support.model_executions import ModelExecutions, drain

KEY = StepKey("s", "d", 0)


@pytest.fixture
def executions() -> ModelExecutions:
    return ModelExecutions()


async def ask(executions: ModelExecutions, server: ModelServer, *, streamed: bool = False) -> str:
    async with executions.model(server) as model:
        handler = drain if streamed else None
        return (await Agent().run("Hi", model=model, event_stream_handler=handler)).output


FAULTS = {
    "429": refuses(429, retry_after=3),
    "429 without": refuses(429),
    "500": refuses(500),
    "503": refuses(503, retry_after=2),
    "garbage": garbles(),
    "half": breaks_off("Half an answer", after=2),
}


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_what_passes_is_tried_again_in_place(
    executions: ModelExecutions, fault: Reply, streamed: bool
) -> None:
    with ModelServer([fault, fault, says("At last.")]) as server:
        for _ in range(2):
            assert await ask(executions, server, streamed=streamed) == "At last."
        assert len(server.requests) == 3
        assert len(executions.time.slept) == 2
        if fault.retry_after is not None:
            assert all(slept >= float(fault.retry_after) for slept in executions.time.slept)
        (kept,) = executions.ledger.of("kept")
        assert kept.tokens_used == server.requests[2].tokens
        assert executions.ledger.of("open") == []
        # Refusals cost nothing; what was sent to a provider that broke off is counted about right.
        thrown = sum(usage.tokens_used for usage in executions.ledger.of("thrown"))
        assert (thrown > 0) == (server.wasted_requests > 0)


async def test_the_text_of_half_a_stream_is_withdrawn(executions: ModelExecutions) -> None:
    half = breaks_off("Half an answer", after=2)
    with ModelServer([half, half, says("Whole.")]) as server:
        assert await ask(executions, server, streamed=True) == "Whole."
    streams = [data["stream"] for data in executions.events("text.withdrawn")]
    assert len(set(streams)) == 2
    assert list(executions.emitter.texts.values()) == ["Whole."]
    (whole,) = executions.emitter.texts
    assert whole == f"{streams[0]}.3"


CHUNK = {
    "id": "1",
    "object": "chat.completion.chunk",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "delta": {"content": "Half"}, "finish_reason": None}],
}
RESPONSE = {"id": "r", "object": "response", "created_at": 1, "model": "m", "output": []}
BEGUN = {"type": "response.created", "response": {**RESPONSE, "status": "in_progress"}}
FAILED = {"type": "response.failed", "response": {**RESPONSE, "status": "failed", "error": None}}
ITEM = {"type": "message", "id": "i", "role": "assistant", "status": "in_progress", "content": []}
DELTA = {
    "type": "response.output_text.delta",
    "item_id": "i",
    "output_index": 0,
    "content_index": 0,
    "delta": "Half",
    "logprobs": [],
}
ADDED = {"type": "response.output_item.added", "output_index": 0, "item": ITEM}


@pytest.mark.parametrize(
    ("model", "events", "told"),
    [
        (OpenAIChatModel, [CHUNK], "broke off half-way"),
        (OpenAIResponsesModel, [BEGUN, ADDED, DELTA], "broke off half-way"),
        (OpenAIResponsesModel, [BEGUN, ADDED, DELTA, FAILED], "failed half-way"),
    ],
)
async def test_a_stream_that_ends_politely_half_way(
    executions: ModelExecutions,
    model: type[OpenAIChatModel | OpenAIResponsesModel],
    events: list[dict[str, object]],
    told: str,
) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        for event in events:
            name = f"event: {event['type']}\n" if "type" in event else ""
            writer.write(f"{name}data: {json.dumps(event)}\n\n".encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        wrapped = model("m", provider=OpenAIProvider(base_url=url, api_key="k"))
        async with executions.durable(wrapped) as durable:
            with pytest.raises(ModelAPIError, match=told):
                await Agent().run("Hi", model=durable, event_stream_handler=drain)
    assert executions.emitter.texts == {}
    assert len(executions.events("text.withdrawn")) == 4
    assert len(executions.ledger.of("thrown")) == 4


@pytest.mark.parametrize("streamed", [False, True])
async def test_silence_is_waited_out_only_so_long(streamed: bool) -> None:
    executions = ModelExecutions(silence=0.2)
    with ModelServer([keeps_silent(), says("Here.")]) as server:
        assert await ask(executions, server, streamed=streamed) == "Here."


async def test_the_agents_own_deadline_counts_for_each_try(executions: ModelExecutions) -> None:
    with ModelServer([says("Slow.", delay=60), says("Quick.")]) as server:
        async with executions.model(server) as model:
            agent = Agent(model_settings={"request_timeout": 0.3})
            assert (await agent.run("Hi", model=model)).output == "Quick."
        assert len(server.requests) == 2


async def test_a_provider_that_is_not_there(executions: ModelExecutions) -> None:
    server = ModelServer().start()
    server.stop()
    with pytest.raises(StepFailed) as raised:
        await ask(executions, server)
    assert isinstance(raised.value, ModelAPIError)
    assert raised.value.failure.kind == FailureKind.TRANSIENT
    assert len(executions.time.slept) == 3


async def test_a_long_wait_is_the_goals_affair(executions: ModelExecutions) -> None:
    with ModelServer([refuses(429, retry_after=90), says("Later.")]) as server:
        with pytest.raises(ModelRateLimitError) as raised:
            await ask(executions, server)
        failure = failure_from(raised.value)
        assert (failure.kind, failure.retry_after) == (FailureKind.THROTTLED, 90.0)
        # The failure ended the agent, so it is withdrawn, and the next execution asks again.
        for failed in failed_steps(raised.value):
            await executions.journal.withdraw(failed.key)
        assert await ask(executions, server) == "Later."


async def test_a_refused_key_is_not_tried_again(executions: ModelExecutions) -> None:
    with ModelServer([refuses(401)]) as server:
        with pytest.raises(ModelAuthenticationError, match="refuses the key") as raised:
            await ask(executions, server)
        assert len(server.requests) == 1
    assert failure_from(raised.value).permanent
    assert executions.ledger.spent.tokens_used == 0


async def test_a_caught_failure_is_the_steps_outcome_for_good(executions: ModelExecutions) -> None:
    seen = []
    with ModelServer([refuses(401), says("Unasked.")]) as server:
        for _ in range(2):
            with pytest.raises(StepFailed) as raised:
                await ask(executions, server)
            error = raised.value
            assert isinstance(error, ModelHTTPError)
            seen.append((type(error), str(error), error.status_code, error.model_name))
        assert len(server.requests) == 1
    assert seen[0] == seen[1]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    "fault",
    [
        refuses(401),
        refuses(429, retry_after=90),
        refuses(500),
        garbles(),
        breaks_off("Ha", after=1),
    ],
    ids=["401", "429", "500", "garbage", "half"],
)
async def test_a_fallback_takes_the_same_way_in_every_execution(
    executions: ModelExecutions, fault: Reply, streamed: bool
) -> None:
    outputs = []
    with ModelServer(lambda _: fault) as bad, ModelServer([says("From the other.")]) as good:
        for _ in range(2):
            async with (
                executions.model(bad, "gpt-4o") as first,
                executions.model(good, is_new=False) as second,
            ):
                handler = drain if streamed else None
                result = await Agent().run(
                    "Hi", model=FallbackModel(first, second), event_stream_handler=handler
                )
                outputs.append(result.output)
        assert outputs == ["From the other."] * 2
        assert len(good.requests) == 1
        assert len(bad.requests) in {1, 4}


async def test_a_fallback_that_names_an_error_gets_it_in_every_execution(
    executions: ModelExecutions,
) -> None:
    with ModelServer([refuses(429, retry_after=90)]) as bad, ModelServer([says("Good.")]) as good:
        for _ in range(2):
            async with (
                executions.model(bad, "gpt-4o") as first,
                executions.model(good, is_new=False) as second,
            ):
                chain = FallbackModel(first, second, fallback_on=(ModelRateLimitError,))
                assert (await Agent().run("Hi", model=chain)).output == "Good."


async def test_when_every_model_fails_all_are_withdrawn(executions: ModelExecutions) -> None:
    with ModelServer(lambda _: refuses(401)) as bad:
        async with (
            executions.model(bad, "gpt-4o") as first,
            executions.model(bad, is_new=False) as second,
        ):
            with pytest.raises(FallbackExceptionGroup) as raised:
                await Agent().run("Hi", model=FallbackModel(first, second))
    assert failure_from(raised.value).permanent
    assert {failed.key for failed in failed_steps(raised.value)} == set(
        await executions.journal.load()
    )


async def test_a_provider_that_is_down_is_left_alone(executions: ModelExecutions) -> None:
    kinds = []
    with ModelServer(lambda _: refuses(500)) as server:
        for _ in range(3):
            with pytest.raises(ModelAPIError) as raised:
                await ask(executions, server)
            kinds.append(failure_from(raised.value).kind)
            for failed in failed_steps(raised.value):
                await executions.journal.withdraw(failed.key)
        # Four tries, and a fifth that opened the breaker; from then on goals wait.
        assert len(server.requests) == 5
    assert kinds == [FailureKind.TRANSIENT, FailureKind.THROTTLED, FailureKind.THROTTLED]


async def test_a_refused_request_makes_the_goal_wait(executions: ModelExecutions) -> None:
    with ModelServer([says("Unasked.")]) as server:
        async with executions.model(server) as model:
            breaker = executions.breakers.of(f"openai at {model.base_url}")
            for _ in range(5):
                with pytest.raises(TimeoutError), breaker.request():
                    raise TimeoutError
            with pytest.raises(StepFailed) as raised:
                await Agent().run("Hi", model=model)
        assert server.requests == ()
    failure = raised.value.failure
    assert (failure.type, failure.kind) == ("ProviderDown", FailureKind.THROTTLED)
    assert failure.retry_after is not None
    assert failure.retry_after > 10
    assert executions.time.slept == []
    assert isinstance(raised.value, ModelAPIError)
    assert executions.ledger.entries == {}


async def test_a_fault_of_the_agents_own_is_no_failure_of_the_request(
    executions: ModelExecutions,
) -> None:
    def broken(messages: object, info: AgentInfo) -> object:
        raise TypeError("a bug")

    for _ in range(2):
        executions.begin()
        wrapped = FunctionModel(broken)  # type: ignore[arg-type]  # it never returns
        model = DurableModel(wrapped, executions.steps, executions.ledger, executions.emitter)
        with pytest.raises(StepFailed, match="a bug") as raised:
            await Agent().run("Hi", model=model)
        assert not isinstance(raised.value, ModelAPIError)
        assert raised.value.failure.type == "TypeError"


@pytest.mark.parametrize(
    ("failure", "types"),
    [
        (Failure(type="ModelHTTPError", message="m", status=418), (ModelHTTPError,)),
        (
            Failure(type="ModelServerError", message="m", status=500),
            (ModelHTTPError, ModelServerError),
        ),
        (Failure(type="ModelRateLimitError", message="m"), (ModelRateLimitError,)),
        (Failure(type="ModelAPIError", message="m", status=500), (ModelHTTPError,)),
        (Failure(type="APIStatusError", message="m", status=500), (ModelHTTPError,)),
        (Failure(type="ProviderDown", message="m"), (ModelAPIError,)),
    ],
)
def test_a_failed_request_is_both_errors(failure: Failure, types: tuple[type, ...]) -> None:
    error = request_error(KEY, failure, "gpt")
    for type_ in (RequestFailed, *types):
        assert isinstance(error, type_)
    assert str(error) == "m"
    assert failure_from(error) == failure
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.failure, again.key) == (type(error), failure, KEY)


@pytest.mark.parametrize("type_", ["BudgetExceeded", "TypeError", "BaseModel", "UserError"])
def test_other_failures_are_failed_steps_and_nothing_else(type_: str) -> None:
    error = request_error(KEY, Failure(type=type_, message="m"), "gpt")
    assert type(error) is StepFailed
