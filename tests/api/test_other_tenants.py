"""Another tenant's id is an unknown id: on every route, to the last byte of the answer."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from perdure.agents import AgentSpec, Goal, Result, Run
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.temporal.server.development_server import DevelopmentServer
from tests.support.routes import every_requirement
from tests.support.until import until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")

ServeApi = Callable[..., Awaitable[httpx.AsyncClient]]

TENANTS_OWN: Final = {
    "workflow_id",
    "approval_id",
    "upload_id",
    "key_id",
    "schedule_name",
    "batch_id",
}
# What each route takes, so that it looks for what it is about.
JSON: Final[dict[str, Any]] = {
    "/api/goals/{workflow_id}/steps/settle": {"step": "write", "done": False, "by": "eve"},
    "/api/goals/{workflow_id}/signals/{name}": {"go": True},
    "/api/goals/{workflow_id}/scores": {"name": "accuracy", "value": 1},
    "/api/batches/{batch_id}/items": {"items": [{"key": "eve"}]},
    "/api/approvals/{approval_id}": {"approved": True, "by": "eve"},
    "/api/schedules/{schedule_name}": {"jitter_seconds": 1},
    "/api/schedules/{schedule_name}/backfill": {
        "start_at": "2025-01-01T00:00:00Z",
        "end_at": "2025-01-02T00:00:00Z",
    },
}
FORMS: Final = {
    "/approvals/{approval_id}": {"answer": "approve", "by": "eve"},
    "/goals/{workflow_id}/again": {"description": "again", "goal_id": "again"},
}
QUERIES: Final[dict[str, dict[str, str | int]]] = {
    "/goals/{workflow_id}/steps": {"execution": 1, "first": 0, "count": 5},
    "/goals/{workflow_id}/text": {"key": "1"},
}
# One browser, so that pages have the same token.
COOKIE: Final = {"Cookie": "perdure-browser=one"}
VOLATILE: Final = {"x-request-id", "date", "content-length"}


async def work(run: Run, goal: Goal) -> Result:
    await run.artifact("notes/work.md", "# Work")
    if goal.description == "ask":
        await run.approve("Publish?", {"pages": 3})
    return Result(summary="worked")


WORK = AgentSpec(name="work", description="Works.", agent=work, parameters=None)


async def things_of(api: httpx.AsyncClient) -> dict[str, str]:
    """Make one of everything that belongs to a tenant, and return the ids by parameter."""
    goal = {"goal_id": "mine", "description": "ask", "agent_type": "work"}
    workflow_id = (await api.post("/api/execute-goal", json=goal)).json()["workflow_id"]

    async def asks() -> bool:
        return bool((await api.get("/api/approvals")).json()["approvals"])

    await until_async(asks)
    [approval] = (await api.get("/api/approvals")).json()["approvals"]
    octets = {"Content-Type": "application/octet-stream"}
    upload = await api.post("/api/uploads?name=a.txt", content=b"text", headers=octets)
    key = await api.post("/api/keys", json={"name": "mine", "scopes": ["read"]})
    schedule = {"name": "my-schedule", "cron": ["@yearly"], "goal": goal}
    assert (await api.post("/api/schedules", json=schedule)).status_code == 201
    batch = {"name": "my-batch", "agent_type": "work", "items": [{"description": "x"}]}
    handed_in = await api.post("/api/batches", json=batch)
    return {
        "batch_id": handed_in.json()["batch"]["batch_id"],
        "workflow_id": workflow_id,
        "approval_id": approval["approval_id"],
        "upload_id": upload.json()["id"],
        "key_id": key.json()["record"]["key_id"],
        "schedule_name": "my-schedule",
        "name": "notes/work.md",
    }


def filled(path: str, ids: dict[str, str]) -> str:
    return re.sub(r"{(\w+)[^}]*}", lambda found: ids[found[1]], path)


def unlike(identifier: str) -> str:
    """Return an id of the same form that nothing has."""
    return identifier[:-1] + ("0" if identifier[-1] != "0" else "1")


async def answer_to(
    api: httpx.AsyncClient, method: str, path: str, ids: dict[str, str]
) -> tuple[int, dict[str, str], str]:
    """Return status, headers and body of a route's answer, without the ids that it was given."""
    form = FORMS.get(path, {} if method == "POST" and not path.startswith("/api/") else None)
    response = await api.request(
        method,
        filled(path, ids),
        params=QUERIES.get(path),
        json=JSON.get(path),
        data=form,
        headers=COOKIE,
    )
    body = response.text
    for identifier in ids.values():
        body = body.replace(identifier, "ID")
    headers = {name: value for name, value in response.headers.items() if name not in VOLATILE}
    return response.status_code, headers, body


