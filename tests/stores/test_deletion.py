"""Runs that are deleted: what they used stays in the sums of their days."""

import asyncio
import os
import random
import signal
import sys
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from sqlalchemy import Connection, func, select

from perdure.models import Failure, Goal, GoalStatus, ScoreContent, Usage
from perdure.models.usage import UsageReport
from perdure.schemas.access import AuditEntry
from perdure.settings import Settings
from perdure.stores import Stores, UnknownGoal, open_stores
from perdure.stores.database import schema
from perdure.stores.database.errors import StateConflict
from perdure.stores.database.fencing import Claim
from perdure.stores.spending.ledger import StoredLedger

DAY: Final = datetime(2026, 3, 1, tzinfo=UTC)
GROUPINGS: Final = ("day", "agent", "key", "tenant")
_STATUSES: Final = [status for status in GoalStatus if status.final]

# Deletes runs; dies as soon as it executes a statement that begins so, if it is one.
_DELETE = """
import asyncio, os, signal, sys
from sqlalchemy import event
from sqlalchemy.engine import Engine
from perdure.settings import Settings
from perdure.stores import open_stores

def die(connection, cursor, statement, parameters, context, executemany):
    if sys.argv[2] and statement.startswith(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

async def main():
    async with open_stores(Settings.model_validate_json(sys.argv[1])) as stores:
        event.listen(Engine, "before_cursor_execute", die)
        for run in sys.argv[3:]:
            await stores.deletion.delete(run)
            print(run, flush=True)

asyncio.run(main())
"""


async def fill(stores: Stores, count: int = 12) -> list[str]:
    """Create runs of several days, agents, callers and tenants that used this or that."""
    chance = random.Random(count)
    runs = []
    for number in range(count):
        run, agent = f"run-{number}", ("research", "code")[number % 2]
        tenant = ("default", "acme", "other")[number % 3]
        goal = Goal(goal_id=run, description="d", agent_type=agent, tenant=tenant)
        await stores.goals.create(goal, run, DAY + timedelta(hours=19 * number))
        if number % 4:
            entry = AuditEntry(
                at=DAY, tenant=tenant, who=f"key-{number % 2}", address="", action="goal.start",
                subject=run, status=200,
            )  # fmt: skip
            await stores.access.audit.append(entry)
        claim = Claim(run, "first", 1, datetime.now(UTC))
        claim, _ = await stores.executions.start(claim, None, {})
        ledger = stores.ledger.for_execution(claim)
        for entry_number in range(number % 5):
            await _spend(stores, ledger, run, entry_number, chance)
        if number % 3 == 0:
            await ledger.save(Usage(input_tokens=10 * number, output_tokens=3, cost=0.1 * number))
            await ledger.close(1.5)
        for name in ("accuracy", "useful")[: number % 3]:
            await stores.scores.give(run, ScoreContent(name=name, value=chance.random()), "ann")
        await stores.scores.give(run, ScoreContent(name="tone", value="friendly"), "ann")
        failure = Failure(type="X", message="x")
        status = _STATUSES[number % 4]
        await stores.results.store(run, status, failure if number % 4 else None, chance.random())
        if number % 4 == 1:  # ended, retried, and ended again: it is one run
            assert await stores.control.reopen(run) is not None
            await stores.results.store(run, GoalStatus.COMPLETED, None, 2.0)
        runs.append(run)
    return runs


async def _spend(
    stores: Stores, ledger: StoredLedger, run: str, number: int, chance: random.Random
) -> None:
    row = {
        "workflow_id": run, "entry": number + 1, "root": run, "name": "ask", "digest": "d",
        "occurrence": number, "model": "m", "state": ("kept", "thrown", "open")[number % 3],
        "input_tokens": chance.randrange(10_000), "output_tokens": chance.randrange(1_000),
        "cost": chance.random() if number % 2 else 0.0,
        "at": DAY + timedelta(hours=chance.randrange(300)),
        "tenant": select(schema.goals.c.tenant)
        .where(schema.goals.c.workflow_id == run)
        .scalar_subquery(),
    }  # fmt: skip
    insert = schema.spending.insert().values(row)
    await stores.database.write(lambda writing: writing.connection.execute(insert))


async def reports(stores: Stores, since: datetime = DAY) -> list[UsageReport]:
    tenants = (stores, stores.of("acme"), stores.of("other"))
    return [await one.usage.report(since, by) for one in tenants for by in GROUPINGS]


def rounded(value: Any) -> Any:
    """Return data with numbers that the order of additions does not change."""
    if isinstance(value, float):
        return pytest.approx(value, rel=1e-12)
    if isinstance(value, dict):
        return {name: rounded(item) for name, item in value.items()}
    return [rounded(item) for item in value] if isinstance(value, list) else value


