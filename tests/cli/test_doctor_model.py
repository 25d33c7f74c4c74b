"""``perdure doctor --model``: what a model can, and what is wrong with one that cannot be asked."""

import socket
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from perdure.cli.model_checks import requests
from perdure.cli.model_checks.checking import check_model
from perdure.models import Check
from perdure.testing import (
    ChatRequest,
    ModelServer,
    Reply,
    ToolCall,
    calls,
    garbles,
    keeps_silent,
    refuses,
    says,
)
from tests.support.chat_endpoint import ChatEndpoint

MODEL = "openai-chat:scripted"
COUNT = "one two three four five six seven"


def able(asked: ChatRequest) -> Reply:
    if asked.body.get("tools"):
        return calls(ToolCall("add", {"a": 2, "b": 3}))
    return says(COUNT if asked.streamed else "Ready.")


def in_words(asked: ChatRequest) -> Reply:
    return says("The sum is 5.") if asked.body.get("tools") else able(asked)


def without_tools(asked: ChatRequest) -> Reply:
    return refuses(400, code="tools_are_unknown") if asked.body.get("tools") else able(asked)


def miscounting(asked: ChatRequest) -> Reply:
    if asked.body.get("tools"):
        return calls(ToolCall("add", {"x": "moon"}))
    return able(asked)


def without_streams(asked: ChatRequest) -> Reply:
    return refuses(400, code="no_stream_here") if asked.streamed else able(asked)


def in_one_piece(asked: ChatRequest) -> Reply:
    return says(COUNT, pieces=1) if asked.streamed else able(asked)


def slow_streams(asked: ChatRequest) -> Reply:
    return keeps_silent() if asked.streamed else able(asked)


def by_part(checks: list[Check]) -> Mapping[str, Check]:
    return {check.part.removeprefix(f"{MODEL}: "): check for check in checks}


async def test_a_model_that_can_do_everything(model_server: ModelServer) -> None:
    model_server.answers(able)
    found = by_part(await check_model(""))
    assert {part: check.found for part, check in found.items()} == {
        "a word": True,
        "a call of a tool": True,
        "a stream": True,
    }
    assert found["a word"].where == '"Ready."'
    assert found["a call of a tool"].where == 'add({"a":2,"b":3})'
    assert found["a stream"].where == f'"{COUNT}" in 4 pieces'
    assert len(model_server.requests) == 3


@pytest.mark.parametrize(
    ("script", "part", "advice"),
    [
        (in_words, "a call of a tool", "it answers in words where a tool is to be called"),
        (without_tools, "a call of a tool", "it takes no tools"),
        (miscounting, "a call of a tool", "wrong names or arguments"),
        (without_streams, "a stream", "it sends its answer at once"),
        (in_one_piece, "a stream", "it sends its answer at once"),
        (slow_streams, "a stream", "it did not answer in 0.5 s"),
    ],
)
async def test_what_a_model_cannot(
    model_server: ModelServer,
    monkeypatch: pytest.MonkeyPatch,
    script: Callable[[ChatRequest], Reply],
    part: str,
    advice: str,
) -> None:
    monkeypatch.setattr(requests, "LIMIT_SECONDS", 0.5)
    model_server.answers(script)
    found = by_part(await check_model(""))
    assert advice in found[part].advice
    assert [name for name, check in found.items() if not check.found] == [part]
    assert not found[part].required


async def test_a_server_that_ignores_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    chat = ChatEndpoint({"content": "Ready."}, streams="ignored")
    async with chat.serve() as url:
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        monkeypatch.setenv("OPENAI_API_KEY", "none-needed")
        found = by_part(await check_model(MODEL))
    assert found["a word"].found
    assert not found["a stream"].found


@pytest.mark.parametrize(
    ("reply", "advice"),
    [
        (refuses(401), "the service refuses the key (HTTP 401): set a valid one"),
        (refuses(403), "the service refuses the key (HTTP 403)"),
        (refuses(404), "knows no model 'scripted' (HTTP 404): name one that it has"),
        (refuses(429, retry_after=20), "asks to wait for 20 s: try again then"),
        (refuses(429, code="insufficient_quota"), "insufficient_quota"),
        (garbles(), "says what cannot be read"),
        (says(""), "without any text"),
        (keeps_silent(), "it did not answer in 0.5 s: try again"),
    ],
)
async def test_a_model_that_cannot_be_asked(
    model_server: ModelServer, monkeypatch: pytest.MonkeyPatch, reply: Reply, advice: str
) -> None:
    monkeypatch.setattr(requests, "LIMIT_SECONDS", 0.5)
    model_server.answers(lambda _: reply)
    (word,) = await check_model("")
    assert not word.found
    assert word.required
    assert advice in word.advice
    assert len(model_server.requests) == 1


async def test_no_network(model_server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"
        monkeypatch.setenv("OPENAI_BASE_URL", address)
        (word,) = await check_model("openai-chat:elsewhere")
    assert f"{address}/ cannot be reached" in word.advice


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("", "no model is named: set PERDURE_MODEL"),
        ("nobody:knows", "model 'nobody:knows' cannot be used"),
        ("openai:gpt-4o-mini", "OPENAI_API_KEY"),
    ],
)
async def test_a_model_that_cannot_be_created(
    monkeypatch: pytest.MonkeyPatch, name: str, advice: str
) -> None:
    for variable in ("PERDURE_MODEL", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(variable, raising=False)
    (check,) = await check_model(name)
    assert advice in check.advice


def test_the_command_prints_a_table_or_json(perdure: Any) -> None:
    with ModelServer(in_words) as server:
        table = perdure("doctor", "--model", **server.environment)
        report = perdure.json("doctor", "--model", MODEL, **server.environment)
    assert table.returncode == 0
    assert f'{MODEL}: a call of a tool\tno\t\t"The sum is 5."' in table.stdout
    assert report["ok"]
    assert [check["status"] for check in report["checks"]] == ["yes", "no", "yes"]
    done = perdure("doctor", "--model", PERDURE_MODEL="")
    assert done.returncode == 1
    assert "no model is named" in done.stdout
