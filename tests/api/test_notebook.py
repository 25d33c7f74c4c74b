"""The notebook of a goal over the API: its pages, whose it is, and when it goes."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import pytest_asyncio

from perdure.agents.steps.journal import DelegateRequest
from perdure.agents.steps.keys import StepKey
from perdure.messages import Wait
from perdure.models import GoalStatus
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.stores.database.fencing import Claim
from perdure.temporal.server.development_server import DevelopmentServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

ServeApi = Callable[..., Awaitable[httpx.AsyncClient]]
GOAL = {"goal_id": "test-001", "description": "say it", "agent_type": "echo"}


@pytest_asyncio.fixture(loop_scope="session")
async def api(serve_api: ServeApi, server: DevelopmentServer) -> httpx.AsyncClient:
    """Return a client of the API over the test run's server, without a worker."""
    return await serve_api(server.address, worker=False)


async def written(api: httpx.AsyncClient) -> tuple[str, str]:
    """Return a goal and its delegate, which have both written in their notebook."""
    run: str = (await api.post("/api/execute-goal", json=GOAL)).json()["workflow_id"]
    async with open_stores(Settings()) as stores:
        first = Claim(run, "first", 1, datetime.now(UTC))
        claim, _ = await stores.executions.start(first, None, {})
        notebook = stores.notebook.for_execution(claim)
        for number in range(5):
            await notebook.write(f"key {number}", {"n": number}, 0, f"{number}")
        request = DelegateRequest("echo", "a part", {})
        wait = await stores.waits.for_execution(claim).open(StepKey("part", "0" * 64, 0), request)
        assert isinstance(wait, Wait)
        assert wait.workflow_id is not None
        below = Claim(wait.workflow_id, "second", 1, datetime.now(UTC))
        claim, _ = await stores.executions.start(below, None, {})
        await stores.notebook.for_execution(claim).write("key 1", None, 1, "again")
    return run, wait.workflow_id


async def get(api: httpx.AsyncClient, run: str, **query: Any) -> Any:
    answer = await api.get(f"/api/goals/{run}/notebook", params=query)
    return answer.raise_for_status().json()


async def test_it_has_the_newest_version_of_each_key(api: httpx.AsyncClient) -> None:
    run, delegate = await written(api)
    page = await get(api, run)
    assert page["after"] is None
    assert [(one["key"], one["value"], one["version"]) for one in page["entries"]] == [
        ("key 0", {"n": 0}, 1),
        ("key 1", None, 2),
        *((f"key {number}", {"n": number}, 1) for number in (2, 3, 4)),
    ]
    assert [one["writer"] for one in page["entries"]] == [run, delegate, run, run, run]
    assert await get(api, delegate) == page


async def test_it_comes_in_pages(api: httpx.AsyncClient) -> None:
    run, _ = await written(api)
    found, after = [], ""
    for size in (2, 2, 1):
        page = await get(api, run, limit=2, after=after)
        assert len(page["entries"]) == size
        found += [one["key"] for one in page["entries"]]
        after = page["after"]
    assert found == [f"key {number}" for number in range(5)]
    assert after is None
    assert (await get(api, run, limit=5))["after"] is None


async def test_what_is_asked_for_wrongly_is_refused(api: httpx.AsyncClient) -> None:
    run, _ = await written(api)
    assert (await api.get("/api/goals/nowhere/notebook")).status_code == 404
    for query in ({"limit": 0}, {"limit": 501}, {"after": "k" * 201}):
        answer = await api.get(f"/api/goals/{run}/notebook", params=query)
        assert answer.status_code == 422, query
    assert await get(api, run, after="z") == {"entries": [], "after": None}


async def test_it_goes_with_the_goal(api: httpx.AsyncClient) -> None:
    run, delegate = await written(api)
    async with open_stores(Settings()) as stores:
        for one in (run, delegate):
            await stores.results.store(one, GoalStatus.FAILED, None, 1.0)
        (await api.delete(f"/api/goals/{run}")).raise_for_status()
        assert (await api.get(f"/api/goals/{run}/notebook")).status_code == 404
        assert await stores.notebook.of(run) == []
