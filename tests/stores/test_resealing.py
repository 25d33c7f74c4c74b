"""Sealing anew what older keys have sealed: all of it, whatever happens meanwhile."""

import os
import signal
import sys
from asyncio.subprocess import PIPE, create_subprocess_exec
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from sqlalchemy import Boolean, Connection, DateTime, Float, Integer, Table, text
from sqlalchemy.exc import DBAPIError

from perdure.models import Goal
from perdure.settings import Settings
from perdure.stores import Stores, open_stores
from perdure.stores.database import schema
from perdure.stores.database.columns import UtcDateTime
from perdure.stores.database.errors import StateConflict, StoreUnavailable
from perdure.stores.objects.object_store import CHUNK_BYTES
from perdure.stores.resealing.key_counts import KeyCounts
from perdure.stores.resealing.resealing_store import LEASE, Progress, ResealingStore
from perdure.stores.resealing.sealed_table import SealedTable, sealed_tables
from perdure.stores.sealing.columns import SealedJson, SealedText
from tests.support.encryption import write_keys

GOAL: Final = Goal(goal_id="sales", description="Profile the sales", agent_type="analysis")
SIZES: Final = (0, 1, CHUNK_BYTES, 3 * CHUNK_BYTES + 1)
DECISION: Final = '{"approved":true,"by":["Ann"]}'
# Reseals until the first batch is done, and then waits to be killed.
STOPPED: Final = """
import asyncio, sys
from perdure.settings import Settings
from perdure.stores import open_stores

def stop(progress):
    if progress.changed:
        print("ready", flush=True)
        sys.stdin.readline()

async def main():
    async with open_stores(Settings()) as stores:
        await stores.resealing.reseal("killed", stop)

asyncio.run(main())
"""


def keys(settings: Settings, *names: str) -> Settings:
    """Return settings with keys of these names, of which the first one seals."""
    file = settings.home.parent / f"keys-{'-'.join(names)}"
    return settings.model_copy(update={"encryption_keys": write_keys(file, *names)})


def resealing(stores: Stores) -> ResealingStore:
    assert stores.resealing is not None
    return stores.resealing


async def reseal(stores: Stores) -> KeyCounts:
    return await resealing(stores).reseal("test", lambda progress: None)


def row_of(table: Table) -> dict[str, Any]:
    """Return a row for a table, with words in each column that is sealed."""
    row: dict[str, Any] = {}
    for column in table.columns:
        match column.type:
            case SealedJson():
                row[column.name] = DECISION
            case SealedText() as type_:
                row[column.name] = f"words of {type_.place}"
            case Boolean():
                row[column.name] = True
            case UtcDateTime() | DateTime():
                row[column.name] = datetime.now(UTC)
            case Integer() | Float():
                row[column.name] = 1
            case _:
                row[column.name] = "run"
    return row


def filled() -> list[Table]:
    """Return the tables with sealed columns, and before each what it refers to."""
    return [
        table
        for table in schema.metadata.sorted_tables
        if any(isinstance(column.type, SealedText) for column in table.columns)
    ]


async def fill(stores: Stores) -> None:
    def insert(connection: Connection) -> None:
        for table in filled():
            connection.execute(table.insert(), row_of(table))

    await stores.database.write(lambda transaction: insert(transaction.connection))


async def words_in(stores: Stores) -> dict[str, str]:
    """Return what every sealed column holds, opened."""

    def read(connection: Connection) -> dict[str, str]:
        found: dict[str, str] = {}
        for table in filled():
            columns = [column for column in table.columns if isinstance(column.type, SealedText)]
            row = connection.execute(table.select().with_only_columns(*columns)).one()
            found |= {f"{table.name}.{name}": value for name, value in row._mapping.items()}
        return found

    return await stores.database.read(read)


