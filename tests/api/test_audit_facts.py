"""What callers do over HTTP, as facts of the audit trail: who, from where, with which key."""

from collections.abc import AsyncIterator, Awaitable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import select

from perdure.agents.steps.keys import StepKey
from perdure.audit.canonical import salted
from perdure.audit.keys import load_public_key, load_signing_key
from perdure.audit.verification import verify
from perdure.client import AsyncClient
from perdure.models import GoalStatus
from perdure.settings import Settings
from perdure.stores import Stores, open_stores
from perdure.stores.audit import tables
from perdure.stores.database.fencing import Claim
from perdure.temporal.client.connection import connect
from perdure.temporal.client.goal_service import GoalService
from perdure.temporal.schedules.service import ScheduleService
from perdure.temporal.server.development_server import DevelopmentServer
from tests.api.conftest import ServeApi
from tests.support.audit_keys import write_keys
from tests.support.plugins import registry_of
from tests.support.routes import every_requirement
from tests.support.schedules import delete_all

pytestmark = pytest.mark.asyncio(loop_scope="session")

GOAL = {"goal_id": "audited", "description": "say it", "agent_type": "echo"}
CLIENT = "the browser of Ann"
NAME = "the admin"


@pytest.fixture
def key(tmp_path: Path) -> str:
    """Return the file of the key that signs seals."""
    return str(write_keys(tmp_path)[0])


@pytest_asyncio.fixture(loop_scope="session")
async def stores(own_home: Path, key: str) -> AsyncIterator[Stores]:
    """Open the stores of the API."""
    async with open_stores(Settings(home=own_home, audit_key=key)) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def site(
    serve_api: ServeApi, server: DevelopmentServer, stores: Stores, key: str
) -> AsyncIterator[httpx.AsyncClient]:
    """Serve the API without a worker to an admin; there are no schedules before and after."""
    schedules = ScheduleService(GoalService(await connect(server.address), stores, registry_of()))
    await delete_all(schedules)
    admin, _ = await stores.access.keys.create(NAME, ["admin"])
    api = await serve_api(server.address, worker=False, audit_key=key)
    api.headers.update({"Authorization": f"Bearer {admin}", "User-Agent": CLIENT})
    yield api
    await delete_all(schedules)


async def facts(api: httpx.AsyncClient, **criteria: str) -> list[dict[str, Any]]:
    answer = await api.get("/api/audit/facts", params={"limit": "500", **criteria})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["facts"]
    return found[::-1]


async def done(answer: Awaitable[httpx.Response]) -> Any:
    response = await answer
    assert response.is_success, response.text
    return response.json() if response.content else None


async def test_every_route_that_changes_anything_is_on_record() -> None:
    changing = [
        (method, path, needed)
        for method, path, needed in every_requirement()
        if method != "GET" and needed is not None
    ]
    assert len(changing) > 30
    # Which shows what a form stands for, and does nothing.
    assert [path for _, path, needed in changing if not needed.action] == [
        "/agents/{name}/commands"
    ]


async def test_each_fact_says_who_from_where_with_what_and_which_key(
    site: httpx.AsyncClient, stores: Stores
) -> None:
    started = await done(site.post("/api/execute-goal", json=GOAL))
    await done(site.post(f"/api/goals/{started['workflow_id']}/cancel"))
    made = await done(site.post("/api/keys", json={"name": "Ann's", "scopes": ["read"]}))
    await done(site.delete(f"/api/keys/{made['record']['key_id']}"))
    await site.post("/api/approvals/none", json={"approved": True, "by": "Ann Erasmus"})

    person = select(tables.people.c.salt).where(tables.people.c.name == NAME)
    salt = await stores.database.read(lambda connection: connection.execute(person).scalar_one())
    [own] = [record for record in await stores.access.keys.list(None) if record.name == NAME]
    found = {fact["kind"]: fact for fact in await facts(site, who=NAME)}
    assert {*found} >= {"goal.start", "goal.cancel", "key.create", "key.revoke", "approval.vote"}
    for kind in ("goal.start", "goal.cancel", "key.create", "key.revoke", "approval.vote"):
        data = found[kind]["data"]
        assert data["key_id"] == own.key_id
        assert data["address"] == salted(salt, "127.0.0.1")
        assert data["client"] == salted(salt, CLIENT)
        assert data["request_id"]
    assert found["goal.start"]["subject"] == started["workflow_id"]
    assert found["key.create"]["subject"] == made["record"]["key_id"]
    assert found["key.create"]["data"]["scopes"] == ["read"]
    assert found["approval.vote"]["data"]["status"] == 404, "what is refused is on record too"
    listed = await done(site.get("/api/audit", params={"action": "goal.start"}))
    assert [entry["client"] for entry in listed["entries"]] == [CLIENT]


