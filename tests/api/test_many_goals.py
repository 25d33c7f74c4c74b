"""Routes of many goals at once, and one caller's goals in them; no worker is up."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from perdure.models import Failure, Goal, GoalStatus
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.temporal.server.development_server import DevelopmentServer
from perdure.temporal.server.ports import free_port

pytestmark = pytest.mark.asyncio(loop_scope="session")

ServeApi = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest_asyncio.fixture(loop_scope="session")
async def api(serve_api: ServeApi, server: DevelopmentServer) -> httpx.AsyncClient:
    return await serve_api(server.address, worker=False)


async def start(
    api: httpx.AsyncClient, name: str, description: str, headers: dict[str, str] | None = None
) -> str:
    goal = {"goal_id": name, "description": description, "agent_type": "echo"}
    headers = {"Idempotency-Key": name} | (headers or {})
    answer = await api.post("/api/execute-goal", json=goal, headers=headers)
    assert answer.status_code == 200, answer.text
    workflow_id: str = answer.json()["workflow_id"]
    return workflow_id


async def fail(workflow_id: str) -> None:
    async with open_stores(Settings()) as stores:
        error = Failure(type="TimeoutError", message="no answer")
        await stores.results.store(workflow_id, GoalStatus.FAILED, error, 1.0)


async def listed(api: httpx.AsyncClient, **query: object) -> list[str]:
    answer = await api.get("/api/goals", params=query)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    return sorted(goal["goal_id"] for goal in answer.json()["goals"])


async def test_goals_are_listed_searched_counted(api: httpx.AsyncClient) -> None:
    first, second = await start(api, "first", "Say the sales"), await start(api, "second", "Sing")
    await fail(second)

    assert await listed(api) == ["first", "second"]
    assert await listed(api, search="SALES") == ["first"]
    assert await listed(api, search="timeouterror answer") == ["second"]
    assert await listed(api, status=["failed", "running"]) == ["first", "second"]
    assert await listed(api, status="failed") == ["second"]
    assert await listed(api, since="2100-01-01") == []
    assert await listed(api, until="2100-01-01T00:00:00Z", delegated=False) == ["first", "second"]
    assert await listed(api, parent=first) == []
    counts = (await api.get("/api/goals/counts", params={"ended_since": "2020-01-01"})).json()
    assert counts["counts"]["failed"] == counts["total"] == 1
    assert (await api.get("/api/goals/counts")).json()["counts"]["running"] == 1
    page = (await api.get("/api/goals", params={"limit": 1, "search": "s"})).json()
    rest = await listed(api, search="s", before=page["before"])
    assert sorted([page["goals"][0]["goal_id"], *rest]) == ["first", "second"]


@pytest.mark.parametrize(
    "query",
    [{"status": "lost"}, {"since": "yesterday"}, {"limit": 501}, {"search": "x" * 1001}],
)
async def test_criteria_that_are_none_are_refused(
    api: httpx.AsyncClient, query: dict[str, str]
) -> None:
    answer = await api.get("/api/goals", params=query)
    assert answer.status_code == 422
    assert next(iter(query)) in answer.json()["detail"]


async def test_many_are_cancelled_and_retried_with_one_request(api: httpx.AsyncClient) -> None:
    runs = [await start(api, word, f"Say {word}") for word in ("anchovy", "basil", "cumin")]
    await fail(runs[2])

    async def ask(action: str, **body: object) -> dict[str, str]:
        answer = await api.post(f"/api/goals/{action}", json=body)
        assert answer.status_code == 200, answer.text
        assert not answer.json()["more"]
        return {
            goal["workflow_id"]: goal["status"] or goal["type"] for goal in answer.json()["goals"]
        }

    assert await ask("cancel", workflow_ids=[runs[0], runs[2], "none", runs[0]]) == {
        runs[0]: "cancelling",
        runs[2]: "failed",
        "none": "urn:perdure:problem:unknown-goal",
    }
    assert await ask("cancel", filter={"search": "basil"}) == {runs[1]: "cancelling"}
    assert await ask("cancel", filter={"search": "nothing"}) == {}
    # Its workflow runs: only its record was closed.
    assert await ask("retry", filter={"agent_type": "echo"}) == {
        runs[2]: "urn:perdure:problem:run-not-ended"
    }
    assert await ask("retry", workflow_ids=[runs[0]]) == {
        runs[0]: "urn:perdure:problem:run-not-ended"
    }


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"workflow_ids": []},
        {"workflow_ids": ["a"] * 501},
        {"filter": {}},
        {"filter": {"search": "  "}},
        {"filter": {"status": []}},
        {"filter": {"tenant": "acme"}},
        {"filter": {"agent_type": "echo"}, "workflow_ids": ["a"]},
        {"filter": {"agent_type": "echo"}, "limit": 0},
        {"workflow_ids": "all"},
    ],
)
@pytest.mark.parametrize("action", ["cancel", "retry"])
async def test_no_request_means_every_goal_by_mistake(
    api: httpx.AsyncClient, action: str, body: dict[str, object]
) -> None:
    assert (await api.post(f"/api/goals/{action}", json=body)).status_code == 422


async def test_a_filter_takes_no_more_than_it_says(api: httpx.AsyncClient) -> None:
    await asyncio.gather(*(start(api, f"goal-{number}", "Say") for number in range(3)))
    body = {"filter": {"status": ["running"]}, "limit": 2}
    answer = (await api.post("/api/goals/cancel", json=body)).json()
    assert [goal["status"] for goal in answer["goals"]] == ["cancelling", "cancelling"]
    assert answer["more"]


async def test_where_the_server_is_away_the_whole_request_fails(serve_api: ServeApi) -> None:
    api = await serve_api(f"127.0.0.1:{free_port()}", worker=False)
    async with open_stores(Settings()) as stores:
        goal = Goal(goal_id="g", description="d", agent_type="echo")
        await stores.goals.create(goal, "goal-g-1", datetime.now(UTC))
    answer = await api.post("/api/goals/cancel", json={"workflow_ids": ["goal-g-1", "goal-g-1"]})
    assert answer.status_code == 503


async def test_a_body_does_not_say_whose_the_goal_is(api: httpx.AsyncClient) -> None:
    goal = {"goal_id": "g", "description": "d", "agent_type": "echo", "tenant": "acme"}
    answer = await api.post("/api/execute-goal", json=goal)
    assert answer.status_code == 422
    assert "tenant" in answer.json()["detail"]


@pytest_asyncio.fixture(loop_scope="session")
async def keys(own_home: Path) -> dict[str, dict[str, str]]:
    """Return headers with a key of each of two tenants, and of the default one."""
    async with open_stores(Settings(home=own_home)) as stores:
        scopes = ["submit", "read", "approve", "admin"]
        made = {
            tenant: (await stores.access.keys.create(tenant, scopes, tenant=tenant))[0]
            for tenant in ("acme", "other", "default")
        }
    return {tenant: {"Authorization": f"Bearer {key}"} for tenant, key in made.items()}


async def test_no_route_gives_anything_of_another_tenants(
    keys: dict[str, dict[str, str]], api: httpx.AsyncClient, own_home: Path
) -> None:
    acme, other = keys["acme"], keys["other"]
    upload = await api.post(
        "/api/uploads?name=a.csv",
        content=b"a",
        headers=acme | {"Content-Type": "application/octet-stream"},
    )
    assert upload.status_code == 201, upload.text
    run = await start(api, "sales", "Say", acme)
    # The same key and goal, and another run.
    other_run = await start(api, "sales", "Say", other)
    assert other_run != run
    async with open_stores(Settings(home=own_home)) as stores:
        assert (await stores.goals.get(run)).tenant == "acme"
        await stores.results.store(run, GoalStatus.FAILED, None, 1.0)

    document = (await api.get("/openapi.json", headers=other)).json()
    ids = {"workflow_id": run, "upload_id": upload.json()["id"], "name": "x"}
    tried = 0
    for path, item in document["paths"].items():
        if "{workflow_id}" not in path and "{upload_id}" not in path:
            continue
        for method in item:
            bodies = {
                "settle": {"step": "s", "done": False, "by": "ann"},
                "scores": {"name": "good", "value": 1},
            }
            body = bodies.get(path.rpartition("/")[2])
            url = path.format(**ids)
            answer = await api.request(method.upper(), url, json=body, headers=other)
            assert answer.status_code == 404, (method, path, answer.text)
            tried += 1
    assert tried > 14
    for page in (f"/goals/{run}",):
        assert (await api.get(page, headers=other)).status_code == 404

    async def listed_by(headers: dict[str, str], path: str = "/api/goals") -> list[str]:
        answer = await api.get(path, headers=headers)
        return [goal["workflow_id"] for goal in answer.json()["goals"]]

    assert await listed_by(acme) == [run]
    assert await listed_by(other, "/api/goals?search=say") == [other_run]
    assert await listed_by(keys["default"]) == []
    assert await listed_by(acme, "/api/dead-letters") == [run]
    assert await listed_by(other, "/api/dead-letters") == []
    for action in ("cancel", "retry"):
        wanted: tuple[dict[str, object], ...] = (
            {"workflow_ids": [run]},
            {"filter": {"search": run}},
        )
        for asked in wanted:
            answer = await api.post(f"/api/goals/{action}", json=asked, headers=other)
            assert {goal["type"] for goal in answer.json()["goals"]} <= {
                "urn:perdure:problem:unknown-goal"
            }
    taken = await api.post("/api/dead-letters/retry", headers=other)
    assert taken.json()["workflow_ids"] == []