async def test_every_column_comes_under_the_newest_key(settings: Settings) -> None:
    async with open_stores(keys(settings, "first")) as stores:
        await fill(stores)
        before = await resealing(stores).count()
        assert before.rows == {"first": len(filled())}
    async with open_stores(keys(settings, "second", "first")) as stores:
        seen: list[Progress] = []
        counts = await resealing(stores).reseal("test", seen.append)
        assert counts.rows == {"second": len(filled())}
        assert (counts.changed, counts.damaged, counts.left("second")) == (len(filled()), [], [])
        assert {progress.part for progress in seen} == {table.name for table in filled()}
        assert (await reseal(stores)).changed == 0
    async with open_stores(keys(settings, "second")) as stores:
        found = await words_in(stores)
        assert found.pop("approvals.decision") == DECISION
        assert found == {place: f"words of {place}" for place in found}
        assert {"goals.description", "audit.details", "notebook_entries.value"} <= found.keys()


@pytest.mark.parametrize("count", [1, 120])
async def test_every_row_is_looked_at(settings: Settings, count: int) -> None:
    async with open_stores(keys(settings, "first")) as stores:
        for number in range(count):
            await stores.goals.create(GOAL, f"run-{number}", datetime.now(UTC))
    async with open_stores(keys(settings, "second", "first")) as stores:
        counts = await reseal(stores)
        assert counts.changed == counts.rows["second"] >= count
    async with open_stores(keys(settings, "second")) as stores:
        goals = await stores.goals.list(limit=200)
        assert [goal.description for goal in goals] == ["Profile the sales"] * count


async def test_objects_come_under_the_newest_key(settings: Settings) -> None:
    contents = [os.urandom(size) for size in SIZES]
    async with open_stores(keys(settings, "first")) as stores:
        digests = [(await stores.contents.put(content))[0] for content in contents]
        assert (await resealing(stores).count()).objects == {"first": len(SIZES)}
    async with open_stores(keys(settings, "second", "first")) as stores:
        counts = await reseal(stores)
        assert counts.objects == {"second": len(SIZES)}
        assert (counts.changed, counts.damaged) == (len(SIZES), [])
    async with open_stores(keys(settings, "second")) as stores:
        assert [await stores.contents.read(digest) for digest in digests] == contents


async def test_a_damaged_object_stays_and_is_named(settings: Settings) -> None:
    async with open_stores(keys(settings, "first")) as stores:
        damaged, _ = await stores.contents.put(b"damaged")
        (file,) = (path for path in settings.home.rglob("sealed/*/*") if path.is_file())
        file.write_bytes(file.read_bytes()[:-1])
        left = file.read_bytes()
        whole, _ = await stores.contents.put(b"whole")
    async with open_stores(keys(settings, "second", "first")) as stores:
        counts = await reseal(stores)
        assert counts.damaged == [f"artifacts: {damaged}"]
        assert file.read_bytes() == left
        assert await stores.contents.read(whole) == b"whole"
        assert counts.objects == {"second": 1}


async def test_what_was_stored_before_there_were_keys_stays(settings: Settings) -> None:
    async with open_stores(settings) as stores:
        await stores.goals.create(GOAL, "plain", datetime.now(UTC))
        digest, _ = await stores.contents.put(b"plain")
    async with open_stores(keys(settings, "first")) as stores:
        counts = await reseal(stores)
        assert (counts.changed, counts.ids()) == (0, [])
        assert counts.rows[None] >= 1
        assert counts.objects == {None: 1}
        assert await stores.contents.read(digest) == b"plain"
        assert (await stores.goals.get("plain")).description == "Profile the sales"


async def test_what_needs_a_key_that_is_missing_is_counted(settings: Settings) -> None:
    async with open_stores(keys(settings, "first")) as stores:
        await stores.goals.create(GOAL, "run", datetime.now(UTC))
        await stores.contents.put(b"content")
    async with open_stores(keys(settings, "second", "first")):
        pass  # what digests are keyed with is sealed with the second one now
    async with open_stores(keys(settings, "third", "second")) as stores:
        counts = await reseal(stores)
        assert counts.left("third") == ["first"]
        assert counts.rows["first"] >= 1
        assert counts.objects == {"first": 1}
        assert counts.damaged == []
        with pytest.raises(StoreUnavailable, match="'first', which is not among"):
            await stores.goals.get("run")


