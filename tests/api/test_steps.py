"""Routes of steps of unknown outcome; no worker is up."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import httpx
import pytest
import pytest_asyncio

from perdure.agents.steps.keys import StepKey
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


async def cut_off(api: httpx.AsyncClient, *numbers: int) -> str:
    """Return the address of a failed run with steps of unknown outcome."""
    run: str = (await api.post("/api/execute-goal", json=GOAL)).json()["workflow_id"]
    async with open_stores(Settings()) as stores:
        claim = Claim(run, "first", 1, datetime.now(UTC))
        claim, _ = await stores.executions.start(claim, None, {})
        for number in numbers:
            key = StepKey("send", f"{number}" * 64, 0, number)
            await stores.context.journal(claim).begin(key, once=True)
        await stores.results.store(run, GoalStatus.FAILED, None, 1.0)
    return f"/api/goals/{run}/steps"


async def test_a_step_is_listed_and_settled(api: httpx.AsyncClient) -> None:
    steps = await cut_off(api, 1, 2)
    unknown = (await api.get(f"{steps}/unknown")).json()["steps"]
    assert [(step["step"], step["number"]) for step in unknown] == [("send", 1), ("send", 2)]

    body = {"step": "send", "done": True, "value": {"id": 17}, "by": "ann"}
    ambiguous = await api.post(f"{steps}/settle", json=body)
    assert ambiguous.status_code == 409
    assert "'send#1' or 'send#2'" in ambiguous.json()["detail"]
    settled = await api.post(f"{steps}/settle", json=body | {"step": unknown[0]["key"]})
    assert settled.status_code == 200
    assert settled.json()["step"] == unknown[0]
    other = {"step": "send", "done": False, "by": "ann"}
    assert (await api.post(f"{steps}/settle", json=other)).json()["done"] is False
    assert (await api.get(f"{steps}/unknown")).json() == {"steps": []}
    assert (await api.post(f"{steps}/settle", json=body)).status_code == 409
    assert (await api.post(f"{steps}/settle", json=body | {"step": "pay"})).status_code == 404


async def test_an_answer_that_says_too_little_or_too_much_is_refused(
    api: httpx.AsyncClient,
) -> None:
    steps = await cut_off(api, 1)
    for body in (
        {"step": "send", "done": True, "by": "ann"},
        {"step": "send", "done": False, "value": 1, "by": "ann"},
        {"step": "send", "done": "yes", "value": 1, "by": "ann"},
        {"step": "send", "done": True, "value": 1},
        {"step": "send", "done": True, "value": 1, "by": " "},
    ):
        answer = await api.post(f"{steps}/settle", json=body)
        assert answer.status_code == 422, body
    half = '{"step": "send", "done": true, "value": "\\ud800", "by": "ann"}'
    assert (await api.post(f"{steps}/settle", content=half)).status_code == 422
    assert len((await api.get(f"{steps}/unknown")).json()["steps"]) == 1
    assert (await api.get("/api/goals/nowhere/steps/unknown")).status_code == 404
