"""No statement of a goal, and of no list of the API, reads a large table from end to end."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx
import pytest
import pytest_asyncio

from perdure.agents import AgentSpec, Goal, Result, Run
from perdure.concurrency import ConcurrencyLimits
from perdure.settings import Settings
from perdure.stores import Stores, open_stores
from perdure.stores.slots.holders import holder_name
from perdure.stores.slots.slot_store import Asker
from perdure.temporal.server.development_server import DevelopmentServer
from tests.support.postgresql import PostgreSQL
from tests.support.query_plans import (
    LARGE,
    recorded_statements,
    whole_tables_postgresql,
    whole_tables_sqlite,
)
from tests.support.until import until_async

pytestmark = pytest.mark.asyncio(loop_scope="session")

ServeApi = Callable[..., Awaitable[httpx.AsyncClient]]
ROWS = 1_000_000

# All of one tenant and of few agents: the least that indexes can tell them apart by.
_FILL: Final = (
    "SET session_replication_role = replica",  # no foreign key is checked
    f"""INSERT INTO goals (workflow_id, goal_id, description, agent_type, parameters, status,
        started_at, ended_at, last_event, root)
    SELECT 'old-' || n, 'g' || n, repeat('words ', 40), 'agent-' || n % 20, '{{}}',
        CASE WHEN n % 50 = 0 THEN 'failed' ELSE 'completed' END, now() - n * interval '1 minute',
        now() - n * interval '1 minute', 1, 'old-' || n
    FROM generate_series(1, {ROWS}) n""",
    f"""INSERT INTO events (workflow_id, number, type, time, data)
    SELECT 'old-' || n, 1, 'run.started', now(), '{{}}' FROM generate_series(1, {ROWS}) n""",
    f"""INSERT INTO steps (workflow_id, name, digest, occurrence, value, seconds, recorded_at)
    SELECT 'old-' || n, 'look', 'd', 1, '1', 1, now() FROM generate_series(1, {ROWS}) n""",
)
# As many goals wait, each of ten tenants' and of ten agents' in a queue of its own.
_WAIT: Final = f"""INSERT INTO goal_slots (workflow_id, tenant, agent_type, pool, priority,
        blocked_by, most, turn, asked_at)
    SELECT 'old-' || n, 'tenant-' || n % 10, 'agent-' || n % 20, 'default', n % 5 + 1,
        CASE WHEN n % 2 = 0 THEN 'tenant:tenant-' || n % 10 ELSE 'agent:agent-' || n % 20 END,
        2, n / 10, now() - n * interval '1 second'
    FROM generate_series(1, {ROWS}) n"""
SLOTS: Final = (*LARGE, "goal_slots")
_INDEXES: Final = (
    "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'goals' AND indexname LIKE 'ix%'"
)


async def work(run: Run, goal: Goal) -> Result:
    await run.step("look", str.upper, goal.description)
    await run.progress(50, "half-way")
    await run.artifact("notes.md", "# Notes")
    await run.approve("Publish?")
    return Result(summary="done")


WORK = AgentSpec(name="works", description="Works.", agent=work)


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def filled(
    postgresql: PostgreSQL, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[str]:
    """Return the address of a database with a million goals, steps and events."""
    async with postgresql.database() as url:
        settings = Settings(home=tmp_path_factory.mktemp("home"), database_url=url)
        async with open_stores(settings):
            pass
        connection = await asyncpg.connect(url.replace("+asyncpg", ""))
        try:
            # Indexes are made faster than they are kept.
            indexes = await connection.fetch(_INDEXES)
            for index in indexes:
                await connection.execute(f"DROP INDEX {index['indexname']}")
            for statement in _FILL:
                await connection.execute(statement)
            for index in indexes:
                await connection.execute(index["indexdef"])
            await connection.execute("VACUUM ANALYZE")
        finally:
            await connection.close()
        yield url


async def do_everything(api: httpx.AsyncClient) -> None:
    """See a goal through, send every GET there is with each of its parameters, delete the goal."""
    goal = {"goal_id": "report", "description": "Report", "agent_type": "works"}
    answer = await api.post("/api/execute-goal", json=goal, headers={"Idempotency-Key": "one"})
    run = answer.json()["workflow_id"]

    async def asked() -> Any:
        return (await api.get("/api/approvals", params={"workflow_id": run})).json()["approvals"]

    (approval,) = await until_async(asked, "the question")
    path = f"/api/approvals/{approval['approval_id']}"
    (await api.post(path, json={"approved": True, "by": "ann"})).raise_for_status()
    async with api.stream("GET", f"/api/goals/{run}/events") as events:
        async for _ in events.aiter_lines():
            pass  # to its end
    score = {"name": "good", "value": 1}
    (await api.post(f"/api/goals/{run}/scores", json=score)).raise_for_status()
    batch = {"name": "reports", "agent_type": "works", "description": "Report", "items": [{}]}
    (await api.post("/api/batches", json=batch)).raise_for_status()
    await read_everything(api, run, approval["approval_id"])
    (await api.delete(f"/api/goals/{run}")).raise_for_status()


async def read_everything(api: httpx.AsyncClient, run: str, approval: str) -> None:
    """Send every GET that the API's document has; a new parameter needs a value here."""
    now = datetime.now(UTC).isoformat()
    values: dict[str, str | int | bool] = {
        "workflow_id": run,
        "approval_id": approval,
        "upload_id": "none",
        "batch_id": "reports",
        "schedule_name": "nightly",
        "format": "csv",
        "name": "notes.md",
        "limit": 20,
        "status": "failed",
        "agent_type": "agent-3",
        **dict.fromkeys(("since", "until", "ended_since"), now),
        "before": now,
        "after": 0,
        "delegated": True,
        "parent": run,
        "started_by": "ann",
        "schedule": "nightly",
        "search": "report",
        "by": "day",
        "action": "goal.start",
        "kind": "goal.start",
        "who": "ann",
        "subject": run,
        "redirect": True,
    }
    document = (await api.get("/openapi.json")).json()
    for path, operations in document["paths"].items():
        parameters = operations.get("get", {}).get("parameters", [])
        names = [each["name"] for each in parameters if each["in"] == "query"]
        if "get" not in operations:
            continue
        for given in [(), *((name,) for name in names)]:
            required = [each["name"] for each in parameters if each.get("required")]
            query = {name: values[name] for name in {*required, *given} if name in names}
            answer = await api.get(path.format_map(values), params=query)
            assert answer.status_code < 500, (path, query, answer.text)


