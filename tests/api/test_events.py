"""The route of events: replay, following, signs of life, and who goes away."""

import asyncio
import gc
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from perdure.agents.plugins.registry import AgentRegistry
from perdure.api.app import create_app
from perdure.api.routes import events
from perdure.api.server import listen, serve
from perdure.models import Goal, GoalStatus
from perdure.settings import Settings
from perdure.stores import Stores, open_stores
from perdure.stores.events.run_tail import RunTail
from perdure.temporal.client.connection import connect
from perdure.temporal.client.goal_service import GoalService
from perdure.temporal.server.ports import free_port
from tests.support.until import until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")

ServeApi = Callable[..., Awaitable[httpx.AsyncClient]]
Frame = dict[str, str]


@pytest_asyncio.fixture(loop_scope="session")
async def api(serve_api: ServeApi) -> httpx.AsyncClient:
    """Return a client of the API where no Temporal server is: events need none."""
    return await serve_api(f"127.0.0.1:{free_port()}", worker=False)


@pytest_asyncio.fixture(loop_scope="session")
async def stores(api: httpx.AsyncClient, own_home: Path) -> AsyncIterator[Stores]:
    """Open the API's stores as another process would, with one run under way."""
    async with open_stores(Settings(home=own_home)) as opened:
        goal = Goal(goal_id="sales", description="Profile the sales", agent_type="echo")
        await opened.goals.create(goal, "run", datetime.now(UTC))
        yield opened


async def frames(answer: httpx.Response) -> AsyncIterator[Frame]:
    """Yield each frame's fields; a comment's name is empty."""
    frame: Frame = {}
    async for line in answer.aiter_lines():
        name, _, value = line.partition(": ")
        if line:
            frame[name] = value
        elif frame:
            yield frame
            frame = {}


