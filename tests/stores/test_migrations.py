"""Migrations of the schema."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from filelock import FileLock
from sqlalchemy import Connection, bindparam, inspect, text

from perdure.agents.steps.journal import StepOutcome
from perdure.agents.steps.keys import StepKey
from perdure.models import Failure, Goal, GoalStatus, Progress, Result
from perdure.settings import Settings
from perdure.stores import Stores, StoreUnavailable, open_stores
from perdure.stores.database import migrate
from perdure.stores.database.address import database_address
from perdure.stores.database.backends.opening import open_database
from perdure.stores.database.columns import UtcDateTime
from perdure.stores.database.engine import Transaction
from perdure.stores.database.fencing import Claim
from perdure.stores.database.schema import metadata

_OPEN = """
import asyncio, sys
from perdure.settings import Settings
from perdure.stores import open_stores

async def main():
    async with open_stores(Settings.model_validate_json(sys.argv[2])) as stores:
        await stores.goals.list()
        print("alembic" in sys.modules)

print("ready", flush=True)
sys.stdin.readline()
asyncio.run(main())
"""

Processes = Callable[..., Awaitable[list[str]]]


# What full-text search has of its own on each database, which no table of the code describes.
SEARCH = ("goal_words_index", "ix_goal_words_words")


def _tables(connection: Connection) -> set[str]:
    names = inspect(connection).get_table_names()
    return {name for name in names if not name.startswith(SEARCH)}


def _differences(connection: Connection) -> list[object]:
    def is_compared(name: str | None, *_: object) -> bool:
        return not (name or "").startswith(SEARCH)

    options = {"include_name": is_compared}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


async def _set_revision(stores: Stores, revision: str) -> None:
    change = text("UPDATE alembic_version SET version_num = :revision")
    await stores.database.write(
        lambda writing: writing.connection.execute(change, {"revision": revision})
    )


@pytest.fixture
def settings(empty_settings: Settings) -> Settings:
    """Return settings of an installation whose database has no tables yet."""
    return empty_settings


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


async def test_a_lock_that_is_never_released_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "LOCK_SECONDS", 0.05)
    place = tmp_path / "migrate.lock"

    with FileLock(place), pytest.raises(StoreUnavailable, match=f"another process .* {place}"):
        async with open_stores(Settings(home=tmp_path)):
            pass


async def _set_works_with(stores: Stores, schema: str | None) -> None:
    change = text("UPDATE installation SET works_with = :schema")
    await stores.database.write(
        lambda writing: writing.connection.execute(change, {"schema": schema})
    )


@pytest.mark.parametrize("works_with", ["9998", None])
async def test_a_newer_database_is_refused(settings: Settings, works_with: str | None) -> None:
    async with open_stores(settings) as stores:
        await _set_works_with(stores, works_with)
        await _set_revision(stores, "9999")

    with pytest.raises(
        StoreUnavailable, match=r"newer Perdure \(schema 9999, .*\): upgrade with pip install"
    ):
        async with open_stores(settings):
            pass


async def test_a_database_that_lacks_the_newest_columns_of_a_newer_one_is_refused(
    settings: Settings,
) -> None:
    drop = text("ALTER TABLE installation DROP COLUMN works_with")
    async with open_stores(settings) as stores:
        await stores.database.write(lambda writing: writing.connection.execute(drop))
        await _set_revision(stores, "9999")

    with pytest.raises(StoreUnavailable, match="newer Perdure"):
        async with open_stores(settings):
            pass


async def test_a_version_starts_again_on_the_tables_of_the_next_one(settings: Settings) -> None:
    goal = Goal(goal_id="g", description="d", agent_type="a")
    async with open_stores(settings) as stores:
        await stores.goals.create(goal, "goal-before", datetime.now(UTC))
        await _set_revision(stores, "9999")  # as the next version's first process leaves it

    async with open_stores(settings) as stores:
        await stores.goals.create(goal, "goal-after", datetime.now(UTC))
        listed = await stores.goals.list()
        assert {record.workflow_id for record in listed} == {"goal-before", "goal-after"}
        revision = await stores.database.read(migrate._read_revision)
        assert revision == "9999"  # and what it has added stays


async def test_a_migration_that_fails_leaves_nothing_behind(settings: Settings) -> None:
    # A table of ours that is there already stops the migration on its way.
    settings.home.mkdir(parents=True)
    database = open_database(database_address(settings.database_url, settings.home))
    try:
        table = text("CREATE TABLE steps (own INTEGER)")
        await database.write(lambda writing: writing.connection.execute(table))

        with pytest.raises(Exception, match="steps"):
            async with open_stores(settings):
                pass

        assert await database.read(_tables) == {"steps"}
    finally:
        await database.close()


_WRITTEN_AT_0001 = """
INSERT INTO goals (workflow_id, goal_id, description, agent_type, parameters, agent_version, status,
    success, execution_time, progress, started_at, ended_at, last_event, last_told)
VALUES ('goal-a-1', 'a', 'Profile the sales', 'analysis', '{"path": "a.csv"}',
    'perdure-analysis 0.1.0', 'completed', :yes, 2.5, '{"percentage": 100, "message": "done"}',
    :started, :ended, 3, 1);
