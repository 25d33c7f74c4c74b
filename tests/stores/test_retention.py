"""What is old enough is deleted, what is held or under way is not."""

import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from sqlalchemy import Connection, func, insert, select, update

from perdure.models import Failure, Goal, GoalStatus
from perdure.models.tenants import TENANT_PATTERN
from perdure.retention import Retention
from perdure.schemas.access import AuditEntry
from perdure.settings import Settings
from perdure.stores import Stores, UnknownGoal, open_stores
from perdure.stores.database import schema
from perdure.stores.database.errors import StateConflict
from perdure.stores.database.fencing import Claim
from perdure.stores.retention import due
from perdure.temporal.worker import retention as module
from perdure.temporal.worker.retention import KEY_TIME, LEASE, LEASE_TIME, RetentionPass

NOW: Final = datetime.now(UTC)
DAYS: Final = Retention.parse("30")
FAILURE: Final = Failure(type="X", message="x")

# Deletes what is due; dies as it executes the n-th statement that begins so.
_PASS = """
import asyncio, os, signal, sys
from sqlalchemy import event
from sqlalchemy.engine import Engine
from perdure.retention import Retention
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.temporal.worker import retention

left = int(sys.argv[3])

def die(connection, cursor, statement, parameters, context, executemany):
    global left
    if statement.startswith(sys.argv[2]):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

async def main():
    retention.BATCH_ROWS = 7
    async with open_stores(Settings.model_validate_json(sys.argv[1])) as stores:
        event.listen(Engine, "before_cursor_execute", die)
        await retention.RetentionPass(stores, Retention.parse("30"), "killed").run()

asyncio.run(main())
"""


async def add(
    stores: Stores,
    run: str,
    days: float,
    status: GoalStatus = GoalStatus.COMPLETED,
    *,
    tenant: str = "default",
    parent: str | None = None,
    events: int = 3,
) -> None:
    """Add a run that ended so many days ago; one that is running for a status not final."""
    goal = Goal(goal_id=run, description="d", agent_type="code", tenant=tenant)
    await stores.goals.create(goal, run, NOW - timedelta(days=days + 1))
    claim = Claim(run, "first", 1, NOW)
    claim, _ = await stores.executions.start(claim, None, {})
    await stores.ledger.for_execution(claim).close(1.5)
    rows = [
        {"workflow_id": run, "number": 100 + n, "type": "x", "time": NOW, "data": "{}"}
        for n in range(events)
    ]
    steps = [
        {
            "workflow_id": run, "name": "s", "digest": "d", "occurrence": n, "value": "1",
            "seconds": 0.1, "recorded_at": NOW,
        }
        for n in range(events)
    ]  # fmt: skip
    if status.final:
        failure = None if status is GoalStatus.COMPLETED else FAILURE
        await stores.results.store(run, status, failure, 2.0)
    changes: dict[str, object] = {"parent": parent, "root": parent}
    if status.final:
        changes["ended_at"] = NOW - timedelta(days=days)
    goals = schema.goals
    await stores.database.write(
        lambda writing: (
            writing.connection.execute(insert(schema.events), rows),
            writing.connection.execute(insert(schema.steps), steps),
            writing.connection.execute(
                update(goals).where(goals.c.workflow_id == run).values(**changes)
            ),
        )
    )


async def set_ended(stores: Stores, run: str, days: float) -> None:
    ended = update(schema.goals).where(schema.goals.c.workflow_id == run)
    old = ended.values(ended_at=NOW - timedelta(days=days))
    await stores.database.write(lambda writing: writing.connection.execute(old))


async def left(stores: Stores) -> set[str]:
    return {record.workflow_id for record in await stores.goals.list(limit=500)}


async def rows(stores: Stores, table: str) -> int:
    query = select(func.count()).select_from(schema.metadata.tables[table])
    return await stores.database.read(lambda connection: connection.execute(query).scalar_one())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [None, None, None, None]),
        ("30", [30, 30, 30, 30]),
        ("completed=30, failed=90", [30, 90, 30, 90]),
        ("30, failed=forever", [30, None, 30, None]),
        ("30, acme/7", [30, 30, 7, 7]),
        ("30, failed=90, acme / failed = 365, acme/forever", [30, 90, None, 365]),
        ("acme/completed=5", [None, None, 5, None]),
    ],
)
def test_the_entry_counts_that_fits_best(text: str, expected: Sequence[int | None]) -> None:
    retention = Retention.parse(text)
    times = [
        retention.time(tenant, status)
        for tenant in ("other", "acme")
        for status in ("completed", "failed")
    ]
    assert [time.days if time is not None else None for time in times] == expected


