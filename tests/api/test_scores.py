"""Routes of scores, and how clients, the record and the pages show them; no worker is up."""

from collections.abc import Awaitable, Callable

import httpx
import pytest
import pytest_asyncio

from perdure.client import AsyncClient
from perdure.models import GoalStatus
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.temporal.server.development_server import DevelopmentServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

ServeApi = Callable[..., Awaitable[httpx.AsyncClient]]
GOAL = {"goal_id": "test-001", "description": "say it", "agent_type": "echo"}


@pytest_asyncio.fixture(loop_scope="session")
async def api(serve_api: ServeApi, server: DevelopmentServer) -> httpx.AsyncClient:
    """Return a client of the API over the test run's server, without a worker."""
    return await serve_api(server.address, worker=False)


@pytest_asyncio.fixture(loop_scope="session")
async def run(api: httpx.AsyncClient) -> str:
    """Start a goal and return its workflow id."""
    started: str = (await api.post("/api/execute-goal", json=GOAL)).json()["workflow_id"]
    return started


async def test_a_goal_is_scored_and_shows_it(api: httpx.AsyncClient, run: str) -> None:
    scores = f"/api/goals/{run}/scores"
    assert (await api.get(scores)).json() == {"scores": []}

    first = await api.post(scores, json={"name": "accuracy", "value": 0.5, "by": "ann"})
    assert first.status_code == 200
    body = {"name": "accuracy", "value": 0.8125, "by": "ann", "comment": "<b>one</b> is wrong"}
    assert (await api.post(scores, json=body)).json()["value"] == 0.8125
    await api.post(scores, json={"name": "useful", "value": True, "step": "read#2"})
    await api.post(scores, json={"name": "tone", "value": "friendly"})

    listed = (await api.get(scores)).json()["scores"]
    assert [(one["name"], one["value"], one["by_agent"]) for one in listed] == [
        ("accuracy", 0.8125, False),
        ("tone", "friendly", False),
        ("useful", True, False),
    ]
    assert listed[0]["by"] == "ann"
    assert listed[1]["by"] == listed[2]["by"] != ""  # whoever calls
    assert (await api.get(f"/api/goals/{run}")).json()["scores"] == listed
    page = (await api.get(f"/goals/{run}", headers={"Accept": "text/html"})).text
    assert '<dt dir="auto">accuracy</dt><dd dir="auto">0.812<small>and 2 more scores' in page
    assert "&lt;b&gt;one&lt;/b&gt; is wrong" in page
    assert "read#2" in page
    async with open_stores(Settings()) as stores:
        entries = await stores.access.audit.list("default", action="goal.score", subject=run)
    assert [entry.details["value"] for entry in entries] == ["friendly", True, 0.8125, 0.5]
    assert entries[2].details["comment"] == "<b>one</b> is wrong"


async def test_what_is_no_score_is_refused_by_name(api: httpx.AsyncClient, run: str) -> None:
    scores = f"/api/goals/{run}/scores"
    for wrong, field in (
        ({"name": "two words", "value": 1}, "name"),
        ({"name": "a" * 65, "value": 1}, "name"),
        ({"name": "a"}, "value"),
        ({"name": "a", "value": None}, "value"),
        ({"name": "a", "value": 1e300}, "value"),
        ({"name": "a", "value": "x" * 65}, "value"),
        ({"name": "a", "value": 1, "comment": "x" * 2_001}, "comment"),
        ({"name": "a", "value": 1, "by": " "}, "by"),
        ({"name": "a", "value": 1, "colour": "red"}, "colour"),
    ):
        answer = await api.post(scores, json=wrong)
        assert answer.status_code == 422, wrong
        assert answer.json()["errors"][0]["field"].startswith(field)
    for text in ("NaN", "Infinity", "1e999"):
        answer = await api.post(scores, content=f'{{"name": "a", "value": {text}}}')
        assert answer.status_code == 422, text
    assert (await api.get(scores)).json() == {"scores": []}
    unknown = await api.post("/api/goals/nowhere/scores", json={"name": "a", "value": 1})
    assert unknown.status_code == 404
    assert (await api.get("/api/goals/nowhere/scores")).status_code == 404


async def test_a_goal_takes_a_hundred(api: httpx.AsyncClient, run: str) -> None:
    for number in range(100):
        await api.post(f"/api/goals/{run}/scores", json={"name": f"n{number}", "value": number})
    answer = await api.post(f"/api/goals/{run}/scores", json={"name": "more", "value": 1})
    assert answer.status_code == 409
    assert "100 scores" in answer.json()["detail"]


async def test_usage_has_averages_and_keeps_them_when_a_goal_is_deleted(
    api: httpx.AsyncClient, run: str
) -> None:
    scores = f"/api/goals/{run}/scores"
    await api.post(scores, json={"name": "accuracy", "value": 0.5, "by": "ann"})
    await api.post(scores, json={"name": "accuracy", "value": True, "by": "bob"})
    await api.post(scores, json={"name": "tone", "value": "friendly"})
    running = await api.delete(f"/api/goals/{run}")
    assert running.status_code == 409
    assert "is running and cannot be deleted" in running.json()["detail"]
    async with open_stores(Settings()) as stores:
        await stores.results.store(run, GoalStatus.COMPLETED, None, 2.5)

    before = (await api.get("/api/usage?by=agent")).json()
    assert before["groups"][0]["scores"] == [
        {"name": "accuracy", "count": 2, "average": 0.75},
        {"name": "tone", "count": 1, "average": None},
    ]
    for by in ("agent", "day"):
        page = (await api.get(f"/usage?by={by}", headers={"Accept": "text/html"})).text
        assert 'accuracy <strong>0.75</strong> <span class="faint">(2)</span>' in page
        assert "accuracy 0.75 on average" in page  # of the chart's bar
    assert (await api.delete(f"/api/goals/{run}")).status_code == 204

    assert (await api.get(f"/api/goals/{run}")).status_code == 404
    assert (await api.delete(f"/api/goals/{run}")).status_code == 404
    after = (await api.get("/api/usage?by=agent")).json()
    assert after == before
    assert (after["total"]["completed"], after["total"]["seconds"]) == (1, 2.5)


async def test_the_client_scores(api: httpx.AsyncClient, run: str) -> None:
    async with AsyncClient(str(api.base_url)) as client:
        given = await client.goals.score(run, "accuracy", 0.5, "half of it", by="nightly")
        assert (given.value, given.comment, given.by) == (0.5, "half of it", "nightly")
        await client.goals.score(run, "accuracy", False, step="read", by="nightly")
        assert [one.value for one in (await client.goals.scores(run)).scores] == [0.5, False]
        assert (await client.goals.show(run)).scores[0] == given
