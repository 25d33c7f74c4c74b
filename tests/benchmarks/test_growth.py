"""What is loaded past everything else reads like goals that were seen through."""

import asyncio
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import Connection, func, select

from benchmarks.growth.fill import fill_postgresql, fill_sqlite
from benchmarks.growth.measure import Growth, Sizes, measure_growth, two_databases
from benchmarks.growth.rows import AGENTS, CALLERS, EVENTS, STEPS, run_of
from perdure.models import GoalStatus
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.stores.database import schema
from tests.support.postgresql import PostgreSQL

GOALS = 120


async def _fill(settings: Settings) -> int:
    async with open_stores(settings):
        pass
    if settings.database_url:
        return await fill_postgresql(settings.database_url, GOALS)
    return await asyncio.to_thread(fill_sqlite, settings.home / "perdure.db", GOALS)


async def _check(settings: Settings) -> None:
    assert await _fill(settings) > 0
    async with open_stores(settings) as stores:
        goals = stores.goals
        newest = await goals.list(limit=3)
        assert [goal.workflow_id for goal in newest] == [run_of(0), run_of(1), run_of(2)]
        assert len(await goals.list(status=GoalStatus.FAILED)) == 3
        assert len(await goals.list(agent_type=AGENTS[3])) == 6
        assert len(await goals.list(started_by=CALLERS[3])) == 3
        (found,) = await goals.list(search="old-00000077")
        assert found.workflow_id == run_of(77)
        assert len(await goals.list(search=found.description, limit=GOALS)) >= 1
        assert (await goals.get(run_of(77))).result is not None

        def count(connection: Connection) -> list[int]:
            tables = (schema.steps, schema.events)
            return [
                connection.execute(select(func.count()).select_from(table)).scalar_one()
                for table in tables
            ]

        assert await stores.database.read(count) == [GOALS * STEPS, GOALS * EVENTS]


async def test_sqlite_is_filled(tmp_path: Path) -> None:
    await _check(Settings(home=tmp_path, database_url=""))


async def test_postgresql_is_filled(tmp_path: Path, postgresql_url: str) -> None:
    await _check(Settings(home=tmp_path, database_url=postgresql_url))


SIZES = Sizes((800, 900), (2, 3), rounds=1)


def _check_growth(growth: Growth) -> None:
    assert growth.small.keys() == growth.large.keys() == growth.ratios().keys()
    assert {"start", "step", "list"} <= growth.ratios().keys()
    assert all(seconds > 0 for seconds in growth.large.values())
    assert growth.bytes_stored[0] < growth.bytes_stored[1]


@pytest.mark.asyncio(loop_scope="session")
async def test_two_installations_are_measured(tmp_path: Path, server_binary: Path) -> None:
    _check_growth(await measure_growth(tmp_path, ("", ""), SIZES))


@pytest.mark.asyncio(loop_scope="session")
async def test_two_installations_are_measured_on_postgresql_and_their_databases_dropped(
    tmp_path: Path, server_binary: Path, postgresql: PostgreSQL
) -> None:
    async with two_databases(postgresql.url()) as urls:
        _check_growth(await measure_growth(tmp_path, urls, SIZES))
    for url in urls:
        with pytest.raises(asyncpg.InvalidCatalogNameError):
            await asyncpg.connect(url.replace("+asyncpg", ""))