@asynccontextmanager
async def following(
    api: httpx.AsyncClient, query: str = "", **headers: str
) -> AsyncIterator[AsyncIterator[Frame]]:
    address = f"/api/goals/run/events{query}"
    async with api.stream("GET", address, headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-cache"
        yield frames(answer)


async def ids(api: httpx.AsyncClient, query: str = "", **headers: str) -> list[str]:
    async with following(api, query, **headers) as told:
        return [frame["id"] async for frame in told if "id" in frame]


async def test_events_replay_and_follow_without_temporal(
    api: httpx.AsyncClient, stores: Stores
) -> None:
    await stores.events.append("run", "progress", {"message": "half\nway"})
    async with following(api) as told:
        assert await anext(told) == {"retry": "1000"}
        assert (await anext(told))["event"] == "run.started"
        frame = await anext(told)
        assert (frame["id"], frame["event"]) == ("2", "progress")
        event: dict[str, Any] = json.loads(frame["data"])
        assert event["workflow_id"] == "run"
        assert event["number"] == 2
        assert event["data"] == {"message": "half\nway"}
        await stores.events.append("run", "progress", {})
        assert (await anext(told))["id"] == "3"
        await stores.results.store("run", GoalStatus.COMPLETED, None, 1.0)
        assert [frame["event"] async for frame in told] == ["run.completed"]


async def test_the_last_event_id_wins_over_the_address(
    api: httpx.AsyncClient, stores: Stores
) -> None:
    for _ in range(3):
        await stores.events.append("run", "progress", {})
    await stores.results.store("run", GoalStatus.COMPLETED, None, 1.0)
    assert await ids(api, **{"Last-Event-ID": "3"}) == ["4", "5"]
    assert await ids(api, "?after=2") == ["3", "4", "5"]
    # A browser connects again to the same address.
    assert await ids(api, "?after=2", **{"Last-Event-ID": "4"}) == ["5"]
    assert await ids(api, "?after=2", **{"Last-Event-ID": "0"}) == ["1", "2", "3", "4", "5"]
    assert await ids(api, "?after=5") == []


@pytest.mark.parametrize("query", ["?after=-1", "?after=x", f"?after={2**60}"])
async def test_a_number_that_is_none_is_refused(
    api: httpx.AsyncClient, stores: Stores, query: str
) -> None:
    assert (await api.get(f"/api/goals/run/events{query}")).status_code == 422


async def test_an_unknown_run_is_a_problem(api: httpx.AsyncClient) -> None:
    answer = await api.get("/api/goals/nowhere/events")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert "no goal 'nowhere' is on record" in answer.json()["detail"]


async def test_an_idle_run_shows_that_it_is_followed(
    api: httpx.AsyncClient, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.1)
    await stores.goals.set_status("run", GoalStatus.WAITING)
    async with following(api, "?after=1") as told:
        await anext(told)
        for _ in range(2):
            frame = await anext(told)
            assert set(frame) == {"event", "data"}  # without an id the last one stays the browser's
            beat = json.loads(frame["data"])
            assert frame["event"] == beat["type"] == "heartbeat"
            assert (beat["workflow_id"], beat["number"]) == ("run", 1)
            assert beat["data"] == {"status": "waiting"}
            assert datetime.fromisoformat(beat["time"]).tzinfo is not None
    assert [event.number for event in await stores.events.after("run", 0)] == [1]


async def test_a_client_that_disconnects_ends_its_reader(
    api: httpx.AsyncClient, stores: Stores
) -> None:
    def readers() -> int:
        tails = [tail for tail in gc.get_objects() if type(tail) is RunTail]
        return sum(tail.readers for tail in tails)

    async with following(api) as told:
        await anext(told)
        await until_async(lambda: readers() == 1, "a reader")
    # Well before a heartbeat would find out.
    await until_async(lambda: not readers(), "the reader's end", 5)


async def test_a_server_that_stops_ends_its_streams_in_order(own_home: Path) -> None:
    settings = Settings(home=own_home)
    async with open_stores(settings) as stores, httpx.AsyncClient() as client:
        goal = Goal(goal_id="sales", description="Profile the sales", agent_type="echo")
        await stores.goals.create(goal, "run", datetime.now(UTC))
        temporal = await connect(f"127.0.0.1:{free_port()}", lazy=True)
        app = create_app(GoalService(temporal, stores, AgentRegistry.from_loaded({}, [])), settings)
        async with serve(app, listen("127.0.0.1", 0), settings) as url:
            client.base_url = httpx.URL(url)
            async with following(client, "?after=1") as told:
                await anext(told)
                stopped = asyncio.get_running_loop().time()
                leaving = asyncio.create_task(anext(told, None))
                app.state.perdure.streams.close()
                assert await leaving is None
                # One that comes while the server stops is ended as well.
                async with following(client, "?after=1") as late:
                    assert [frame async for frame in late] == [{"retry": "1000"}]
        # Else it would be given three seconds, and a traceback.
        assert asyncio.get_running_loop().time() - stopped < 2


async def test_a_number_of_another_run_waits_for_what_follows(
    api: httpx.AsyncClient, stores: Stores
) -> None:
    async with following(api, "?after=2") as told:
        await anext(told)
        await stores.events.append("run", "progress", {})
        await stores.results.store("run", GoalStatus.COMPLETED, None, 1.0)
        assert [frame["id"] async for frame in told] == ["3"]


async def test_the_reference_describes_the_stream(api: httpx.AsyncClient) -> None:
    document = (await api.get("/openapi.json")).json()
    route = document["paths"]["/api/goals/{workflow_id}/events"]["get"]
    assert {given["name"] for given in route["parameters"]} == {
        "workflow_id",
        "last-event-id",
        "after",
    }
    assert list(route["responses"]["200"]["content"]) == ["text/event-stream"]
    assert list(route["responses"]["404"]["content"]) == ["application/problem+json"]
    assert "Problem" in document["components"]["schemas"]
