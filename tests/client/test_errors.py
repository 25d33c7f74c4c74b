"""What goes wrong, as errors of types that programs can tell apart."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
import pytest_asyncio

from perdure.client import (
    AsyncClient,
    ClientError,
    Forbidden,
    InvalidRequest,
    NotFound,
    RateLimited,
    ServerUnreachable,
    Unauthenticated,
    Unavailable,
    UnexpectedResponse,
)
from perdure.schemas.access import Scope
from perdure.temporal.server.ports import free_port
from tests.client.conftest import Site, Sites

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def guarded(sites: Sites) -> Site:
    """Return a site that asks for keys, whose keys may send ten requests an hour."""
    site = await sites.start("guarded", key_rate="10/hour")
    await site.stores.access.keys.create("first", [Scope.ADMIN])
    return site


async def key_of(site: Site, *scopes: Scope, tenant: str = "default") -> str:
    key, _ = await site.stores.access.keys.create("a test", scopes, tenant=tenant)
    return key


@asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Serve something else than this API: the same bytes to each connection."""
    requests: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()[:2]
        yield f"http://{host}:{port}", requests


async def test_a_key_that_is_not_known_is_refused(guarded: Site) -> None:
    for key in ("", "perdure_nobody"):
        async with AsyncClient(guarded.url, api_key=key) as client:
            with pytest.raises(Unauthenticated) as refused:
                await client.goals.list()
            assert refused.value.type == "unauthorized"
            with pytest.raises(Unauthenticated):
                await anext(client.goals.events("x"))


async def test_a_key_without_the_scope_is_refused(guarded: Site) -> None:
    async with AsyncClient(guarded.url, api_key=await key_of(guarded, Scope.READ)) as client:
        assert (await client.goals.list()).goals == []
        with pytest.raises(Forbidden, match="needs the scope submit") as refused:
            await client.goals.start("count", "Count")
        assert refused.value.type == "scope-missing"
        assert refused.value.status == 403
        assert refused.value.request_id


async def test_keys_are_made_and_revoked_and_on_record(guarded: Site) -> None:
    async with AsyncClient(guarded.url, api_key=await key_of(guarded, Scope.ADMIN)) as client:
        made = await client.keys.create("Ann's laptop", ["read"])
        async with AsyncClient(guarded.url, api_key=made.key) as other:
            await other.goals.list()
            revoked = await client.keys.revoke(made.record.key_id)
            assert revoked.revoked_at is not None
            with pytest.raises(Unauthenticated):
                await other.goals.list()
        assert made.record.key_id in {key.key_id for key in (await client.keys.list()).keys}
        entries = client.audit.iterate(subject=made.record.key_id, limit=1)
        assert [entry.action async for entry in entries] == ["key.revoke", "key.create"]


async def test_another_tenants_goal_is_not_there(guarded: Site) -> None:
    ours = await key_of(guarded, Scope.READ, Scope.SUBMIT)
    theirs = await key_of(guarded, Scope.ADMIN, tenant="other")
    async with AsyncClient(guarded.url, api_key=ours) as client:
        run = (await client.goals.run("count", "Count")).workflow_id
    async with AsyncClient(guarded.url, api_key=theirs) as client:
        with pytest.raises(NotFound) as refused:
            await client.goals.show(run)
        assert refused.value.type == "unknown-goal"
        with pytest.raises(NotFound):
            await anext(client.goals.events(run))
        with pytest.raises(NotFound):
            await client.goals.cancel(run)
        with pytest.raises(NotFound):
            await client.artifacts.list(run)


async def test_too_many_requests_are_refused_and_say_when(guarded: Site) -> None:
    async with AsyncClient(guarded.url, api_key=await key_of(guarded, Scope.READ)) as client:
        for _ in range(10):
            await client.goals.list()
        with suppress(RateLimited):  # one more is let through where a clock hour has just begun
            await client.goals.list()
        began = time.monotonic()
        with pytest.raises(RateLimited) as refused:
            await client.goals.list()
        assert time.monotonic() - began < 5  # an hour is more than anybody waits
        assert refused.value.retry_after is not None
        assert refused.value.retry_after > 60