def same(before: list[UsageReport], after: list[UsageReport]) -> None:
    for one, other in zip(before, after, strict=True):
        assert other.model_dump(mode="json") == rounded(one.model_dump(mode="json"))


async def remaining(stores: Stores) -> list[int]:
    tables = [
        table
        for table in schema.metadata.sorted_tables
        if "workflow_id" in table.c and table.name != "idempotency_keys"
    ]

    def count(connection: Connection) -> list[int]:
        return [
            connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in tables
        ]

    return await stores.database.read(count)


async def test_sums_are_the_same_after_each_run_that_is_deleted(stores: Stores) -> None:
    runs = await fill(stores)
    before = await reports(stores)
    total = before[0].total
    assert (total.goals, total.completed, total.failed) == (12, 6, 0)
    assert total.requests > 10
    assert total.unpriced_requests > 0
    assert [score.name for score in total.scores] == ["accuracy", "tone", "useful"]
    assert total.scores[1].average is None
    assert len(before[0].groups) > 5

    for run in runs:
        assert await stores.deletion.delete(run) == [run]
        same(before, await reports(stores))

    assert set(await remaining(stores)) == {0}
    assert await stores.goals.list() == []
    later = DAY + timedelta(days=2)
    assert (await stores.usage.report(later + timedelta(hours=5), "day")).groups == (
        await stores.usage.report(later, "day")
    ).groups  # a day of which only the sum is left is not divided


@pytest.mark.parametrize(
    "dies_at",
    ["INSERT INTO daily_sums", "INSERT INTO daily_scores", "DELETE FROM goals"],
)
async def test_a_process_that_is_killed_in_between_changes_nothing(
    settings: Settings, stores: Stores, dies_at: str
) -> None:
    runs = await fill(stores)
    before = await reports(stores)
    killed = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _DELETE, settings.model_dump_json(), dies_at, *runs,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, _ = await killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    assert output == b""
    assert len(await stores.goals.list()) == len(runs)
    same(before, await reports(stores))


async def test_a_process_that_is_killed_at_any_time_loses_and_doubles_nothing(
    settings: Settings, stores: Stores
) -> None:
    runs = await fill(stores, 24)
    before = await reports(stores)
    left = list(runs)
    while left:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _DELETE, settings.model_dump_json(), "", *left,
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        for _ in range(8):
            await process.stdout.readline()
        if process.returncode is None:
            os.kill(process.pid, signal.SIGKILL)
        await process.communicate()
        same(before, await reports(stores))
        there = {goal.workflow_id for goal in await stores.goals.list()}
        assert len(there) < len(left)
        left = [run for run in left if run in there]


async def test_two_that_delete_the_same_runs_count_them_once(
    settings: Settings, stores: Stores
) -> None:
    runs = await fill(stores)
    before = await reports(stores)
    async with open_stores(settings) as others:
        outcomes = await asyncio.gather(
            *(each.deletion.delete(run) for run in runs for each in (stores, others)),
            *(reports(each) for each in (stores, others, stores)),
            return_exceptions=True,
        )
    deletions = outcomes[: 2 * len(runs)]
    assert sum(isinstance(one, UnknownGoal) for one in deletions) == len(runs)
    for read in outcomes[2 * len(runs) :]:  # whatever was deleted while they were read
        assert isinstance(read, list)
        same(before, read)
    same(before, await reports(stores))


async def test_a_run_goes_with_its_delegates_once_all_have_ended(stores: Stores) -> None:
    for run in ("top", "part"):
        await stores.goals.create(Goal(goal_id=run, description="d", agent_type="code"), run, DAY)
    child = schema.goals.update().where(schema.goals.c.workflow_id == "part")
    await stores.database.write(
        lambda writing: writing.connection.execute(child.values(parent="top", root="top"))
    )
    await stores.results.store("top", GoalStatus.COMPLETED, None, 1.0)
    with pytest.raises(StateConflict, match="goal part is running"):
        await stores.deletion.delete("top")
    await stores.results.store("part", GoalStatus.COMPLETED, None, 1.0)
    with pytest.raises(StateConflict, match="part of top"):
        await stores.deletion.delete("part")
    with pytest.raises(UnknownGoal):
        await stores.of("acme").deletion.delete("top")
    assert sorted(await stores.deletion.delete("top")) == ["part", "top"]
    with pytest.raises(UnknownGoal):
        await stores.deletion.delete("top")
    with pytest.raises(UnknownGoal):
        await stores.scores.give("top", ScoreContent(name="a", value=1), "ann")
    report = await stores.usage.report(DAY, "agent")
    assert (report.total.goals, report.total.seconds) == (2, 2.0)
