"""Requests that nobody sends by mistake: each is answered, none as if the server were at fault."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from perdure.api import server as api_server
from perdure.models import Goal, GoalStatus
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.temporal.server.development_server import DevelopmentServer
from tests.api.test_access import every_route

pytestmark = pytest.mark.asyncio(loop_scope="session")

ServeApi = Callable[..., Awaitable[httpx.AsyncClient]]

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
OCTETS = {"Content-Type": "application/octet-stream"}
HOSTILE_IDS = (
    "%00", "..%2f..%2fetc", "%2e%2e", "%ed%a0%80", "%e2%80%ae%1b", "'%20OR%201=1--", "x" * 8_000,
    "%0d%0aSet-Cookie:%20a=b",
)  # fmt: skip
EXTREME_TIMES = (
    "0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59-14:00~x", "1e400", "9" * 5_000,
    "%00",
)  # fmt: skip


@pytest_asyncio.fixture(loop_scope="session")
async def quiet(serve_api: ServeApi, server: DevelopmentServer) -> httpx.AsyncClient:
    """Return a client of the API over the test run's server, without a worker."""
    return await serve_api(server.address, worker=False)


async def send(api: httpx.AsyncClient, request: bytes) -> bytes:
    """Send bytes as they are, and return all that comes back."""
    reader, writer = await asyncio.open_connection(api.base_url.host, api.base_url.port)
    writer.write(request.replace(b"HOST", f"127.0.0.1:{api.base_url.port}".encode()))
    async with asyncio.timeout(20):
        answer = await reader.read()
    writer.close()
    return answer


async def test_no_id_in_a_path_is_the_servers_fault(quiet: httpx.AsyncClient) -> None:
    ids = cycle(HOSTILE_IDS)  # of each route some, of each a dozen routes
    for method, path, _ in every_route():
        if "{" not in path:
            continue
        for hostile in islice(ids, 3):
            parts = (hostile if part.startswith("{") else part for part in path.split("/"))
            answer = await quiet.request(method, "/".join(parts), json={})
            assert answer.status_code < 500, (method, path, hostile)
            assert "set-cookie" not in answer.headers or "a=b" not in answer.headers["set-cookie"]


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
async def test_no_time_and_no_cursor_is_the_servers_fault(
    serve_api: ServeApi, server: DevelopmentServer, request: pytest.FixtureRequest, database: str
) -> None:
    values = cycle(EXTREME_TIMES)

    async def look(api: httpx.AsyncClient) -> None:
        for path, names in (
            ("/api/goals", ("since", "until", "ended_since", "before", "parent", "search")),
            ("/api/goals/counts", ("since", "agent_type", "started_by")),
            ("/api/dead-letters", ("before", "agent_type")),
            ("/api/uploads", ("before",)),
            ("/api/approvals", ("before", "after", "workflow_id")),
            ("/api/usage", ("since", "by")),
            ("/api/audit", ("before", "who", "subject", "action")),
            ("/api/audit/facts", ("before", "since", "until", "who", "subject", "kind")),
            ("/audit", ("before", "days", "who", "subject", "kind")),
            ("/goals", ("before", "search", "status", "agent", "since")),
            ("/usage", ("days", "by")),
        ):
            for name in names:
                for value in islice(values, 3):
                    answer = await api.get(f"{path}?{name}={value}")
                    assert answer.status_code in {200, 422}, (path, name, value, answer.text)
        for hostile in ("%00", "x%00y"):
            for path in ("/api/goals/{}", "/goals/{}", "/api/uploads/{}", "/api/approvals/{}"):
                assert (await api.get(path.format(hostile))).status_code == 404
        assert (await api.delete("/api/keys/%00")).status_code == 404

    if database == "sqlite":
        await look(await serve_api(server.address, worker=False))
        return
    async with request.getfixturevalue("postgresql").database() as url:
        await look(await serve_api(server.address, worker=False, database_url=url))


async def test_no_method_does_what_another_may(quiet: httpx.AsyncClient) -> None:
    taken = {(method, path) for method, path, _ in every_route()}
    for path in {path for _, path, _ in every_route()}:
        for method in ("HEAD", "OPTIONS", "TRACE"):
            if (method, path) not in taken:
                answer = await quiet.request(method, path.replace("{", "x").replace("}", ""))
                # Some routes take HEAD for GET, as HTTP has it.
                expected = {200, 404, 405} if method == "HEAD" else {404, 405}
                assert answer.status_code in expected, (method, path)
                assert "access-control-allow-origin" not in answer.headers


async def test_what_is_for_one_reader_stays_with_them(quiet: httpx.AsyncClient) -> None:
    for method, path, _ in every_route():
        if method != "GET" or path.endswith("/provider"):
            continue
        answer = await quiet.get(path.replace("{", "x").replace("}", ""))
        assert answer.headers["x-content-type-options"] == "nosniff", path
        assert answer.headers["cross-origin-resource-policy"] == "same-origin", path
        kept = answer.headers["cache-control"]
        assert kept in {"no-store", "no-cache", "private, no-cache"}, path
        if answer.headers.get("content-type", "").startswith("text/html"):
            assert "frame-ancestors 'none'" in answer.headers["content-security-policy"], path


