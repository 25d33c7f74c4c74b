"""What is limited before anything is parsed: sizes, times, rates."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.types import Message

from perdure.api.access.quotas import FailedAttempts, TooManyRequests
from perdure.api.gateway.bodies import MAX_BODY_BYTES, BodyLimitMiddleware, body_limit
from perdure.api.server import listen
from perdure.api.timed_protocol import TimedProtocol
from perdure.settings import Rate, Settings
from perdure.stores import open_stores
from perdure.temporal.server.development_server import DevelopmentServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

ServeApi = Callable[..., Awaitable[httpx.AsyncClient]]
GOAL = {"goal_id": "limited", "description": "say it", "agent_type": "echo"}


async def test_what_is_sent_does_not_wait_for_an_acknowledgement() -> None:
    accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection: socket.socket = writer.get_extra_info("socket")
        accepted.set_result(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    async with await asyncio.start_server(accept, sock=listen("127.0.0.1", 0)) as server:
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        assert await accepted != 0
        writer.close()


async def test_a_body_that_is_too_large_is_refused_unread(api: httpx.AsyncClient) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(MAX_BODY_BYTES // 100_000 + 2):
            yield b"x" * 100_000

    headers = {"Content-Type": "application/json"}
    for content in (b"x" * 100_000_000, pieces()):
        answer = await api.post("/api/execute-goal", content=content, headers=headers)
        assert answer.status_code == 413
        assert answer.json()["type"] == "urn:perdure:problem:body-too-large"
    assert (await api.get("/api/goals")).status_code == 200


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"GET /api/goals HTTP/1.1\r\nHost: localhost\r\n",
    ],
)
async def test_a_request_that_does_not_come_keeps_no_connection(
    api: httpx.AsyncClient, begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TimedProtocol, "header_seconds", 0.2)
    reader, writer = await asyncio.open_connection(api.base_url.host, api.base_url.port)
    writer.write(begun)
    async with asyncio.timeout(4):  # before the server's own limit between requests
        answers = await reader.read()
    assert b"408 Request Timeout" in answers
    writer.close()


async def test_nor_does_one_that_comes_after_another(
    api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TimedProtocol, "header_seconds", 0.2)
    reader, writer = await asyncio.open_connection(api.base_url.host, api.base_url.port)
    begun = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
    writer.write(begun + b"\r\n")
    assert b"200 OK" in await reader.readuntil(b"}")
    writer.write(begun)
    async with asyncio.timeout(4):
        assert b"408 Request Timeout" in await reader.read()
    writer.close()


async def test_a_body_that_comes_too_slowly_is_refused() -> None:
    async def app(scope: object, receive: Callable[[], Awaitable[Message]], send: object) -> None:
        while (await receive())["more_body"]:
            continue

    async def receive() -> Message:
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b"x", "more_body": True}

    async def send(message: Message) -> None:
        raise AssertionError

    scope = {"type": "http", "path": "/api/uploads", "headers": [], "state": {}}
    limited = BodyLimitMiddleware(app, grace_seconds=0.1)
    with pytest.raises(HTTPException) as refused:
        await limited(scope, receive, send)
    assert refused.value.status_code == 408


async def test_files_have_a_limit_of_their_own() -> None:
    assert body_limit("/api/uploads") is None
    assert body_limit("/api/uploads/x") == MAX_BODY_BYTES
    settle = body_limit("/api/goals/goal-x/steps/settle")
    assert settle is not None
    assert settle > MAX_BODY_BYTES


async def test_a_key_has_its_rate_and_is_told_what_is_left(
    serve_api: ServeApi, server: DevelopmentServer, own_home: Path
) -> None:
    async with open_stores(Settings(home=own_home)) as stores:
        one, two = [(await stores.access.keys.create(name, ["read"]))[0] for name in ("a", "b")]
    api = await serve_api(server.address, worker=False, key_rate="3/hour")
    answers = [
        await api.get("/api/goals", headers={"Authorization": f"Bearer {one}"}) for _ in range(4)
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    left = [answer.headers["ratelimit"].partition(";t=")[0] for answer in answers]
    assert left == [f'"key";r={number}' for number in (2, 1, 0, 0)]
    assert {answer.headers["ratelimit-policy"] for answer in answers} == {'"key";q=3;w=3600'}
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 3600
    assert answers[-1].json()["type"] == "urn:perdure:problem:too-many-requests"
    other = await api.get("/api/goals", headers={"Authorization": f"Bearer {two}"})
    assert other.status_code == 200
    assert (await api.get("/healthz")).status_code == 200


async def test_a_tenant_starts_as_many_goals_as_it_may(
    serve_api: ServeApi, server: DevelopmentServer, own_home: Path
) -> None:
    async with open_stores(Settings(home=own_home)) as stores:
        keys = [
            (await stores.access.keys.create("a", ["read", "submit"], tenant=tenant))[0]
            for tenant in ("one", "one", "two")
        ]
    api = await serve_api(server.address, tenant_goals="1/day")
    statuses = [
        (
            await api.post(
                "/api/execute-goal", json=GOAL, headers={"Authorization": f"Bearer {key}"}
            )
        ).status_code
        for key in keys
    ]
    assert statuses == [200, 429, 200]
    read = await api.get("/api/goals", headers={"Authorization": f"Bearer {keys[1]}"})
    assert read.status_code == 200


async def test_who_tries_many_keys_does_not_fill_the_audit_table(
    serve_api: ServeApi, server: DevelopmentServer, own_home: Path
) -> None:
    async with open_stores(Settings(home=own_home)) as stores:
        key, _ = await stores.access.keys.create("a", ["read"])
        api = await serve_api(server.address, worker=False)
        wrong = [
            (await api.get("/api/goals", headers={"Authorization": f"Bearer {number}"})).status_code
            for number in range(40)
        ]
        assert wrong == [401] * 30 + [429] * 10
        assert len(await stores.access.audit.list(None, limit=100)) == 30
    # A valid key from the same address goes on.
    answer = await api.get("/api/goals", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 200


async def test_attempts_are_counted_by_subscriber() -> None:
    attempts = FailedAttempts()
    for number in range(30):
        attempts.count(f"2001:db8::{number:x}")
    with pytest.raises(TooManyRequests):
        attempts.count("2001:db8::ffff")
    attempts.count("2001:db8:0:1::1")
    attempts.count("")


async def test_a_rate_is_a_number_in_a_time() -> None:
    assert Settings(_env_file=None, key_rate="600/minute").key_rate == Rate(600, 60)
    for wrong in ("600", "0/minute", "-1/day", "many/hour", "5/fortnight", "5 per hour"):
        with pytest.raises(ValidationError, match="600/minute"):
            Settings(_env_file=None, key_rate=wrong)
