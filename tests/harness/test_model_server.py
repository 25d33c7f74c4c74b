"""The scripted model endpoint speaks the protocol, obeys its script, and counts its charges."""

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import openai
import pytest

from perdure.testing import (
    ChatRequest,
    ModelServer,
    Reply,
    ToolCall,
    breaks_off,
    calls,
    garbles,
    keeps_silent,
    refuses,
    says,
)
from perdure.testing.model_endpoint.request_log import fetch_requests
from perdure.testing.model_endpoint.script import count_tokens

HELLO: Any = [{"role": "user", "content": "Hello"}]


@pytest.fixture
def scripted() -> Iterator["ScriptedServers"]:
    servers = ScriptedServers()
    yield servers
    servers.stop()


class ScriptedServers:
    def __init__(self) -> None:
        self._servers: list[ModelServer] = []

    def __call__(self, *replies: Reply) -> ModelServer:
        self._servers.append(ModelServer(replies).start())
        return self._servers[-1]

    def stop(self) -> None:
        for server in self._servers:
            server.stop()


async def ask(server: ModelServer, text: str = "Hello", **more: object) -> httpx.Response:
    body = {"model": "m", "messages": [{"role": "user", "content": text}], **more}
    async with httpx.AsyncClient() as client:
        return await client.post(f"{server.url}/chat/completions", json=body)


async def stream_chunks(server: ModelServer) -> AsyncIterator[dict[str, object]]:
    body = {"model": "m", "messages": HELLO, "stream": True}
    body["stream_options"] = {"include_usage": True}
    async with (
        httpx.AsyncClient() as client,
        client.stream("POST", f"{server.url}/chat/completions", json=body) as answer,
    ):
        async for line in answer.aiter_lines():
            if line.startswith("data: {"):
                yield json.loads(line.removeprefix("data: "))


async def test_answers_openais_own_client(scripted: ScriptedServers) -> None:
    server = scripted(says("Good day."), calls(ToolCall("look", {"at": "it"})), says("In pieces."))
    async with openai.AsyncOpenAI(base_url=server.url, api_key="x", max_retries=0) as client:
        answer = await client.chat.completions.create(model="m", messages=HELLO)
        assert answer.choices[0].message.content == "Good day."
        assert answer.usage is not None
        assert answer.usage.completion_tokens == count_tokens("Good day.")
        called = await client.chat.completions.create(model="m", messages=HELLO)
        tools = called.choices[0].message.tool_calls
        assert tools is not None
        assert tools[0].model_dump()["function"] == {"name": "look", "arguments": '{"at": "it"}'}
        stream = await client.chat.completions.create(model="m", messages=HELLO, stream=True)
        assert [p.choices[0].delta.content async for p in stream if p.choices][1:-1] == [
            "In ", "pie", "ces", "."
        ]  # fmt: skip


async def test_a_stream_tells_what_it_cost_when_asked_to(scripted: ScriptedServers) -> None:
    server = scripted(says("abcdefgh"))
    pieces = [piece async for piece in stream_chunks(server)]
    usage = pieces[-1]["usage"]
    assert isinstance(usage, dict)
    assert usage["completion_tokens"] == 2
    assert server.requests[0].tokens == usage["total_tokens"]


async def test_refuses_and_charges_nothing(scripted: ScriptedServers) -> None:
    server = scripted(refuses(429, retry_after=7, code="slow_down"), refuses(500))
    first, second = await ask(server), await ask(server)
    assert (first.status_code, first.headers["retry-after"]) == (429, "7")
    assert first.json()["error"]["code"] == "slow_down"
    assert (second.status_code, server.billed) == (500, 0)
    assert [request.status for request in server.requests] == [429, 500]


async def test_half_a_stream_is_charged_as_far_as_it_came(scripted: ScriptedServers) -> None:
    server = scripted(breaks_off("12345678" * 4, after=2))
    with pytest.raises(httpx.RemoteProtocolError):
        assert [piece async for piece in stream_chunks(server)]
    (request,) = server.requests
    assert (request.output_tokens, request.complete) == (4, False)
    assert server.wasted_requests == request.tokens


async def test_garbage_and_half_a_body(scripted: ScriptedServers) -> None:
    server = scripted(garbles(), Reply("Long enough.", cut_after=1))
    assert (await ask(server)).text.startswith("<html>")
    with pytest.raises(httpx.RemoteProtocolError):
        await ask(server)


async def test_silence_ends_when_the_client_gives_up(scripted: ScriptedServers) -> None:
    server = scripted(keeps_silent(), says("Back."))
    asking = asyncio.create_task(ask(server))
    await asyncio.to_thread(server.wait_for, 1)
    asking.cancel()
    assert (await ask(server)).status_code == 200
    assert server.requests[0].status == 0


async def test_a_gate_holds_a_stream_in_the_middle(scripted: ScriptedServers) -> None:
    gate = threading.Event()
    server = scripted(Reply("abcd", gate=gate, gate_after=2))
    received: list[object] = []
    async for piece in stream_chunks(server):
        received.append(piece)
        if len(received) == 3:  # the role, and two pieces
            assert not server.requests[0].complete
            gate.set()
    assert server.requests[0].complete


async def test_an_answer_is_cut_off_where_max_tokens_says(scripted: ScriptedServers) -> None:
    server = scripted(says("x" * 100))
    answer = (await ask(server, max_tokens=5)).json()
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 5


async def test_tells_what_was_paid_twice() -> None:
    def script(request: ChatRequest) -> Reply:
        return says(f"{request.last}, time {request.times}")

    with ModelServer(script) as server:
        texts = [(await ask(server, text)).json() for text in ("a", "b", "a")]
        assert [text["choices"][0]["message"]["content"] for text in texts] == [
            "a, time 1", "b, time 1", "a, time 2"
        ]  # fmt: skip
        assert server.wasted_requests == server.requests[2].tokens
        assert server.billed == sum(request.tokens for request in server.requests)


async def test_thousands_of_requests_over_many_connections() -> None:
    body = {"model": "m", "messages": HELLO}
    with ModelServer() as server:

        async def client_asks(times: int) -> set[int]:
            async with httpx.AsyncClient(timeout=60) as client:
                url = f"{server.url}/chat/completions"
                return {(await client.post(url, json=body)).status_code for _ in range(times)}

        assert await asyncio.gather(*(client_asks(40) for _ in range(50))) == [{200}] * 50
        assert {request.number for request in server.requests} == set(range(1, 2_001))


def test_is_a_process_of_its_own() -> None:
    command = [sys.executable, "-m", "perdure.testing.model_endpoint.server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        url = process.stdout.readline().decode().strip()
        answer = httpx.post(f"{url}/chat/completions", json={"model": "m", "messages": HELLO})
        assert answer.json()["choices"][0]["message"]["content"] == "You said: Hello"
        (request,) = fetch_requests(url)
        assert request.complete
        process.stdin.close()
        assert process.wait(10) == 0