@pytest.mark.parametrize(
    "text",
    ["0", "-3", "x", "running=3", "failed", "acme/", "ACME/3", "/3", "3,4", "acme/failed", "a=b=3"],
)
def test_an_entry_that_cannot_be_read_is_refused_with_the_setting(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERDURE_RETENTION_DAYS", text)
    with pytest.raises(ValueError, match=r"retention_days[\s\S]*(cannot be read|another entry)"):
        Settings(_env_file=None)


def test_tenants_are_named_as_everywhere() -> None:
    from perdure.retention import _TENANT

    assert TENANT_PATTERN.strip("^$") == _TENANT.pattern


async def test_what_is_older_than_its_tenant_and_status_say_goes(stores: Stores) -> None:
    for status in (GoalStatus.COMPLETED, GoalStatus.FAILED, GoalStatus.CANCELLED):
        for tenant in ("default", "acme"):
            for days in (5, 40, 100):
                await add(stores, f"{status}-{tenant}-{days}", days, status, tenant=tenant)
    await add(stores, "running", 100, GoalStatus.RUNNING)
    before = [await stores.usage.report(NOW - timedelta(days=200), by) for by in ("day", "tenant")]
    settings = "30, failed=90, acme/7, acme/failed=forever"

    assert await RetentionPass(stores, Retention.parse(settings), "me").run() == 9
    assert await left(stores) == {
        "completed-default-5", "failed-default-5", "failed-default-40", "cancelled-default-5",
        "completed-acme-5", "cancelled-acme-5",
        "failed-acme-5", "failed-acme-40", "failed-acme-100",
        "running",
    }  # fmt: skip
    after = [await stores.usage.report(NOW - timedelta(days=200), by) for by in ("day", "tenant")]
    assert after == before
    entries = await stores.access.audit.list("acme", limit=100)
    assert {entry.subject for entry in entries} == {
        f"{status}-acme-{days}" for status in ("completed", "cancelled") for days in (40, 100)
    }
    assert {(entry.who, entry.action) for entry in entries} == {("retention", "goal.delete")}


async def test_nothing_goes_when_nothing_is_set(stores: Stores) -> None:
    await add(stores, "old", 30_000)
    assert await RetentionPass(stores, Retention.parse(""), "me").run() == 0
    assert await left(stores) == {"old"}


async def test_delegates_go_with_the_run_at_the_top_and_never_before(stores: Stores) -> None:
    await add(stores, "top", 100, GoalStatus.RUNNING)
    await add(stores, "part", 100, parent="top")
    await add(stores, "other", 100)
    await add(stores, "late", 100, GoalStatus.RUNNING, parent="other")
    cleaning = RetentionPass(stores, DAYS, "me")
    assert await cleaning.run() == 0
    assert await left(stores) == {"top", "part", "other", "late"}

    await stores.results.store("top", GoalStatus.COMPLETED, None, 2.0)
    assert await cleaning.run() == 0  # it has ended now, not thirty days ago
    ended = update(schema.goals).where(schema.goals.c.workflow_id == "top")
    old = ended.values(ended_at=NOW - timedelta(days=31))
    await stores.database.write(lambda writing: writing.connection.execute(old))
    assert await cleaning.run() == 1
    assert await left(stores) == {"other", "late"}


async def test_a_notebook_goes_with_the_run_at_the_top(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH_ROWS", 7)
    for run, days in (("old", 31.0), ("new", 5.0)):
        await add(stores, run, days, GoalStatus.RUNNING)
        await add(stores, f"{run}-part", days, GoalStatus.RUNNING, parent=run)
        second = Claim(f"{run}-part", "second", 2, NOW)
        claim, _ = await stores.executions.start(second, None, {})
        for version in range(20):
            written = await stores.notebook.for_execution(claim).write("k", version, version, "t")
            assert written is not None
        for one in (f"{run}-part", run):
            await stores.results.store(one, GoalStatus.COMPLETED, None, 2.0)
            await set_ended(stores, one, days)
    assert await rows(stores, "notebook_entries") == 40
    assert await RetentionPass(stores, DAYS, "me").run() == 1
    assert await left(stores) == {"new", "new-part"}
    assert await rows(stores, "notebook_entries") == 20
    assert len(await stores.notebook.of("new")) == 1


async def test_what_is_held_stays_until_it_is_released(stores: Stores) -> None:
    for run in ("held", "free"):
        await add(stores, run, 100)
        await add(stores, f"{run}-part", 100, parent=run)
    await add(stores, "of-acme", 100, tenant="acme")
    await stores.holds.hold("held", "ann", "a lawsuit")
    await stores.of("acme").holds.hold_tenant("bob", "an audit")
    with pytest.raises(StateConflict, match="is part of held"):
        await stores.holds.hold("held-part", "ann", "")
    holds = {"held": ("ann", False), "held-part": ("ann", False), "of-acme": ("bob", True)}
    for run, expected in holds.items():
        hold = (await stores.goals.get(run)).hold
        assert hold is not None
        assert (hold.by, hold.whole_tenant) == expected
    assert (await stores.goals.get("free")).hold is None

    cleaning = RetentionPass(stores, DAYS, "me")
    assert await cleaning.run() == 1
    assert await left(stores) == {"held", "held-part", "of-acme"}
    for run in ("held", "of-acme"):
        with pytest.raises(StateConflict, match=r"cannot be deleted: .* is held by (ann|bob)"):
            await stores.deletion.delete(run)
    assert await left(stores) == {"held", "held-part", "of-acme"}

    await stores.holds.release("held")
    await stores.of("acme").holds.release_tenant()
    assert (await stores.goals.get("held")).hold is None
    assert await cleaning.run() == 2
    assert await left(stores) == set()
    for call in (stores.holds.hold("held", "ann", ""), stores.holds.release("held")):
        with pytest.raises(UnknownGoal):
            await call


async def test_a_tenant_can_neither_hold_nor_release_what_is_anothers(stores: Stores) -> None:
    await add(stores, "mine", 100)
    await stores.holds.hold("mine", "ann", "")
    other = stores.of("acme").holds
    assert await other.list() == []
    (held,) = await stores.holds.list()
    assert (held.workflow_id, held.by, held.tenant) == ("mine", "ann", "default")
    for call in (other.hold("mine", "eve", ""), other.release("mine")):
        with pytest.raises(UnknownGoal):
            await call
    await other.release_tenant()
    hold = (await stores.goals.get("mine")).hold
    assert hold is not None
    assert hold.by == "ann"


async def test_a_run_whose_deletion_has_begun_is_neither_retried_nor_held(stores: Stores) -> None:
    await add(stores, "run", 100, GoalStatus.FAILED, events=20)
    assert await stores.deletion.begin("run") == ["run"]
    assert await stores.deletion.delete_rows(["run"], 5)
    with pytest.raises(StateConflict, match="is being deleted"):
        await stores.control.reopen("run")
    with pytest.raises(StateConflict, match="is being deleted"):
        await stores.holds.hold("run", "ann", "")
    assert (await stores.goals.get("run")).hold is None
    # What was begun is ended whatever the settings are by now.
    assert await RetentionPass(stores, Retention.parse(""), "me").run() == 1
    assert await left(stores) == set()


@pytest.mark.parametrize(
    ("statement", "nth"),
    [
        ("INSERT INTO deletions", 2),
        ("DELETE FROM steps", 3),
        ("DELETE FROM events", 5),
        ("INSERT INTO daily_sums", 2),
        ("DELETE FROM goals", 1),
        ("INSERT INTO audit", 3),
    ],
)
async def test_a_worker_that_is_killed_in_the_middle_hurts_nothing(
    settings: Settings, stores: Stores, statement: str, nth: int
) -> None:
    for number in range(4):
        await add(stores, f"old-{number}", 100, events=20)
    await add(stores, "part", 100, parent="old-1", events=20)
    await add(stores, "new", 1, events=20)
    before = await stores.usage.report(NOW - timedelta(days=200), "day")
    killed = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _PASS, settings.model_dump_json(), statement, str(nth)
    )
    assert await killed.wait() == -9
    assert "new" in await left(stores)
    assert await left(stores) > {"new"}
    assert await stores.usage.report(NOW - timedelta(days=200), "day") == before

    # Until the lease of the dead one is over, nobody else deletes.
    assert await RetentionPass(stores, DAYS, "next").run() == 0
    leases = schema.metadata.tables["leases"]
    over = update(leases).values(until=NOW)
    await stores.database.write(lambda writing: writing.connection.execute(over))
    assert await RetentionPass(stores, DAYS, "next").run() > 0
    assert await left(stores) == {"new"}
    assert await rows(stores, "deletions") == 0
    assert await rows(stores, "steps") == 20
    assert await stores.usage.report(NOW - timedelta(days=200), "day") == before
    entries = await stores.access.audit.list(None, action="goal.delete")
    assert sorted(entry.subject for entry in entries) == [f"old-{number}" for number in range(4)]


async def test_one_worker_at_a_time_has_the_lease(settings: Settings, stores: Stores) -> None:
    async with open_stores(settings) as others:
        taken = await asyncio.gather(
            *(
                each.leases.take(LEASE, f"worker-{number}", LEASE_TIME)
                for number, each in enumerate([stores, others] * 5)
            )
        )
    assert taken.count(True) == 1
    holder = f"worker-{taken.index(True)}"
    assert await stores.leases.take(LEASE, holder, LEASE_TIME)
    await stores.leases.release(LEASE, "worker-99")
    assert not await stores.leases.take(LEASE, "worker-99", LEASE_TIME)
    await stores.leases.release(LEASE, holder)
    assert await stores.leases.take(LEASE, "worker-99", timedelta(seconds=-1))
    assert await stores.leases.take(LEASE, holder, LEASE_TIME)  # the other's is over


async def test_workers_that_delete_at_once_delete_each_run_once(
    settings: Settings, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH_RUNS", 3)
    for number in range(10):
        await add(stores, f"old-{number}", 100)
    async with open_stores(settings) as others:
        passes = [RetentionPass(each, DAYS, f"{n}") for n, each in enumerate([stores, others])]
        # Both think that they have the lease, as one that was frozen does.
        monkeypatch.setattr(RetentionPass, "_extend", lambda _: asyncio.sleep(0))
        counts = await asyncio.gather(*(one.run() for one in passes))
    assert sum(counts) == 10
    assert await left(stores) == set()
    assert len(await stores.access.audit.list(None, action="goal.delete", limit=100)) == 10


async def test_a_hold_that_comes_while_runs_are_deleted_keeps_what_is_there(
    settings: Settings, stores: Stores
) -> None:
    for number in range(30):
        await add(stores, f"old-{number}", 100)
    async with open_stores(settings) as others:
        deleting = asyncio.create_task(RetentionPass(others, DAYS, "me").run())
        while len(await left(stores)) == 30:  # noqa: ASYNC110 -- another connection deletes
            await asyncio.sleep(0)
        await stores.holds.hold_tenant("ann", "a lawsuit")
        kept = await left(stores)
        await deleting
    assert kept
    assert await left(stores) == kept


async def test_idempotency_keys_expire_but_for_those_of_goals_under_way(stores: Stores) -> None:
    await add(stores, "ended", 40)
    await add(stores, "running", 40, GoalStatus.RUNNING)
    keys = schema.idempotency_keys
    for key, run in (("a", "ended"), ("b", "running"), ("c", "never-started"), ("new", "ended")):
        assert await stores.idempotency_keys.claim(key, "d", run) == run
    old = update(keys).where(keys.c.key != "new")
    aged = old.values(given_at=datetime.now(UTC) - KEY_TIME - timedelta(minutes=1))
    await stores.database.write(lambda writing: writing.connection.execute(aged))

    await RetentionPass(stores, Retention.parse(""), "me").run()
    assert await stores.idempotency_keys.claim("a", "d", "again") == "again"
    assert await stores.idempotency_keys.claim("b", "d", "again") == "running"
    assert await stores.idempotency_keys.claim("c", "d", "again") == "again"
    assert await stores.idempotency_keys.claim("new", "d", "again") == "ended"


async def test_sums_and_the_audit_table_stay(stores: Stores) -> None:
    await add(stores, "old", 100)
    entry = AuditEntry(
        at=NOW - timedelta(days=3000), tenant="default", who="ann", address="",
        action="goal.start", subject="old", status=200,
    )  # fmt: skip
    await stores.access.audit.append(entry)
    assert await RetentionPass(stores, Retention.parse("1"), "me").run() == 1
    actions = [entry.action for entry in await stores.access.audit.list(None)]
    assert actions == ["goal.delete", "goal.start"]
    assert (await stores.usage.report(NOW - timedelta(days=200), "day")).total.goals == 1


# PostgreSQL's planner reads a table of no size as a whole.
@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
async def test_what_is_due_is_found_by_an_index(stores: Stores) -> None:
    statement = str(due._DUE.compile(stores.database._engine))  # type: ignore[attr-defined]
    count = statement.count("?")

    def explain(connection: Connection) -> list[str]:
        values = tuple("x" for _ in range(count))
        return [
            row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
        ]

    plan = await stores.database.read(explain)
    assert any("ix_goals_status_tenant_started_at" in line for line in plan), plan
    assert not [line for line in plan if line.startswith("SCAN")], plan