INSERT INTO goals (workflow_id, goal_id, description, agent_type, parameters, status, success,
    error, execution_time, started_at, ended_at, last_event, last_told)
VALUES ('goal-b-1', 'b', 'Look', 'research', '{}', 'failed', :no,
    '{"type": "E", "message": "m", "permanent": true}', 1.0, :started, :ended, 1, 0);
INSERT INTO goals (workflow_id, goal_id, description, agent_type, parameters, status, started_at,
    last_event, last_told)
VALUES ('goal-c-1', 'c', 'Go on', 'research', '{}', 'running', :started, 2, 1);
INSERT INTO results (workflow_id, result, summary, size, metadata)
VALUES ('goal-a-1', '{"summary": "Sales rose."}', 'Sales rose.', 26, '{}');
INSERT INTO steps (workflow_id, name, digest, occurrence, value, seconds, recorded_at)
VALUES ('goal-c-1', 'search', :digest, 0, '[1, 2]', 0.5, :started);
INSERT INTO events (workflow_id, number, type, time, data)
VALUES ('goal-c-1', 1, 'run.started', :started, '{}');
INSERT INTO events (workflow_id, number, type, time, data)
VALUES ('goal-c-1', 2, 'progress', :started, '{"percentage": 10.0, "message": "", "step": null}');
INSERT INTO artifacts (workflow_id, name, media_type, digest, size, stored_at)
VALUES ('goal-a-1', 'r.md', 'text/markdown', :file, 8, :started);
INSERT INTO metrics (workflow_id, name, agent_type, value, time)
VALUES ('goal-a-1', 'rows', 'analysis', 3, :started)
"""
_STARTED = datetime(2026, 3, 29, 2, 30, tzinfo=UTC)


def _write_at_0001(transaction: Transaction) -> None:
    configuration = migrate._configuration()
    configuration.attributes["connection"] = transaction.connection
    command.upgrade(configuration, "0001")
    values = {
        "yes": True,
        "no": False,
        "started": _STARTED,
        "ended": _STARTED + timedelta(seconds=2.5),
        "digest": "d" * 64,
        "file": "sha256:" + "0" * 64,
    }
    times = [bindparam("started", type_=UtcDateTime), bindparam("ended", type_=UtcDateTime)]
    for statement in _WRITTEN_AT_0001.split(";"):
        given = [one for one in times if f":{one.key}" in statement]
        known = {name: value for name, value in values.items() if f":{name}" in statement}
        transaction.connection.execute(text(statement).bindparams(*given), known)


async def test_data_of_the_first_schema_is_kept(settings: Settings) -> None:
    settings.home.mkdir(parents=True)
    database = open_database(database_address(settings.database_url, settings.home))
    try:
        await database.write(_write_at_0001)
    finally:
        await database.close()

    async with open_stores(settings) as stores:
        assert await stores.database.read(_differences) == []
        records = {record.workflow_id: record for record in await stores.goals.list()}
        assert {id_: record.status for id_, record in records.items()} == {
            "goal-a-1": GoalStatus.COMPLETED,
            "goal-b-1": GoalStatus.FAILED,
            "goal-c-1": GoalStatus.RUNNING,
        }
        done = await stores.goals.get("goal-a-1")
        assert (done.success, done.execution_time, done.budget) == (True, 2.5, None)
        assert done.parameters == {"path": "a.csv"}
        assert done.result == Result(summary="Sales rose.")
        assert done.progress == Progress(percentage=100, message="done")
        assert [artifact.name for artifact in done.artifacts] == ["r.md"]
        assert (done.started_at, done.ended_at) == (_STARTED, _STARTED + timedelta(seconds=2.5))
        failed = await stores.goals.get("goal-b-1")
        assert failed.error == Failure(type="E", message="m", permanent=True)
        assert await stores.metrics.of("goal-a-1") == {"rows": 3.0}

        # A goal that was under way goes on where it was.
        claim = Claim("goal-c-1", "first", 1, _STARTED)
        claim, is_retry = await stores.executions.start(claim, "run.resumed", {})
        assert (claim.root, claim.budget, is_retry) == ("goal-c-1", None, False)
        journal = stores.context.journal(claim)
        assert await journal.load() == {
            StepKey("search", "d" * 64, 0): StepOutcome("[1, 2]", None, 0.5)
        }
        await journal.record(StepKey("search", "e" * 64, 0), StepOutcome("[]"))
        numbers = [event.number for event in await stores.events.after("goal-c-1", 0)]
        assert numbers == [1, 2, 3]
        await stores.results.store("goal-c-1", GoalStatus.COMPLETED, None, 1.0)
        stores_id = stores.stores_id

    async with open_stores(settings) as again_open:
        assert again_open.stores_id == stores_id


async def test_each_installation_has_stores_of_its_own(tmp_path: Path) -> None:
    ids = set()
    for name in ("one", "two", "one"):
        async with open_stores(Settings(home=tmp_path / name)) as stores:
            ids.add(stores.stores_id)
    assert len(ids) == 2
