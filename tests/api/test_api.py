"""Every route, asked as a stranger would."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from perdure.api.keys import new_key
from perdure.temporal.server.development_server import DevelopmentServer
from perdure.temporal.server.ports import free_port

pytestmark = pytest.mark.asyncio(loop_scope="session")

ServeApi = Callable[..., Awaitable[httpx.AsyncClient]]
GOAL = {"goal_id": "test-001", "description": "say it", "agent_type": "echo"}


async def hand_in(api: httpx.AsyncClient, **changes: object) -> str:
    answer = await api.post("/api/execute-goal", json=GOAL | changes)
    assert answer.status_code == 200, answer.text
    started = answer.json()
    assert started == {"workflow_id": started["workflow_id"], "status": "started"}
    return str(started["workflow_id"])


async def read_events(
    api: httpx.AsyncClient, workflow_id: str, after: int | None = None
) -> list[dict[str, Any]]:
    headers = {} if after is None else {"Last-Event-ID": str(after)}
    events: list[dict[str, Any]] = []
    async with api.stream("GET", f"/api/goals/{workflow_id}/events", headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        current: dict[str, Any] = {}
        async for line in answer.aiter_lines():
            name, _, value = line.partition(": ")
            if name == "data":
                current["data"] = json.loads(value)
            elif name in {"id", "event"}:
                current[name] = value
            elif not line and current:
                events.append(current)
                current = {}
    return events


async def test_a_goal_from_hand_in_to_file(api: httpx.AsyncClient) -> None:
    workflow_id = await hand_in(api, parameters={"depth": "comprehensive"})
    events = await read_events(api, workflow_id)
    assert [event["event"] for event in events] == [
        "run.started",
        "progress",
        "artifact",
        "run.completed",
    ]
    assert [event["id"] for event in events] == ["1", "2", "3", "4"]
    assert events[1]["data"]["data"]["percentage"] == 50

    goal = (await api.get(f"/api/goals/{workflow_id}")).json()
    assert goal["status"] == "completed"
    assert goal["success"] is True
    assert goal["result"]["summary"] == "say it"
    assert goal["result"]["data"]["depth"] == "comprehensive"
    assert goal["execution_time"] > 0
    assert goal["progress"]["message"] == "half-way"
    assert goal["artifacts"][0]["name"] == "notes/echo.md"

    file = await api.get(f"/api/goals/{workflow_id}/artifacts/notes/echo.md")
    assert file.text == "# say it"
    assert file.headers["x-content-type-options"] == "nosniff"
    missing = await api.get(f"/api/goals/{workflow_id}/artifacts/other.md")
    assert missing.status_code == 404
    assert "notes/echo.md" in missing.json()["detail"]


async def test_events_go_on_from_the_last_one_seen(api: httpx.AsyncClient) -> None:
    workflow_id = await hand_in(api)
    await read_events(api, workflow_id)
    assert [event["id"] for event in await read_events(api, workflow_id, after=2)] == ["3", "4"]
    assert await read_events(api, workflow_id, after=4) == []


async def test_a_failed_goal_says_why(api: httpx.AsyncClient) -> None:
    workflow_id = await hand_in(api, parameters={"fail": True})
    events = await read_events(api, workflow_id)
    assert events[-1]["event"] == "run.failed"
    goal = (await api.get(f"/api/goals/{workflow_id}")).json()
    assert goal["success"] is False
    assert goal["error"] == {
        "type": "InputError",
        "message": "it was asked to fail: ask otherwise",
        "permanent": True,
        "kind": "permanent",
        "retry_after": None,
        "status": None,
    }
    assert goal["artifacts"][0]["name"] == "notes/echo.md"


async def test_cancel(api: httpx.AsyncClient) -> None:
    workflow_id = await hand_in(api, parameters={"wait": True})
    asked = await api.post(f"/api/goals/{workflow_id}/cancel")
    assert asked.json() == {"workflow_id": workflow_id, "status": "cancelling"}
    assert (await read_events(api, workflow_id))[-1]["event"] == "run.cancelled"
    again = await api.post(f"/api/goals/{workflow_id}/cancel")
    assert again.json()["status"] == "cancelled"


async def test_lists_page_backwards(api: httpx.AsyncClient) -> None:
    ids = [await hand_in(api, goal_id=f"g{number}") for number in range(3)]
    page = (await api.get("/api/goals", params={"limit": 2})).json()
    assert [goal["workflow_id"] for goal in page["goals"]] == [ids[2], ids[1]]
    rest = (await api.get("/api/goals", params={"limit": 2, "before": page["before"]})).json()
    assert [goal["workflow_id"] for goal in rest["goals"]] == [ids[0]]
    assert rest["before"] is None
    for workflow_id in ids:
        await read_events(api, workflow_id)


@pytest.mark.parametrize(
    ("changes", "field", "word"),
    [
        ({"agent_type": "oracle"}, "agent_type", "choose one of echo"),
        ({"agent_type": "No Such"}, "agent_type", "pattern"),
        ({"goal_id": "a b"}, "goal_id", "pattern"),
        ({"description": "  "}, "description", "say in words"),
        ({"description": "x" * 1_000_000}, "description", "32768"),
        ({"parameters": {"depth": "bottomless"}}, "parameters.depth", "quick"),
        ({"parameters": {"colour": 1}}, "parameters.colour", "no such parameter"),
        ({"parameters": {"x": "y" * 300_000}}, "parameters", "put the data into a file"),
        ({"parameters": []}, "parameters", "dictionary"),
        ({"more": 1}, "more", "not permitted"),
        ({"budget": {"tokns": 1}}, "budget.tokns", "not permitted"),
    ],
)
async def test_bad_input_names_the_field(
    api: httpx.AsyncClient, changes: dict[str, object], field: str, word: str
) -> None:
    answer = await api.post("/api/execute-goal", json=GOAL | changes)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert [error["field"] for error in problem["errors"]] == [field]
    assert word in problem["errors"][0]["message"]
    assert len(problem["detail"]) < 1000
    assert (await api.get("/api/goals")).json()["goals"] == []


async def test_a_body_that_is_no_json(api: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await api.post("/api/execute-goal", content="{", headers=headers)
    assert answer.status_code == 422
    assert "not JSON" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/api/goals/nope", "/api/goals/nope/events", "/nowhere"])
async def test_what_is_not_there_is_a_problem_too(api: httpx.AsyncClient, path: str) -> None:
    answer = await api.get(path)
    assert answer.status_code == 404
    assert answer.json()["status"] == 404


async def test_agents_health_and_reference(api: httpx.AsyncClient) -> None:
    agents = (await api.get("/api/agents")).json()["agents"]
    assert agents[0]["name"] == "echo"
    assert agents[0]["parameters"][0] == {
        "name": "depth",
        "type": "'quick' | 'comprehensive'",
        "required": False,
        "default": '"quick"',
        "description": "How deep.",
    }
    assert (await api.get("/healthz")).json() == {"status": "ok"}
    ready = await api.get("/readyz")
    assert ready.json() == {
        "ready": True,
        "temporal": True,
        "stores": True,
        "artifacts": True,
        "redis": None,
        "agents": 1,
    }
    assert (await api.get("/docs")).status_code == 200
    assert "/api/execute-goal" in (await api.get("/openapi.json")).json()["paths"]


async def test_temporal_being_down_is_told_soon(serve_api: ServeApi) -> None:
    api = await serve_api(f"127.0.0.1:{free_port()}", worker=False)
    started = time.monotonic()
    answer = await api.post("/api/execute-goal", json=GOAL)
    assert answer.status_code == 503
    assert "perdure dev" in answer.json()["detail"]
    assert answer.headers["retry-after"]
    assert time.monotonic() - started < 15
    assert (await api.get("/readyz")).status_code == 503
    assert (await api.get("/api/goals")).json()["goals"] == []


async def test_with_keys_only_who_has_one_may_ask(
    serve_api: ServeApi, server: DevelopmentServer
) -> None:
    key, digest = new_key()
    api = await serve_api(server.address, worker=False, api_keys=digest)
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": key}):
        answer = await api.get("/api/goals", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"
    assert (await api.get("/healthz")).status_code == 200
    answer = await api.get("/api/goals", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 200


async def test_another_sites_page_cannot_ask_in_this_machines_name(
    api: httpx.AsyncClient,
) -> None:
    answer = await api.get("/api/goals", headers={"Host": "evil.example"})
    assert answer.status_code == 400


async def test_many_readers_follow_one_goal(api: httpx.AsyncClient) -> None:
    workflow_id = await hand_in(api)
    told = await asyncio.gather(*(read_events(api, workflow_id) for _ in range(50)))
    assert all(events == told[0] for events in told)