async def test_settling_retrying_and_deleting_are_facts(
    site: httpx.AsyncClient, stores: Stores
) -> None:
    run = (await done(site.post("/api/execute-goal", json=GOAL)))["workflow_id"]
    claim = Claim(run, "first", 1, datetime.now(UTC))
    claim, _ = await stores.executions.start(claim, None, {})
    await stores.context.journal(claim).begin(StepKey("send", "1" * 64, 0, 1), once=True)
    await stores.results.store(run, GoalStatus.FAILED, None, 1.0)
    body = {"step": "send", "done": True, "value": 17, "by": "Ann Erasmus"}
    await done(site.post(f"/api/goals/{run}/steps/settle", json=body))
    await done(site.delete(f"/api/goals/{run}"))
    found = await facts(site, subject=run)
    kinds = [fact["kind"] for fact in found]
    assert kinds == [
        *("run.started", "goal.start", "execution.started", "run.failed"),
        *("step.settled", "step.settle", "goal.delete"),
    ]
    settled = found[4]["data"]
    assert (settled["step"], settled["done"]) == ("send", True)
    assert len(settled["output"]) == 64
    assert "Ann" not in str(found)
    answer = await site.post(f"/api/goals/{run}/retry")
    assert answer.status_code == 404
    assert (await facts(site, subject=run))[-1]["kind"] == "goal.retry"


async def test_batches_and_schedules_are_facts(site: httpx.AsyncClient) -> None:
    batch = {"name": "words", "agent_type": "echo", "description": "Say it"}
    items = [{"key": "a"}, {"key": "b"}]
    made = (await done(site.post("/api/batches", json={**batch, "items": items})))["batch"]
    place = f"/api/batches/{made['batch_id']}"
    await done(site.post(f"{place}/items", json={"items": [{"key": "c"}]}))
    for what in ("pause", "resume", "cancel"):
        await done(site.post(f"{place}/{what}"))
    found = await facts(site, subject=made["batch_id"])
    assert [(fact["kind"], fact["who"], fact["data"]["status"]) for fact in found] == [
        ("batch.start", NAME, 201),
        ("batch.add", NAME, 200),
        ("batch.pause", NAME, 200),
        ("batch.resume", NAME, 200),
        ("batch.cancel", NAME, 200),
    ]
    assert [fact["data"].get("items") for fact in found[:2]] == [2, 1]
    assert found[0]["data"]["agent_type"] == "echo"

    schedule = {"name": "morning", "cron": ["0 7 * * *"], "goal": GOAL}
    await done(site.post("/api/schedules", json=schedule))
    for what in ("pause", "resume", "trigger"):
        await done(site.post(f"/api/schedules/morning/{what}"))
    await done(site.delete("/api/schedules/morning"))
    kinds = [
        (fact["kind"], fact["who"])
        for fact in await facts(site, subject="morning")
        if fact["kind"].startswith("schedule.")
    ]
    assert kinds == [
        (f"schedule.{what}", NAME) for what in ("create", "pause", "resume", "trigger", "delete")
    ]


async def test_the_client_exports_what_verifies(
    site: httpx.AsyncClient, stores: Stores, key: str, tmp_path: Path
) -> None:
    run = (await done(site.post("/api/execute-goal", json=GOAL)))["workflow_id"]
    await stores.seals.seal(load_signing_key(key))
    admin = site.headers["Authorization"].removeprefix("Bearer ")
    other, _ = await stores.access.keys.create("other", ["admin"], tenant="other")
    keys = [load_public_key(tmp_path / "audit-key.pub.pem")]
    for bearer, own in ((admin, True), (other, False)):
        async with AsyncClient(str(site.base_url), api_key=bearer) as client:
            export = b"".join([piece async for piece in client.audit.export()])
            found = verify(export.splitlines(), keys)
            assert found.holds, found.findings
            assert (run.encode() in export) is own
            assert (found.withheld == 0) is own


async def test_recordings_are_for_admins_of_the_tenant_and_their_reading_is_on_record(
    site: httpx.AsyncClient, stores: Stores
) -> None:
    run = (await done(site.post("/api/execute-goal", json=GOAL)))["workflow_id"]
    recording = await done(site.get(f"/api/goals/{run}/recording"))
    assert recording["goal"]["description"] == "say it"
    assert (await facts(site, subject=run))[-1]["kind"] == "goal.recording"
    reader, _ = await stores.access.keys.create("reader", ["read"])
    other, _ = await stores.access.keys.create("other", ["admin"], tenant="other")
    for bearer, status in ((reader, 403), (other, 404)):
        headers = {"Authorization": f"Bearer {bearer}"}
        answer = await site.get(f"/api/goals/{run}/recording", headers=headers)
        assert answer.status_code == status