@pytest.mark.sqlite
async def test_sqlite(serve_api: ServeApi, server: DevelopmentServer, own_home: Path) -> None:
    api = await serve_api(server.address, agent=WORK)
    with recorded_statements() as statements:
        await do_everything(api)
    assert len(statements) > 80
    found = [*whole_tables_sqlite(own_home / "perdure.db", statements)]
    assert not found, json.dumps(found, indent=1)


async def test_postgresql(serve_api: ServeApi, server: DevelopmentServer, filled: str) -> None:
    api = await serve_api(server.address, agent=WORK, database_url=filled)
    with recorded_statements() as statements:
        await do_everything(api)
    assert len(statements) > 80
    found = await whole_tables_postgresql(filled, statements)
    assert not found, json.dumps(found, indent=1)


async def decide_about_slots(stores: Stores) -> None:
    """Ask for slots, get them, wait for them, give them back, and change the limit."""
    limits = ConcurrencyLimits.parse("tenant=2,agent:agent-3=2,pool:gpu=9")
    holder = holder_name("a" * 32)
    for number in range(5):
        run = f"new-{number}"
        goal = Goal(goal_id=run, description="x", agent_type="agent-3", tenant="tenant-2")
        await stores.goals.create(goal, run, datetime.now(UTC))
        asker = Asker(run, "agent-3", "tenant-2", "gpu", has_begun=number == 4)
        await stores.slots.ask(asker, limits, worker_pool="gpu", execution=(f"{run}:0", holder))
        await stores.slots.take(run, f"{run}:0", holder)
        await stores.goals.get(run)
        await stores.slots.keep(run, f"{run}:0")
    await stores.slots.release("new-0", "new-0:0", limits, worker_pool="gpu")
    await stores.slots.forget("new-1")
    for changed in ("tenant=2,agent=2", "tenant=3,agent=2"):
        await stores.slots.balance(ConcurrencyLimits.parse(changed), worker_pool="default")


async def test_slots_on_sqlite(own_home: Path) -> None:
    async with open_stores(Settings(home=own_home, database_url="")) as stores:
        with recorded_statements() as statements:
            await decide_about_slots(stores)
    found = [*whole_tables_sqlite(own_home / "perdure.db", statements, SLOTS)]
    assert not found, json.dumps(found, indent=1)


async def test_slots_on_postgresql(own_home: Path, filled: str) -> None:
    connection = await asyncpg.connect(filled.replace("+asyncpg", ""))
    try:
        await connection.execute("SET session_replication_role = replica")
        await connection.execute(_WAIT)
        await connection.execute("VACUUM ANALYZE goal_slots")
    finally:
        await connection.close()
    async with open_stores(Settings(home=own_home, database_url=filled)) as stores:
        with recorded_statements() as statements:
            await decide_about_slots(stores)
    about_slots = [statement for statement in statements if "goal_slots" in statement]
    assert len(about_slots) > 20
    found = await whole_tables_postgresql(filled, statements, SLOTS)
    assert not found, json.dumps(found, indent=1)
