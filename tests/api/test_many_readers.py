"""Hundreds of readers of one goal, of whom half are gone without a word."""

import asyncio
import gc
import resource
import time
from collections.abc import Iterator

import httpx
import pytest

from perdure.api.routes import dependencies
from perdure.stores.events.run_tail import RunTail
from tests.support.until import until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")

READERS = 500
GOAL = {"goal_id": "read", "description": "say it", "agent_type": "echo"}


@pytest.fixture
def many_files() -> Iterator[None]:
    """Let this process, which is server and clients, have two sockets for each reader."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4 * READERS if hard == resource.RLIM_INFINITY else min(4 * READERS, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def followed() -> int:
    return sum(tail.readers for tail in gc.get_objects() if type(tail) is RunTail)


async def test_half_of_many_readers_vanish(api: httpx.AsyncClient, many_files: None) -> None:
    waiting = GOAL | {"parameters": {"wait": True}}
    run = (await api.post("/api/execute-goal", json=waiting)).json()["workflow_id"]
    host, port = api.base_url.host, api.base_url.port
    tasks_before = len(asyncio.all_tasks())

    async def read() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(host, port)
        head = f"GET /api/goals/{run}/events HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n"
        writer.write(head.encode())
        await reader.readuntil(b"event: artifact\n")
        return reader, writer

    async with asyncio.timeout(100):
        streams = await asyncio.gather(*(read() for _ in range(READERS)))
    assert followed() == READERS
    gone, stay = streams[::2], streams[1::2]
    for _, writer in gone:
        writer.transport.abort()
    await until_async(lambda: followed() == len(stay), "that the others are let go", 60)

    # Who stays keeps nobody from anything.
    began = time.monotonic()
    quick = await api.post("/api/execute-goal?wait=30", json=GOAL)
    assert quick.json()["status"] == "completed"
    assert time.monotonic() - began < 10
    assert (await api.post(f"/api/goals/{run}/cancel")).is_success
    async with asyncio.timeout(60):
        ends = await asyncio.gather(*(reader.readuntil(b"0\r\n\r\n") for reader, _ in stay))
    assert all(b"event: run.cancelled" in end for end in ends)
    for _, writer in stay:
        writer.close()
    await until_async(lambda: followed() == 0, "that all are let go", 60)
    await until_async(lambda: len(asyncio.all_tasks()) <= tasks_before + 20, "fewer tasks", 60)


async def test_a_reader_for_whom_there_is_no_connection_is_told_so(
    api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = GOAL | {"parameters": {"wait": True}}
    run = (await api.post("/api/execute-goal", json=waiting)).json()["workflow_id"]
    path = f"/api/goals/{run}/events"
    monkeypatch.setattr(dependencies, "_descriptors", lambda: 2)
    async with api.stream("GET", path) as first:
        lines = first.aiter_lines()  # kept: where nothing refers to it the stream is closed
        await anext(lines)
        refused = await api.get(path)
        assert refused.status_code == 503
        assert refused.headers["Retry-After"]
        assert refused.json()["type"] == "urn:perdure:problem:too-many-readers"
        assert "may have 2 files and connections open: have that limit" in refused.json()["detail"]
        # One who waits for the end learns at least that it is started.
        started = await api.post("/api/execute-goal?wait=30", json=waiting)
        assert started.json()["status"] == "started"
        await api.post(f"/api/goals/{started.json()['workflow_id']}/cancel")
    await until_async(lambda: followed() == 0, "that the reader is let go", 60)
    assert (await api.post(f"/api/goals/{run}/cancel")).is_success
    assert "run.cancelled" in (await api.get(path)).text
