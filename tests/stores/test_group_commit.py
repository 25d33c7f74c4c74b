"""Changes of SQLite that wait together are committed together, each whole or not at all."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from perdure.agents.steps.run_closed import Fenced
from perdure.models import Event
from perdure.settings import Settings
from perdure.stores import Stores, StoreUnavailable, open_stores
from perdure.stores.database.backends.group_commit import MAX_CHANGES
from perdure.stores.database.engine import Transaction
from tests.support.until import until_async

Change = Callable[[Transaction], str]


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Stores]:
    """Open stores on SQLite that have a table of the test's own."""
    async with open_stores(Settings(home=tmp_path, database_url="")) as stores:
        await _execute(stores, "CREATE TABLE noted (name TEXT PRIMARY KEY)")
        yield stores


async def _execute(stores: Stores, statement: str) -> None:
    await stores.database.write(lambda writing: writing.connection.execute(text(statement)))


def _noting(name: str, error: Exception | None = None) -> Change:
    def note(writing: Transaction) -> str:
        writing.connection.execute(text("INSERT INTO noted VALUES (:name)"), {"name": name})
        if error is not None:
            raise error
        return name

    return note


async def _noted(stores: Stores) -> list[str]:
    query = text("SELECT name FROM noted ORDER BY rowid")
    return await stores.database.read(lambda connection: list(connection.execute(query).scalars()))


async def _begin_together(stores: Stores, changes: Iterable[Change]) -> list[asyncio.Task[str]]:
    """Begin changes while the writer is held up, and let it go on when all of them wait."""
    is_held, goes_on = threading.Event(), threading.Event()

    def hold(_: Transaction) -> None:
        is_held.set()
        assert goes_on.wait(60)

    holding = asyncio.create_task(stores.database.write(hold))
    await until_async(is_held.is_set, "the writer held")
    tasks = [asyncio.create_task(stores.database.write(change)) for change in changes]
    await asyncio.sleep(0)
    goes_on.set()
    await holding
    return tasks


async def test_others_see_all_of_a_group_or_nothing(opened: Stores, tmp_path: Path) -> None:
    seen = []

    def look(_: Transaction) -> str:
        with sqlite3.connect(tmp_path / "perdure.db") as other:
            seen.extend(other.execute("SELECT count(*) FROM noted").fetchone())
        return "looked"

    tasks = await _begin_together(opened, [_noting("a"), look, _noting("b"), look])
    assert await asyncio.gather(*tasks) == ["a", "looked", "b", "looked"]
    assert seen == [0, 0]
    assert await _noted(opened) == ["a", "b"]


async def test_a_change_that_raises_takes_back_itself_alone(opened: Stores) -> None:
    changes = [_noting("a"), _noting("b", KeyError("mine")), _noting("a"), _noting("c")]
    tasks = await _begin_together(opened, changes)
    first, second, third, fourth = await asyncio.gather(*tasks, return_exceptions=True)
    assert (first, fourth) == ("a", "c")
    assert isinstance(second, KeyError)
    assert isinstance(third, IntegrityError)
    assert await _noted(opened) == ["a", "c"]


@pytest.mark.parametrize("others", [0, 2])
async def test_what_no_except_clause_of_agents_catches_reaches_who_writes(
    opened: Stores, others: int
) -> None:
    def lose_claim(writing: Transaction) -> str:
        _noting("lost")(writing)
        raise Fenced("another execution has taken over")

    noting = [_noting(str(number)) for number in range(others)]
    tasks = await _begin_together(opened, [lose_claim, *noting])
    lost, *results = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(lost, Fenced)
    assert results == await _noted(opened)
    assert await opened.database.write(_noting("later")) == "later"


async def test_events_of_what_was_taken_back_are_published_to_nobody(opened: Stores) -> None:
    published: list[str] = []
    opened.database.subscribe(lambda event: published.append(event.workflow_id))

    def telling(name: str, error: Exception | None = None) -> Change:
        def tell(writing: Transaction) -> str:
            event = Event(
                workflow_id=name, number=1, type="progress", time=datetime.now(UTC), data={}
            )
            writing.events.append(event)
            return _noting(name, error)(writing)

        return tell

    tasks = await _begin_together(opened, [telling("a"), telling("b", ValueError()), telling("c")])
    await asyncio.gather(*tasks, return_exceptions=True)
    assert published == ["a", "c"]


async def test_a_change_cancelled_while_it_waits_is_left_out(opened: Stores) -> None:
    is_held, goes_on = threading.Event(), threading.Event()

    def hold(writing: Transaction) -> str:
        is_held.set()
        assert goes_on.wait(60)
        return _noting("held")(writing)

    holding = asyncio.create_task(opened.database.write(hold))
    await until_async(is_held.is_set, "the writer held")
    waiting = asyncio.create_task(opened.database.write(_noting("waiting")))
    kept = asyncio.create_task(opened.database.write(_noting("kept")))
    await asyncio.sleep(0)
    waiting.cancel()
    holding.cancel()  # it has begun, and is carried out
    await asyncio.gather(waiting, holding, return_exceptions=True)
    goes_on.set()
    assert await kept == "kept"
    assert await _noted(opened) == ["held", "kept"]


async def test_more_than_fits_into_a_group_keeps_its_order(opened: Stores) -> None:
    names = [f"{number:03}" for number in range(3 * MAX_CHANGES + 1)]
    tasks = await _begin_together(opened, map(_noting, names))
    assert await asyncio.gather(*tasks) == names
    assert await _noted(opened) == names


async def test_a_database_that_takes_the_group_back_stores_none_of_it(opened: Stores) -> None:
    def forget_all(writing: Transaction) -> str:
        # As SQLite itself does on a full disk.
        writing.connection.exec_driver_sql("ROLLBACK")
        raise sqlite3.OperationalError("database or disk is full")

    tasks = await _begin_together(opened, [_noting("a"), forget_all, _noting("b")])
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(result, Exception) for result in results)
    assert await _noted(opened) == []
    assert await opened.database.write(_noting("later")) == "later"


async def test_a_disk_that_is_full_at_the_commit_stores_none_of_the_group(opened: Stores) -> None:
    await _execute(opened, "CREATE TABLE large (content BLOB)")
    pages = text("PRAGMA page_count")
    used = await opened.database.read(lambda connection: connection.execute(pages).scalar())

    def limit(writing: Transaction) -> str:
        writing.connection.exec_driver_sql(f"PRAGMA max_page_count = {used}")
        return "limited"

    def fill(writing: Transaction) -> str:
        writing.connection.exec_driver_sql("INSERT INTO large VALUES (zeroblob(10000000))")
        return "filled"

    tasks = await _begin_together(opened, [limit, _noting("a"), fill])
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(results[2], StoreUnavailable)
    stored = await _noted(opened)
    # SQLite takes back the statement or all: who was told "stored" is stored, and nobody else.
    assert stored == [result for result in results if result == "a"]
