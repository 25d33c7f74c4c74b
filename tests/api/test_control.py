"""Routes that change how a run goes on; no worker is up, so runs stay as they are."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import pytest
import pytest_asyncio

from perdure.models import GoalStatus
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.temporal.server.development_server import DevelopmentServer
from perdure.temporal.server.ports import free_port

pytestmark = pytest.mark.asyncio(loop_scope="session")

ServeApi = Callable[..., Awaitable[httpx.AsyncClient]]
GOAL = {"goal_id": "test-001", "description": "say it", "agent_type": "echo"}


@pytest_asyncio.fixture(loop_scope="session")
async def api(serve_api: ServeApi, server: DevelopmentServer) -> httpx.AsyncClient:
    """Return a client of the API over the test run's server, without a worker."""
    return await serve_api(server.address, worker=False)


async def start(
    api: httpx.AsyncClient, key: str | None = None, **changes: object
) -> httpx.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    return await api.post("/api/execute-goal", json=GOAL | changes, headers=headers)


async def fail(workflow_id: str, status: GoalStatus = GoalStatus.FAILED) -> None:
    async with open_stores(Settings()) as stores:
        await stores.results.store(workflow_id, status, None, 1.0)


async def test_twenty_with_one_key_get_one_run(api: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(start(api, "key-1") for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["workflow_id"] for answer in answers}) == 1
    assert len((await api.get("/api/goals")).json()["goals"]) == 1

    # The order of the fields, and what is a default, do not make it another goal.
    same = await start(api, "key-1", parameters={})
    assert same.json() == answers[0].json()
    other = await start(api, "key-1", description="another")
    assert other.status_code == 409
    assert other.headers["content-type"] == "application/problem+json"
    assert answers[0].json()["workflow_id"] in other.json()["detail"]
    assert (await start(api, "key-2")).json() != answers[0].json()


@pytest.mark.parametrize("key", ["", "a b", "x" * 256])
async def test_what_is_no_key_is_refused(api: httpx.AsyncClient, key: str) -> None:
    answer = await start(api, key)
    assert answer.status_code == 422
    assert "dempotency" in answer.json()["detail"]
    assert (await api.get("/api/goals")).json()["goals"] == []


async def test_a_goal_that_is_refused_uses_up_no_key(api: httpx.AsyncClient) -> None:
    assert (await start(api, "key", agent_type="oracle")).status_code == 422
    assert (await start(api, "key")).status_code == 200


async def test_pause_resume_cancel_terminate(api: httpx.AsyncClient) -> None:
    run = (await start(api)).json()["workflow_id"]

    async def ask(what: str, **body: object) -> tuple[int, str]:
        answer = await api.post(f"/api/goals/{run}/{what}", json=body or None)
        return answer.status_code, answer.json().get("status")

    assert await ask("pause") == (200, "pausing")
    assert await ask("resume") == (200, "resuming")
    assert await ask("cancel") == (200, "cancelling")
    assert await ask("terminate", reason="enough") == (200, "terminated")
    assert await ask("terminate") == (200, "terminated")
    assert await ask("cancel") == (200, "terminated")
    assert (await ask("pause"))[0] == 409
    assert (await ask("resume"))[0] == 409
    goal = (await api.get(f"/api/goals/{run}")).json()
    assert goal["status"] == "terminated"
    assert "enough" in goal["error"]["message"]


async def test_signals(api: httpx.AsyncClient) -> None:
    run = (await start(api)).json()["workflow_id"]
    place = f"/api/goals/{run}/signals"
    for number, data in enumerate([{"a": 1}, [1], "text", None, 0], 1):
        answer = await api.post(f"{place}/go", json=data)
        assert answer.json() == {"workflow_id": run, "name": "go", "number": number}
    assert (await api.post(f"{place}/go")).json()["number"] == 6
    assert (await api.post(f"{place}/a%20b", json=1)).status_code == 422
    assert (await api.post(f"{place}/go", json="x" * 300_000)).status_code == 422
    assert (await api.post("/api/goals/nope/signals/go", json=1)).status_code == 404
    await fail(run)
    assert (await api.post(f"{place}/go", json=1)).status_code == 409


async def test_dead_letters_are_listed_and_picked_up(api: httpx.AsyncClient) -> None:
    runs = [(await start(api, goal_id=f"g{number}")).json()["workflow_id"] for number in range(4)]
    assert (await api.post(f"/api/goals/{runs[0]}/retry")).status_code == 409
    # Their workflows end too, as those of goals that failed.
    for run in runs[:3]:
        await api.post(f"/api/goals/{run}/terminate")
    await _as_failed(runs[:2])
    letters = (await api.get("/api/dead-letters", params={"limit": 1})).json()
    assert [goal["workflow_id"] for goal in letters["goals"]] == [runs[1]]
    after = {"limit": 1, "before": letters["before"]}
    letters = (await api.get("/api/dead-letters", params=after)).json()
    assert [goal["workflow_id"] for goal in letters["goals"]] == [runs[0]]

    retried = await api.post(f"/api/goals/{runs[2]}/retry")
    assert retried.json() == {"workflow_id": runs[2], "status": "started"}
    assert (await api.get(f"/api/goals/{runs[2]}")).json()["status"] == "running"
    retried = await api.post("/api/dead-letters/retry", params={"agent_type": "echo"})
    assert retried.json() == {"workflow_ids": runs[:2]}
    assert (await api.get("/api/dead-letters")).json()["goals"] == []
    for run in runs:
        await api.post(f"/api/goals/{run}/terminate")


async def _as_failed(runs: list[str]) -> None:
    from sqlalchemy import update

    from perdure.stores.database import schema

    change = (
        update(schema.goals)
        .where(schema.goals.c.workflow_id.in_(runs))
        .values(status=GoalStatus.FAILED.value)
    )
    async with open_stores(Settings()) as stores:
        await stores.database.write(lambda transaction: transaction.connection.execute(change))


@pytest.mark.parametrize("what", ["cancel", "pause", "resume", "terminate", "retry"])
async def test_an_unknown_run_is_a_problem(api: httpx.AsyncClient, what: str) -> None:
    answer = await api.post(f"/api/goals/nope/{what}")
    assert answer.status_code == 404
    assert "'nope'" in answer.json()["detail"]


async def test_pages_go_on_after_the_last_run_or_a_time(api: httpx.AsyncClient) -> None:
    runs = [(await start(api, goal_id=f"g{number}")).json()["workflow_id"] for number in range(3)]
    started = (await api.get(f"/api/goals/{runs[1]}")).json()["started_at"]
    older = (await api.get("/api/goals", params={"before": started})).json()
    assert [goal["workflow_id"] for goal in older["goals"]] == [runs[0]]
    wrong = await api.get("/api/goals", params={"before": "yesterday"})
    assert wrong.status_code == 422
    assert "'yesterday'" in wrong.json()["detail"]


async def test_control_says_soon_that_the_server_is_away(
    api: httpx.AsyncClient, serve_api: ServeApi
) -> None:
    run = (await start(api)).json()["workflow_id"]
    away = await serve_api(f"127.0.0.1:{free_port()}", worker=False)
    for what in ("cancel", "pause", "terminate"):
        answer = await away.post(f"/api/goals/{run}/{what}")
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
    assert (await api.get(f"/api/goals/{run}")).json()["status"] == "running"
    # A signal is in the stores, and counts.
    assert (await away.post(f"/api/goals/{run}/signals/go", json=1)).status_code == 200
