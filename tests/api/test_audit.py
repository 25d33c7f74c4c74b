"""The audit table: what was done and what was refused, by whom, from where, on record for good."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.temporal.server.development_server import DevelopmentServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

ServeApi = Callable[..., Awaitable[httpx.AsyncClient]]
GOAL = {"goal_id": "audited", "description": "say it", "agent_type": "echo"}


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def test_what_callers_do_is_on_record_before_they_are_answered(
    serve_api: ServeApi, server: DevelopmentServer, own_home: Path
) -> None:
    async with open_stores(Settings(home=own_home)) as stores:
        admin, _ = await stores.access.keys.create("the admin", ["admin"])
        reader, record = await stores.access.keys.create("a reader", ["read"])
        api = await serve_api(server.address)
        started = await api.post("/api/execute-goal", json=GOAL, headers=bearer(admin))
        workflow_id = started.json()["workflow_id"]
        request_id = started.headers["x-request-id"]
        await api.post(f"/api/goals/{workflow_id}/cancel", headers=bearer(admin))
        refused = await api.post("/api/execute-goal", json=GOAL, headers=bearer(reader))
        assert refused.status_code == 403
        await api.post("/api/execute-goal", json={}, headers=bearer(admin))
        secret = "perdure_" + "0" * 12 + "_" + "s" * 43
        await api.get("/api/goals", headers=bearer(secret))
        vote = {"approved": True, "by": "ann"}
        await api.post("/api/approvals/nothing", json=vote, headers=bearer(admin))
        await api.get("/api/goals", headers=bearer(admin))  # reading leaves nothing

        listed = await api.get("/api/audit", headers=bearer(admin))
        entries = listed.json()["entries"]
        assert [(entry["action"], entry["status"]) for entry in entries] == [
            ("approval.vote", 404),
            ("access", 401),
            ("goal.start", 422),
            ("goal.start", 403),
            ("goal.cancel", 200),
            ("goal.start", 200),
        ]
        first = entries[-1]
        assert (first["who"], first["subject"]) == ("the admin", workflow_id)
        assert first["address"] == "127.0.0.1"
        assert first["request_id"] == request_id
        assert first["details"] == {"agent_type": "echo"}
        assert entries[0]["details"] == {"by": "ann", "approved": True}
        assert entries[1]["who"] == ""
        assert (entries[3]["who"], entries[3]["key_id"]) == ("a reader", record.key_id)
        for key in (admin, reader, secret):
            assert key not in listed.text

        page = await api.get("/api/audit?limit=4", headers=bearer(admin))
        rest = await api.get(f"/api/audit?before={page.json()['before']}", headers=bearer(admin))
        assert page.json()["entries"] + rest.json()["entries"] == entries
        only = await api.get("/api/audit?action=goal.cancel", headers=bearer(admin))
        assert [entry["subject"] for entry in only.json()["entries"]] == [workflow_id]


async def test_each_request_for_a_goal_leaves_one_entry_with_its_status(
    serve_api: ServeApi, server: DevelopmentServer, own_home: Path
) -> None:
    async with open_stores(Settings(home=own_home)) as stores:
        key, _ = await stores.access.keys.create("the admin", ["admin"])
    api = await serve_api(server.address, worker=False)
    headers = bearer(key) | {"Idempotency-Key": "the-same"}
    first = (await api.post("/api/execute-goal", json=GOAL, headers=headers)).json()
    again = (await api.post("/api/execute-goal", json=GOAL, headers=headers)).json()
    assert again["workflow_id"] == first["workflow_id"]
    form = {"goal_id": "by-form", "description": "say it"}
    shown = await api.post("/agents/echo", data=form, headers=bearer(key))
    assert shown.status_code == 303
    entries = (await api.get("/api/audit", headers=bearer(key))).json()["entries"]
    assert [(entry["subject"], entry["status"]) for entry in reversed(entries)] == [
        (first["workflow_id"], 200),
        (first["workflow_id"], 200),
        (shown.headers["location"].removeprefix("/goals/"), 303),
    ]


async def test_another_tenant_sees_nothing_of_it(
    serve_api: ServeApi, server: DevelopmentServer, own_home: Path
) -> None:
    async with open_stores(Settings(home=own_home)) as stores:
        one, _ = await stores.access.keys.create("one", ["admin"], tenant="one")
        two, _ = await stores.access.keys.create("two", ["admin"], tenant="two")
    api = await serve_api(server.address, worker=False)
    await api.post("/api/goals/goal-x/cancel", headers=bearer(one))
    assert (await api.get("/api/audit", headers=bearer(two))).json()["entries"] == []
    assert len((await api.get("/api/audit", headers=bearer(one))).json()["entries"]) == 1


async def test_a_request_id_comes_from_a_trusted_proxy_alone(
    serve_api: ServeApi, server: DevelopmentServer, own_home: Path
) -> None:
    async with open_stores(Settings(home=own_home)) as stores:
        key, _ = await stores.access.keys.create("the admin", ["admin"])
    untrusting = await serve_api(server.address, worker=False)
    trusting = await serve_api(server.address, worker=False, trusted_proxies="127.0.0.0/8,10.0.0.1")
    said = bearer(key) | {
        "X-Request-ID": "from-the-proxy",
        "X-Forwarded-For": "6.6.6.6, 203.0.113.7, 10.0.0.1",
    }
    answer = await untrusting.post("/api/goals/goal-x/cancel", headers=said)
    assert answer.headers["x-request-id"] != "from-the-proxy"
    answer = await trusting.post("/api/goals/goal-x/cancel", headers=said)
    assert answer.headers["x-request-id"] == "from-the-proxy"
    with_port = said | {"X-Forwarded-For": "[2001:db8::7]:4711"}
    await trusting.post("/api/goals/goal-x/cancel", headers=with_port)
    odd = said | {"X-Request-ID": "a b", "X-Forwarded-For": "nobody"}
    answer = await trusting.post("/api/goals/goal-x/cancel", headers=odd)
    assert answer.headers["x-request-id"] != "a b"
    entries = (await trusting.get("/api/audit", headers=bearer(key))).json()["entries"]
    # What the client said before the first proxy that is trusted counts for nothing.
    assert [entry["address"] for entry in entries] == [
        "127.0.0.1",
        "2001:db8::7",
        "203.0.113.7",
        "127.0.0.1",
    ]
