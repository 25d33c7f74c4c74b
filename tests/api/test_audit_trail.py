"""The audit trail over HTTP: listed, shown and exported for admins, each tenant's own."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from perdure.audit.keys import load_public_key, load_signing_key
from perdure.audit.verification import verify
from perdure.client import AsyncClient
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.temporal.server.development_server import DevelopmentServer
from tests.support.audit_keys import write_keys

pytestmark = pytest.mark.asyncio(loop_scope="session")

ServeApi = Callable[..., Awaitable[httpx.AsyncClient]]
GOAL = {"goal_id": "audited", "description": "say it to ann", "agent_type": "echo"}
PAGE = {"Accept": "text/html"}


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def test_what_goals_do_is_listed_shown_and_exported(
    serve_api: ServeApi, server: DevelopmentServer, own_home: Path, tmp_path: Path
) -> None:
    private, public = write_keys(tmp_path)
    async with open_stores(Settings(home=own_home, audit_key=str(private))) as stores:
        admin, _ = await stores.access.keys.create("the <admin>", ["admin"])
        other, _ = await stores.access.keys.create("other", ["admin"], tenant="other")
        reader, _ = await stores.access.keys.create("a reader", ["read"])
        api = await serve_api(server.address, audit_key=str(private))
        started = await api.post("/api/execute-goal", json=GOAL, headers=bearer(admin))
        run = started.json()["workflow_id"]
        async with api.stream("GET", f"/api/goals/{run}/events", headers=bearer(admin)) as events:
            async for _ in events.aiter_lines():
                pass  # to its end
        for path in ("/api/audit/facts", "/api/audit/export", "/audit"):
            assert (await api.get(path, headers=bearer(reader) | PAGE)).status_code == 403
        listed = await api.get("/api/audit/facts", headers=bearer(admin))
        facts = [fact for fact in listed.json()["facts"] if fact["subject"] == run][::-1]
        assert [fact["kind"] for fact in facts] == [
            "run.started",
            "goal.start",
            "execution.started",
            "artifact",
            "run.completed",
        ]
        assert facts[1]["who"] == "the <admin>"
        assert facts[2]["data"]["agent_version"].startswith("perdure-echo")
        assert listed.json()["sealed_until"] is None
        assert "say it to ann" not in listed.text

        await stores.seals.seal(load_signing_key(str(private)))
        async with AsyncClient(str(api.base_url), api_key=admin) as client:
            page = await client.audit.facts(kind="run.completed", subject=run)
            assert [fact.is_sealed for fact in page.facts] == [True]
            assert page.sealed_until is not None
            every = [fact.number async for fact in client.audit.iterate_facts(limit=2)]
            assert every == sorted(every, reverse=True)
            assert len(every) >= 6
        shown = await api.get(f"/audit?subject={run}", headers=bearer(admin) | PAGE)
        assert "run.completed" in shown.text
        assert "the &lt;admin&gt;" in shown.text
        assert "not yet" not in shown.text
        narrow = await api.get("/audit?kind=nothing", headers=bearer(admin) | PAGE)
        assert "No fact is like this" in narrow.text

        for key, withheld in ((admin, False), (other, True)):
            export = await api.get("/api/audit/export", headers=bearer(key))
            found = verify(export.content.splitlines(keepends=True), [load_public_key(public)])
            assert found.holds, found.findings
            assert bool(found.withheld) == withheld
            assert (run in export.text) != withheld
        [exported] = (await api.get("/api/audit", headers=bearer(other))).json()["entries"]
        assert exported["action"] == "audit.export"