def raw(line: str, *headers: str, body: str = "") -> bytes:
    """Return a request as it goes over the wire; HOST stands for the server's own."""
    return "\r\n".join((f"{line} HTTP/1.1", *headers, "", body)).encode("latin-1")


OWN, CLOSE = "Host: HOST", "Connection: close"
GET, POST = "GET /api/goals", "POST /api/goals/cancel"
NEXT = "POST /api/dead-letters/retry HTTP/1.1\r\n\r\n"
WEBSOCKET = (
    "Connection: Upgrade, close",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (raw(GET, OWN, "Host: evil.example"), 400),
        (raw(GET), 400),
        (raw(GET, "Host: evil.example", CLOSE), 400),
        # What a name resolves to is the business of who owns it (DNS rebinding).
        (raw("GET /goals", "Host: localhost.evil.example", CLOSE), 400),
        (raw(GET, "Host: ", CLOSE), 400),
        (raw(GET, OWN, "X-A : b"), 400),
        (raw(GET, OWN, "X-A: \0"), 400),
        # Where no proxy is trusted they are headers as any other.
        (raw(GET, OWN, CLOSE, "X-Forwarded-Host: evil.example", "Forwarded: for=10.0.0.1"), 200),
        # Two lengths, and what could be taken for a request of its own behind the first.
        (raw(POST, OWN, "Content-Length: 1", "Content-Length: 9", body="{}"), 400),
        (raw(POST, OWN, "Content-Length: -1"), 400),
        (raw(POST, OWN, f"Content-Length: {'9' * 5_000}"), 400),
        (raw(POST, OWN, "Transfer-Encoding: gzip, chunked"), 400),
        (
            raw(
                *(POST, OWN, CLOSE, "Content-Length: 60", "Transfer-Encoding: chunked"),
                body=f"0\r\n\r\n{NEXT}",
            ),
            422,
        ),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        # No other protocol is begun, past all that requests pass.
        (raw(GET, OWN, *WEBSOCKET), 200),
        (raw(GET, OWN, CLOSE, "Cookie: perdure-session=a", 'Cookie: theme="><script>\xff'), 200),
    ],
)
async def test_what_is_no_plain_request_gets_one_answer(
    quiet: httpx.AsyncClient, request_: bytes, status: int
) -> None:
    answer = await send(quiet, request_)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize("credentials", [{}, {"Authorization": "Basic YTpi"}])
async def test_a_page_of_another_site_changes_nothing(
    quiet: httpx.AsyncClient, headers: dict[str, str], credentials: dict[str, str]
) -> None:
    # A browser sends what stands in an address, as in http://a:b@127.0.0.1:8000/, by itself.
    sent = headers | credentials
    goal = {"goal_id": "g", "description": "d", "agent_type": "echo"}
    for method, path, content in (
        ("POST", "/api/execute-goal", json.dumps(goal)),
        ("POST", "/agents/echo", "description=d&goal_id=g"),
        ("POST", "/sign-in", "key=x"),
        ("DELETE", "/api/keys/x", ""),
    ):
        kind = JSON if path.startswith("/api") else FORM
        answer = await quiet.request(method, path, content=content, headers=sent | kind)
        assert answer.status_code == 403, path
    assert (await quiet.get("/api/goals")).json()["goals"] == []
    # Neither do they replace the token of a form.
    answer = await quiet.post("/agents/echo", content="description=d", headers=credentials | FORM)
    assert answer.status_code == 403


async def test_a_compressed_body_is_not_taken(quiet: httpx.AsyncClient, own_home: Path) -> None:
    small = gzip.compress(b"\0" * 50_000_000)
    for path, kind in (("/api/execute-goal", JSON), ("/api/uploads?name=a.csv", OCTETS)):
        headers = kind | {"Content-Encoding": "gzip"}
        answer = await quiet.post(path, content=small, headers=headers)
        assert answer.status_code == 415
        assert "Content-Encoding" in answer.json()["detail"]
    assert not (own_home / "artifacts").exists()


async def test_a_form_of_a_million_fields_is_not_read(quiet: httpx.AsyncClient) -> None:
    content = "a=1&" * 1_000_000
    answer = await quiet.post("/agents/echo", content=content, headers=FORM)
    assert answer.status_code == 403  # without a cookie nothing of it is read
    cookie = {"Cookie": "perdure-browser=x"}
    answer = await quiet.post("/agents/echo", content=content, headers=FORM | cookie)
    assert answer.status_code == 422
    assert "1,000 fields" in answer.json()["detail"]
    # Anybody may send a form to sign in: it is a small one.
    answer = await quiet.post("/sign-in", content="a" * 70_000, headers=FORM | cookie)
    assert answer.status_code == 413


def nested(levels: int) -> str:
    return "[" * levels + "1" + "]" * levels


def goal_with(parameter: str) -> str:
    return (
        '{"goal_id":"g","description":"d","agent_type":"echo","parameters":{"fail":'
        + parameter
        + "}}"
    )


