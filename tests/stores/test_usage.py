"""What all goals have used, by day, agent and tenant."""

from datetime import UTC, datetime, timedelta

from perdure.models import Goal
from perdure.models.usage import UsageSum
from perdure.schemas.access import AuditEntry
from perdure.stores import Stores
from perdure.stores.database import schema
from perdure.stores.spending.goal_costs import GoalCost

DAY = datetime(2026, 3, 1, tzinfo=UTC)
LATE = DAY + timedelta(hours=23, minutes=59)  # of a zone to the east it is the next day


async def spend(
    stores: Stores, run: str, at: datetime, tokens: int, cost: float, state: str = "kept"
) -> None:
    used = await stores.ledger.of(run)
    row = {
        "workflow_id": run, "entry": used.requests + 1, "root": run, "name": "ask",
        "digest": "d", "occurrence": used.requests, "model": "m", "state": state,
        "input_tokens": tokens, "output_tokens": 1, "cost": cost, "at": at,
    }  # fmt: skip
    insert = schema.spending.insert().values(row)
    await stores.database.write(lambda writing: writing.connection.execute(insert))


async def open_run(stores: Stores, run: str, agent: str, at: datetime) -> None:
    await stores.goals.create(Goal(goal_id=run, description="d", agent_type=agent), run, at)


async def test_usage_by_day_agent_and_tenant(stores: Stores) -> None:
    await open_run(stores, "one", "research", LATE)
    await open_run(stores, "two", "code", LATE + timedelta(hours=1))
    await open_run(stores, "old", "code", DAY - timedelta(days=9))
    await spend(stores, "one", LATE, 100, 0.5)
    await spend(stores, "one", LATE, 50, 0.25, state="thrown")
    await spend(stores, "one", LATE, 9_000, 9.0, state="open")  # reserved, and not used yet
    await spend(stores, "two", LATE + timedelta(hours=1), 30, 0.0)
    await spend(stores, "old", DAY - timedelta(days=9), 1_000, 1.0)
    saved = schema.totals.insert().values(
        workflow_id="one", root="one", steps=1, seconds=1.0,
        saved_input_tokens=7, saved_output_tokens=2, saved_cost=0.125,
    )  # fmt: skip
    await stores.database.write(lambda writing: writing.connection.execute(saved))

    report = await stores.usage.report(DAY, "day")
    first, second = report.groups
    assert (first.key, first.goals, first.requests, first.unpriced_requests) == (
        "2026-03-01", 1, 2, 0,
    )  # fmt: skip
    assert first.spent == UsageSum(input_tokens=150, output_tokens=2, cost=0.75)
    assert first.thrown_away == UsageSum(input_tokens=50, output_tokens=1, cost=0.25)
    assert first.saved == UsageSum(input_tokens=7, output_tokens=2, cost=0.125)
    # The price of this model is not known, which is not the same as nothing.
    assert (second.key, second.unpriced_requests) == ("2026-03-02", 1)
    assert second.spent == UsageSum(input_tokens=30, output_tokens=1, cost=None)
    assert report.total.spent == UsageSum(input_tokens=180, output_tokens=3, cost=0.75)
    assert (report.total.goals, report.total.requests) == (2, 3)
    assert report.total.unpriced_requests == 1

    for who, status in (("other", 403), ("nightly", 303), ("another", 200)):
        entry = AuditEntry(
            at=LATE, tenant="default", who=who, address="", action="goal.start", subject="one",
            status=status,
        )  # fmt: skip
        await stores.access.audit.append(entry)
    keys = (await stores.usage.report(DAY, "key")).groups
    assert [(group.key, group.goals, group.requests) for group in keys] == [
        ("", 1, 1), ("nightly", 1, 2),
    ]  # fmt: skip
    assert keys[1].saved == first.saved
    assert (await stores.of("other").usage.report(DAY, "day")).total.requests == 0
    agents = (await stores.usage.report(DAY, "agent")).groups
    assert [(group.key, group.requests) for group in agents] == [("code", 1), ("research", 2)]
    tenants = (await stores.usage.report(DAY - timedelta(days=10), "tenant")).groups
    assert [(group.key, group.goals, group.requests) for group in tenants] == [("default", 3, 4)]


async def test_where_nothing_was_used_nothing_is_unknown(stores: Stores) -> None:
    report = await stores.usage.report(DAY, "day")
    assert report.groups == []
    assert report.total.spent == UsageSum(cost=0.0)


async def test_a_goal_costs_what_its_delegates_cost_too(stores: Stores) -> None:
    await open_run(stores, "top", "research", DAY)
    await open_run(stores, "cheap", "research", DAY)
    await open_run(stores, "part", "code", DAY)
    parent = schema.goals.update().where(schema.goals.c.workflow_id == "part")
    await stores.database.write(
        lambda writing: writing.connection.execute(parent.values(parent="top", root="top"))
    )
    await spend(stores, "top", DAY, 100, 0.5)
    await spend(stores, "top", DAY, 9_000, 9.0, state="open")
    await spend(stores, "cheap", DAY, 10, 0.0)
    await spend(stores, "part", DAY, 30, 0.25, state="thrown")
    own = schema.spending.update().where(schema.spending.c.workflow_id == "part")
    await stores.database.write(lambda writing: writing.connection.execute(own.values(root="top")))

    costs = await stores.ledger.costs(await stores.goals.list())

    assert costs == {
        "top": GoalCost(0.75, 132),
        "part": GoalCost(0.25, 31),
        "cheap": GoalCost(0.0, 11, 11),
    }
    assert await stores.ledger.costs([]) == {}