async def test_another_tenants_id_is_an_unknown_id(
    serve_api: ServeApi, server: DevelopmentServer, own_home: Path
) -> None:
    async with open_stores(Settings(home=own_home)) as stores:
        mine, _ = await stores.access.keys.create("mine", ["admin"], tenant="one")
        theirs, _ = await stores.access.keys.create("theirs", ["admin"], tenant="two")
    one = await serve_api(server.address, agent=WORK)
    one.headers["Authorization"] = f"Bearer {mine}"
    async with httpx.AsyncClient(
        base_url=one.base_url, headers={"Authorization": f"Bearer {theirs}"}, timeout=30
    ) as two:
        ids = await things_of(one)
        unknown = {
            name: unlike(value) if name in TENANTS_OWN else value for name, value in ids.items()
        }
        routes = [(method, path) for method, path, _ in every_requirement()]
        of_ids = [
            (method, path)
            for method, path in routes
            if TENANTS_OWN & {*re.findall(r"{(\w+)", path)}
        ]
        assert len(of_ids) > 35
        for method, path in of_ids:
            answer = await answer_to(two, method, path, ids)
            assert answer == await answer_to(two, method, path, unknown), (method, path)
            assert answer[0] == 404, (method, path, answer)

        # No list, no page and no count has anything of it.
        for method, path in routes:
            if method == "GET" and "{" not in path and path not in {"/api/audit", "/docs"}:
                text = (await two.get(path, headers=COOKIE)).text
                assert not [value for value in ids.values() if value in text], path
        for query in ("search=mine", f"parent={ids['workflow_id']}", "started_by=mine"):
            for path in ("/api/goals", "/api/goals/counts", "/goals"):
                text = (await two.get(f"{path}?{query}", headers=COOKIE)).text
                assert ids["workflow_id"] not in text, (path, query)
        for path, name in (("goals", "workflow_id"), ("approvals", "approval_id")):
            answers = []
            for given in (ids, unknown):
                found = await two.get(f"/api/{path}/find", params={"name": given[name]})
                answers.append((found.status_code, found.text.replace(given[name], "ID")))
            assert answers[0] == answers[1]
            assert answers[0][0] == 404
        counts = (await two.get("/api/goals/counts")).json()
        assert counts["total"] == 0
        for action in ("cancel", "retry"):
            body = {"workflow_ids": [ids["workflow_id"], unknown["workflow_id"]]}
            many = (await two.post(f"/api/goals/{action}", json=body)).json()["goals"]
            assert [outcome["type"] for outcome in many] == ["urn:perdure:problem:unknown-goal"] * 2

        # And nothing has happened to any of it: whose it is finds it as it was.
        seen = {
            path: (await answer_to(one, "GET", path, ids))[0]
            for method, path in of_ids
            if method == "GET"
            and "/framed/" not in path
            and "/pages/" not in path
            and not path.endswith(("/events", "/text"))
            and not path.startswith("/worker/")
        }
        seen.pop("/api/goals/{workflow_id}/result")  # it waits
        assert set(seen.values()) == {200}, seen
        [approval] = (await one.get("/api/approvals")).json()["approvals"]
        assert approval["votes"] == []
        assert (await one.get(f"/api/goals/{ids['workflow_id']}")).json()["status"] == "waiting"
        keys = (await one.get("/api/keys")).json()["keys"]
        assert [key["revoked_at"] for key in keys] == [None, None]
        vote = {"approved": True, "by": "ann"}
        await one.post(f"/api/approvals/{ids['approval_id']}", json=vote)
        found = (await one.get("/api/batches/my-batch")).json()
        assert (found["status"], found["counts"]["waiting"]) == ("running", 1)
        schedule = (await one.get("/api/schedules/my-schedule")).json()
        assert (schedule["paused"], schedule["started"]) == (False, 0)
        assert (await one.delete("/api/schedules/my-schedule")).status_code == 204