@pytest.mark.parametrize(
    "body",
    [
        *(goal_with(nested(levels)) for levels in (101, 150, 250, 900, 100_000)),
        *(goal_with(number) for number in ("NaN", "Infinity", "-Infinity", "1e400", "1" * 5_000)),
        goal_with('"' + "\\ud800" + '"'),
        nested(100_000),
        '{"a":' * 100_000,
        '{"goal_id":"g",' * 2,
        "{" + ",".join(f'"k{number}":1' for number in range(2_000)) + "}",
        '{"goal_id":"g","description":"d","agent_type":"echo","budget":{"cost":1e400}}',
    ],
    ids=lambda body: f"{body[-40:]}",
)
async def test_what_json_should_not_hold_starts_nothing(
    quiet: httpx.AsyncClient, body: str
) -> None:
    answer = await quiet.post("/api/execute-goal", content=body, headers=JSON)
    assert answer.status_code in {400, 422}
    assert len(answer.content) < 20_000
    assert (await quiet.get("/api/goals")).json()["goals"] == []


@pytest.mark.parametrize(
    ("path", "body", "problems"),
    [
        ("/api/execute-goal", "FIELDS", 1),
        ("/api/execute-goal", goal_with('"x"').replace('"parameters":', '"budget":FIELDS,"a":'), 2),
        ("/api/execute-goal", goal_with('"x"').replace('{"fail":"x"}', "FIELDS"), 50),
        ("/api/goals/cancel", '{"workflow_ids":NUMBERS}', 1),
        ("/api/goals/cancel", '{"filter":{"status":NUMBERS}}', 1),
        ("/api/goals/cancel", '{"filter":FIELDS}', 1),
        ("/api/keys", '{"name":"x","scopes":NUMBERS}', 1),
        ("/api/keys", "FIELDS", 1),
        ("/api/goals/goal-g-1/steps/settle", "FIELDS", 1),
        ("/api/goals/goal-g-1/run-again", "FIELDS", 1),
    ],
)
async def test_what_is_wrong_ten_thousand_times_is_not_listed(
    quiet: httpx.AsyncClient, path: str, body: str, problems: int
) -> None:
    # Each took its time, in which nobody else was answered.
    fields = "{" + ",".join(f'"k{number}":1' for number in range(10_000)) + "}"
    body = body.replace("FIELDS", fields).replace("NUMBERS", f"[{'1,' * 10_000}1]")
    answer = await quiet.post(path, content=body, headers=JSON)
    assert answer.status_code == 422
    assert len(answer.json()["errors"]) == problems


async def test_nothing_is_stored_that_cannot_be_read_again(
    quiet: httpx.AsyncClient, own_home: Path
) -> None:
    async with open_stores(Settings(home=own_home)) as stores:
        goal = Goal(goal_id="g", description="d", agent_type="echo")
        await stores.goals.create(goal, "goal-g-1", datetime.now(UTC))
        await stores.goals.set_status("goal-g-1", GoalStatus.RUNNING)
    answer = await quiet.post("/api/goals/goal-g-1/signals/go", content=nested(150), headers=JSON)
    assert answer.status_code == 422
    assert "more than 100 levels" in answer.json()["detail"]
    settle = f'{{"step":"s","done":true,"by":"ann","value":{nested(150)}}}'
    answer = await quiet.post("/api/goals/goal-g-1/steps/settle", content=settle, headers=JSON)
    assert answer.status_code == 422
    assert (await quiet.get("/api/goals")).status_code == 200


@pytest.mark.parametrize(
    "name",
    [
        "../../x", "..", "a/b", "a\\b", "a\0", "a\u202egpj.exe", "a\u2066b", "\x1b[31m",
        "a\r\nX: y", "\u200b", "x" * 201, " ",
    ],
)  # fmt: skip
async def test_a_name_that_could_mislead_is_none_for_an_upload(
    quiet: httpx.AsyncClient, own_home: Path, name: str
) -> None:
    answer = await quiet.post(f"/api/uploads?name={quote(name)}", content=b"x", headers=OCTETS)
    assert answer.status_code == 422
    detail = answer.json()["detail"]
    assert detail.isprintable()
    assert not (own_home / "artifacts").exists()


async def test_who_takes_nothing_is_let_go(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_server, "SILENCE_SECONDS", 0.5)
    app, settings, ended = FastAPI(), Settings(home=own_home), asyncio.Event()
    app.state.perdure = SimpleNamespace(streams=SimpleNamespace(close=lambda: None))

    async def endless() -> AsyncIterator[bytes]:
        try:
            while True:
                await asyncio.sleep(0)
                yield b"x" * 65_536
        finally:
            ended.set()

    @app.get("/")
    async def download() -> StreamingResponse:
        return StreamingResponse(endless())

    listener = api_server.listen("127.0.0.1", 0)
    async with api_server.serve(app, listener, settings) as url:
        host, port = httpx.URL(url).host, httpx.URL(url).port
        reader, writer = await asyncio.open_connection(host, port, limit=1024)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
        async with asyncio.timeout(15):
            await ended.wait()
        writer.close()
