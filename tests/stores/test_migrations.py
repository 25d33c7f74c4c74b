"""Bringing the schema up to date."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from filelock import FileLock
from sqlalchemy import Connection, inspect, text

from holdfast.settings import Settings
from holdfast.stores import Stores, StoreUnavailable, migrate, open_stores
from holdfast.stores.schema import metadata

_OPEN = """
import asyncio, sys
from holdfast.settings import Settings
from holdfast.stores import open_stores

async def main():
    async with open_stores(Settings.model_validate_json(sys.argv[2])) as stores:
        await stores.goals.list()
        print("alembic" in sys.modules)

print("ready", flush=True)
sys.stdin.readline()
asyncio.run(main())
"""

Processes = Callable[..., Awaitable[list[str]]]


def _tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names())


def _differences(connection: Connection) -> list[object]:
    return list(compare_metadata(MigrationContext.configure(connection), metadata))


async def _set_revision(stores: Stores, revision: str) -> None:
    change = text("UPDATE alembic_version SET version_num = :revision")
    await stores.database.write(
        lambda writing: writing.connection.execute(change, {"revision": revision})
    )


async def test_an_empty_database_gets_the_tables_that_the_code_knows(stores: Stores) -> None:
    assert await stores.database.read(_tables) == {*metadata.tables, "alembic_version"}
    assert await stores.database.read(_differences) == []


def test_the_code_knows_the_last_migration() -> None:
    script = ScriptDirectory.from_config(migrate._configuration())

    assert script.get_heads() == [migrate.HEAD]


async def test_opening_again_changes_nothing(settings: Settings) -> None:
    for _ in range(3):
        async with open_stores(settings) as stores:
            await stores.goals.list()
            assert await stores.database.read(_differences) == []


async def test_processes_that_open_at_once_do_not_fight(
    settings: Settings, processes: Processes
) -> None:
    assert len(await processes(_OPEN, 4, settings.model_dump_json())) == 4

    async with open_stores(settings) as stores:
        assert await stores.database.read(_differences) == []


async def test_an_up_to_date_database_costs_no_import_of_alembic(
    settings: Settings, stores: Stores, processes: Processes
) -> None:
    assert await processes(_OPEN, 1, settings.model_dump_json()) == ["False\n"]


async def test_open_stores_do_not_hold_the_lock(settings: Settings, stores: Stores) -> None:
    place = settings.home / "migrate.lock"

    with FileLock(place).acquire(blocking=False):
        assert stores.database.url


async def test_a_process_that_holds_the_lock_is_waited_for(tmp_path: Path) -> None:
    async def open_and_close() -> None:
        async with open_stores(Settings(home=tmp_path)) as stores:
            await stores.goals.list()

    with FileLock(tmp_path / "migrate.lock"):
        opening = asyncio.create_task(open_and_close())
        done, _ = await asyncio.wait([opening], timeout=0.2)
        assert not done
    await opening


async def test_a_lock_that_is_never_given_back_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "LOCK_SECONDS", 0.05)
    place = tmp_path / "migrate.lock"

    with FileLock(place), pytest.raises(StoreUnavailable, match=f"another process .* {place}"):
        async with open_stores(Settings(home=tmp_path)):
            pass


async def test_a_newer_database_is_refused(settings: Settings) -> None:
    async with open_stores(settings) as stores:
        await _set_revision(stores, "9999")

    with pytest.raises(
        StoreUnavailable, match=r"newer Holdfast \(schema 9999, .*\): upgrade with pip install"
    ):
        async with open_stores(settings):
            pass


async def test_a_migration_that_fails_leaves_nothing_behind(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A table of ours that is there already stops the migration on its way.
    monkeypatch.setattr(migrate, "_run_migrations", lambda _: None)
    async with open_stores(settings) as stores:
        await stores.database.write(
            lambda writing: writing.connection.execute(text("CREATE TABLE steps (own INTEGER)"))
        )
    monkeypatch.undo()

    with pytest.raises(Exception, match="steps"):
        async with open_stores(settings):
            pass

    monkeypatch.setattr(migrate, "_run_migrations", lambda _: None)
    async with open_stores(settings) as stores:
        assert await stores.database.read(_tables) == {"steps"}
