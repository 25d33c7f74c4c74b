"""A key, wherever in a request it stands: in no log, problem, audit entry, event or history."""

import base64
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from perdure.api.keys import new_key
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.temporal.client.connection import connect
from perdure.temporal.server.development_server import DevelopmentServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

ServeApi = Callable[..., Awaitable[httpx.AsyncClient]]
GOAL = {"goal_id": "secret", "description": "say it", "agent_type": "echo"}


def requests_with(key: str, run: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Return requests that have a key in each place where one may stand: method, path, rest."""
    octets = {"Content-Type": "application/octet-stream"}
    html = {"Accept": "text/html"}
    vote = {"approved": True, "by": key, "reason": key}
    return [
        ("GET", f"/api/goals/{key}", {}),
        ("GET", f"/goals/{key}", {"headers": html}),
        ("GET", f"/nowhere/{key}", {"headers": html}),
        ("GET", f"/api/goals/{run}/artifacts/{key}", {}),
        ("GET", f"/api/approvals/{key}", {}),
        ("GET", f"/api/uploads/{key}", {}),
        ("DELETE", f"/api/keys/{key}", {}),
        ("POST", f"/api/goals/{key}/cancel", {}),
        ("POST", f"/api/goals/{run}/signals/{key}", {"json": {key: key}}),
        ("GET", f"/api/goals?before={key}", {}),
        ("GET", f"/api/goals?status={key}&limit={key}", {}),
        ("GET", f"/api/goals/{run}/events?after={key}", {}),
        ("GET", f"/api/audit?before={key}&who={key}", {}),
        ("GET", f"/api/usage?since={key}&by={key}", {}),
        ("GET", f"/api/goals?key={key}&api_key={key}", {}),
        ("GET", f"/?next={key}", {"headers": html}),
        ("POST", "/api/execute-goal", {"json": GOAL | {"description": key}}),
        ("POST", "/api/execute-goal", {"json": GOAL | {"parameters": {"depth": key}}}),
        ("POST", "/api/execute-goal", {"json": GOAL | {"goal_id": key}}),
        ("POST", "/api/execute-goal", {"json": GOAL | {"agent_type": key, key: key}}),
        ("POST", "/api/execute-goal", {"json": GOAL | {"callback_url": f"http://{key}/"}}),
        ("POST", "/api/execute-goal", {"json": GOAL, "headers": {"Idempotency-Key": key}}),
        (
            "POST",
            "/api/execute-goal",
            {"json": GOAL | {"description": "other"}, "headers": {"Idempotency-Key": key}},
        ),
        ("POST", "/api/execute-goal", {"content": f'{{"{key}'}),
        ("POST", f"/api/goals/{run}/run-again", {"json": {"description": f"say {key}"}}),
        ("POST", f"/api/goals/{run}/run-again", {"json": {"from_step": key, "by": key}}),
        ("POST", f"/api/goals/{run}/terminate", {"json": {"reason": key}}),
        (
            "POST",
            f"/api/goals/{run}/steps/settle",
            {"json": {"step": key, "done": False, "by": key}},
        ),
        ("POST", "/api/goals/cancel", {"json": {"workflow_ids": [key]}}),
        ("POST", "/api/approvals/nothing", {"json": vote}),
        ("POST", "/approvals/nothing", {"data": {"by": key, "reason": key, "answer": key}}),
        ("POST", f"/agents/{key}", {"data": {"description": key}}),
        ("POST", f"/api/uploads?name=../{key}", {"content": b"x", "headers": octets}),
        (
            "POST",
            "/api/uploads?name=a",
            {"content": b"x", "headers": {**octets, "Repr-Digest": key}},
        ),
        ("POST", "/api/keys", {"json": {"name": "x", "scopes": [key], "expires_at": key}}),
        ("POST", "/sign-in", {"data": {"key": f"{key}x", "other": key}}),
        ("POST", "/sign-in", {"data": {"key": key}}),
        ("GET", "/api/goals", {"headers": {"X-Request-ID": key, "Last-Event-ID": key}}),
        ("GET", f"/api/goals/{run}/events", {"headers": {"Last-Event-ID": key}}),
        ("GET", "/api/goals", {"headers": {"Cookie": f"perdure-session={key}; {key}={key}"}}),
        ("GET", "/api/goals", {"headers": {"Authorization": f"Basic {key}"}}),
        ("GET", "/api/goals", {"headers": {"Authorization": key}}),
        ("GET", "/api/goals", {"headers": {"X-API-Key": key}}),
        ("GET", "/api/goals", {"headers": {"Host": key}}),
        ("GET", "/api/goals", {"headers": {"Origin": f"http://{key}"}}),
        ("PUT", f"/api/goals/{key}", {}),
    ]


@pytest.mark.parametrize("which", ["valid", "revoked", "never made"])
async def test_a_key_stands_nowhere_but_in_the_request(
    serve_api: ServeApi,
    server: DevelopmentServer,
    own_home: Path,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    which: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    async with open_stores(Settings(home=own_home)) as stores:
        admin, _ = await stores.access.keys.create("the admin", ["admin"])
        key = new_key()[0]
        if which != "never made":
            key, record = await stores.access.keys.create("another admin", ["admin"])
            if which == "revoked":
                await stores.access.keys.revoke(record.key_id)
        api = await serve_api(server.address)
        sender = key if which == "valid" else admin
        api.headers["Authorization"] = f"Bearer {sender}"
        started = await api.post("/api/execute-goal?wait=30", json=GOAL)
        run = started.json()["workflow_id"]
        waiting = GOAL | {"goal_id": "waits", "parameters": {"wait": True}}
        open_run = (await api.post("/api/execute-goal", json=waiting)).json()["workflow_id"]
        statuses = []
        for target in (run, open_run):
            for method, path, rest in requests_with(key, target):
                answer = await api.request(method, path, **rest)
                statuses.append(answer.status_code)
                assert answer.status_code != 500, (method, path)
                if answer.status_code >= 400:
                    assert key not in answer.text, (method, path, answer.text)
                    assert key not in str(answer.headers), (method, path)
        for header in (f"Bearer {key}", f"Bearer {key}x"):
            answer = await api.get("/api/goals", headers={"Authorization": header})
            assert answer.status_code == (200 if header.endswith(sender) else 401)
            assert key not in answer.text
        assert {400, 401, 404, 405, 409, 422} <= {*statuses}

        entries = await stores.access.audit.list("default", limit=500)
        assert len(entries) > 20
        assert key not in "".join(entry.model_dump_json() for entry in entries)
        runs = await stores.goals.list(limit=100)
        client = await connect(server.address)
        for goal in runs:
            events = await stores.events.after(goal.workflow_id, 0)
            assert key not in "".join(event.model_dump_json() for event in events)
            history = await client.get_workflow_handle(goal.workflow_id).fetch_history()
            # Payloads stand there in Base64, at any offset of three.
            told = history.to_json()
            assert not any(piece in told for piece in (key, *in_base64(key))), goal.workflow_id
    own = [record for record in caplog.records if not record.name.startswith("http")]
    assert key not in "".join(record.getMessage() for record in own)  # the client's are the test's
    assert key not in "".join(capsys.readouterr())


def in_base64(text: str) -> list[str]:
    """Return what the Base64 of anything that holds a text has in it, at one of three offsets."""
    return [
        base64.b64encode(b"x" * offset + text.encode()).decode()[4 if offset else 0 : -4]
        for offset in range(3)
    ]