async def test_a_rate_that_is_soon_over_is_waited_for(sites: Sites) -> None:
    site = await sites.start("rated", worker=False, key_rate="3/second")
    async with AsyncClient(site.url, api_key=await key_of(site, Scope.READ)) as client:
        began = time.monotonic()
        for _ in range(7):
            await client.goals.list()
        assert time.monotonic() - began > 0.9


async def test_a_request_at_fault_names_the_field(guarded: Site) -> None:
    async with AsyncClient(guarded.url, api_key=await key_of(guarded, Scope.SUBMIT)) as client:
        with pytest.raises(InvalidRequest) as refused:
            await client.goals.start("count", "Count", parameters={"steps": "many"})
        assert refused.value.type == "invalid-parameters"
        assert [field.field for field in refused.value.fields] == ["parameters.steps"]
        assert str(refused.value) == refused.value.detail
        with pytest.raises(InvalidRequest) as refused:
            await client.goals.start("nobody", "Count")
        assert refused.value.type == "unknown-agent"


async def test_a_server_that_is_not_there_is_not_waited_for() -> None:
    async with AsyncClient(f"http://127.0.0.1:{free_port()}") as client:
        began = time.monotonic()
        with pytest.raises(ServerUnreachable, match="cannot be reached") as failed:
            await client.goals.list()
        assert time.monotonic() - began < 2
        assert not failed.value.may_have_arrived


PAGE = b"<html>sign in</html>"


@pytest.mark.parametrize(
    ("answer", "kind", "sentence"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n" + PAGE, UnexpectedResponse, "no answer"),
        (
            b"HTTP/1.1 301 Moved\r\nLocation: https://there/\r\nContent-Length: 0\r\n\r\n",
            UnexpectedResponse,
            "https://there/",
        ),
        (
            b"HTTP/1.1 404 Not Found\r\nContent-Length: 20\r\n\r\n" + PAGE,
            NotFound,
            "without saying",
        ),
        (b"HTTP/1.1 299 Odd\r\nContent-Length: 2\r\n\r\n{}", UnexpectedResponse, "goals"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", ServerUnreachable, "broke"),
    ],
)
async def test_who_else_answers_is_no_api(
    answer: bytes, kind: type[ClientError], sentence: str
) -> None:
    async with answering(answer) as (url, _), AsyncClient(url, retry_seconds=0.1) as client:
        with pytest.raises(kind, match=sentence):
            await client.goals.list()


async def test_what_may_have_been_done_is_not_done_again() -> None:
    away = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    async with answering(away) as (url, requests), AsyncClient(url, retry_seconds=1) as client:
        with pytest.raises(Unavailable):
            await client.goals.pause("x")
        assert len(requests) == 1
        with pytest.raises(Unavailable):
            await client.goals.show("x")
        assert len(requests) > 2


@pytest.mark.parametrize(
    ("url", "key", "sentence"),
    [
        ("perdure.example", "", "no address of a server"),
        ("ftp://perdure.example", "", "no address of a server"),
        ("http://", "", "no address of a server"),
        ("http://x", "two\nlines", "a character that no key has"),
        ("http://x", "ключ", "a character that no key has"),
    ],
)
async def test_an_address_and_a_key_that_cannot_be_are_refused(
    url: str, key: str, sentence: str
) -> None:
    with pytest.raises(ClientError, match=sentence) as refused:
        AsyncClient(url, api_key=key)
    assert not key or key not in str(refused.value)


async def test_address_and_key_come_from_the_environment(
    guarded: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERDURE_SERVER", f"{guarded.url}/")
    monkeypatch.setenv("PERDURE_API_KEY", await key_of(guarded, Scope.READ))
    async with AsyncClient() as client:
        assert client.base_url == guarded.url
        assert (await client.approvals.list()).approvals == []