async def test_what_others_change_meanwhile_is_not_lost(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_stores(keys(settings, "first")) as stores:
        await stores.goals.create(GOAL, "run", datetime.now(UTC))
    async with open_stores(keys(settings, "second", "first")) as stores:
        description = schema.goals.c.description
        change = schema.goals.update().values({description: "Changed meanwhile"})
        read = SealedTable.values
        reads = 0

        def values(table: SealedTable, connection: Any, row: Any) -> Any:
            nonlocal reads
            found = read(table, connection, row)
            if table.name == "goals":
                reads += 1
            return found

        async def changing(store: ResealingStore, table: SealedTable, changes: Any) -> Any:
            if table.name == "goals" and reads == 1:
                await stores.database.write(lambda t: t.connection.execute(change))
            return await make(store, table, changes)

        make = ResealingStore._change
        monkeypatch.setattr(SealedTable, "values", values)
        monkeypatch.setattr(ResealingStore, "_change", changing)
        counts = await reseal(stores)
        assert counts.left("second") == []
        assert (await stores.goals.get("run")).description == "Changed meanwhile"


async def test_one_process_at_a_time(settings: Settings) -> None:
    async with open_stores(keys(settings, "first")) as stores:
        assert await stores.leases.take(LEASE, "another", timedelta(minutes=1))
        with pytest.raises(StateConflict, match="another process is sealing the stores anew"):
            await reseal(stores)
        await stores.leases.release(LEASE, "another")
        await reseal(stores)
        assert await stores.leases.take(LEASE, "another", timedelta(minutes=1)), "it was kept"


async def test_it_goes_on_after_it_was_killed(settings: Settings) -> None:
    async with open_stores(keys(settings, "first")) as stores:
        for number in range(80):
            await stores.goals.create(GOAL, f"run-{number}", datetime.now(UTC))
    rotated = keys(settings, "second", "first")
    process = await create_subprocess_exec(
        *(sys.executable, "-c", STOPPED),
        env=os.environ
        | {
            "PERDURE_HOME": str(rotated.home),
            "PERDURE_DATABASE_URL": rotated.database_url,
            "PERDURE_ENCRYPTION_KEYS": rotated.encryption_keys,
        },
        stdin=PIPE,
        stdout=PIPE,
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGKILL)
    await process.wait()
    async with open_stores(rotated) as stores:
        half = await resealing(stores).count()
        assert half.ids() == ["first", "second"]
        with pytest.raises(StateConflict, match="if it was killed, begin again in 30 seconds"):
            await reseal(stores)
        # Half a minute later.
        over = schema.metadata.tables["leases"].update().values(until=datetime.now(UTC))
        await stores.database.write(lambda transaction: transaction.connection.execute(over))
        counts = await reseal(stores)
        assert counts.left("second") == []
        assert counts.changed == half.rows["first"]
    async with open_stores(keys(settings, "second")) as stores:
        assert len(await stores.goals.list(limit=200)) == 80


async def test_a_count_may_be_cut_short(settings: Settings) -> None:
    async with open_stores(keys(settings, "first")) as stores:
        await fill(stores)
        counts = await resealing(stores).count(seconds=0)
        assert not counts.complete
        assert counts.of("first").startswith("at least ")
        assert counts.rows["first"] < len(filled())


@pytest.mark.parametrize(
    "change",
    [
        "SET who = 'nobody'",
        "SET details = '{}'",
        "SET details = 'perdure-sealed:={}'",
        "SET details = 'perdure-sealed:AA', who = 'nobody'",
        "SET number = 7, details = 'perdure-sealed:AA'",
    ],
)
async def test_of_the_audit_table_nothing_else_can_be_changed(
    settings: Settings, change: str
) -> None:
    async with open_stores(keys(settings, "first")) as stores:
        await fill(stores)
        update = text(f"UPDATE audit {change}".replace("d:", r"d\:"))
        with pytest.raises(DBAPIError, match="append-only"):
            await stores.database.write(lambda t: t.connection.execute(update))


def test_tables_are_those_with_sealed_columns() -> None:
    assert {table.name for table in sealed_tables()} == {table.name for table in filled()}
