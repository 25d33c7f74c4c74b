"""Stores on SQLite and on PostgreSQL: each test that asks for them runs on both."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from perdure.models import Budget, Goal
from perdure.settings import Settings
from perdure.stores import Stores, open_stores
from perdure.stores.database.fencing import Claim
from tests.support.postgresql import PostgreSQL

DATABASES = ["sqlite", "postgresql"]


@asynccontextmanager
async def _installation(
    request: pytest.FixtureRequest, home: Path, *, has_tables: bool
) -> AsyncIterator[Settings]:
    if request.param == "sqlite":
        yield Settings(home=home)
        return
    server: PostgreSQL = request.getfixturevalue("postgresql")
    async with server.database(has_tables=has_tables) as url:
        yield Settings(home=home, database_url=url)


@pytest.fixture(params=DATABASES)
async def settings(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Settings]:
    """Return settings of a new installation, once for each kind of database."""
    async with _installation(request, tmp_path / "home", has_tables=True) as settings:
        yield settings


@pytest.fixture(params=DATABASES)
async def empty_settings(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Settings]:
    """Return settings of an installation whose database has no tables yet, for each kind."""
    async with _installation(request, tmp_path / "home", has_tables=False) as settings:
        yield settings


@pytest.fixture
async def stores(settings: Settings) -> AsyncIterator[Stores]:
    """Open stores."""
    async with open_stores(settings) as opened:
        yield opened


@pytest.fixture
def create_run(stores: Stores) -> Callable[..., Awaitable[None]]:
    """Return a function that creates a run's record."""

    async def create_run(workflow_id: str, budget: Budget | None = None) -> None:
        goal = Goal(
            goal_id="sales", description="Profile the sales", agent_type="analysis", budget=budget
        )
        await stores.goals.create(goal, workflow_id, datetime.now(UTC))

    return create_run


@pytest.fixture
async def run(create_run: Callable[[str], Awaitable[None]]) -> str:
    """Create the record of one run and return its workflow id."""
    await create_run("run")
    return "run"


@pytest.fixture
def start_execution(stores: Stores) -> Callable[..., Awaitable[Claim]]:
    """Return a function that starts an execution of a run and returns its claim."""

    async def start_execution(workflow_id: str, sequence: int = 1, run_id: str = "first") -> Claim:
        claim = Claim(workflow_id, run_id, sequence, datetime.now(UTC))
        claim, _ = await stores.executions.start(claim, None, {})
        return claim

    return start_execution


@pytest.fixture
async def claim(run: str, start_execution: Callable[..., Awaitable[Claim]]) -> Claim:
    """Return the claim of an execution of the run."""
    return await start_execution(run)


@pytest.fixture
def processes() -> Callable[..., Awaitable[list[str]]]:
    """Return a function that runs a script in several processes at once and returns their outputs.

    Each gets its number, from 0, and the arguments; it begins when all have printed "ready".
    """

    async def run_all(script: str, count: int, *arguments: str) -> list[str]:
        pipe = asyncio.subprocess.PIPE
        started = [
            await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", script, str(number), *arguments), stdin=pipe, stdout=pipe
            )
            for number in range(count)
        ]
        try:
            for process in started:
                assert process.stdout is not None
                assert await process.stdout.readline() == b"ready\n"
            outputs = await asyncio.gather(*(process.communicate(b"go\n") for process in started))
        finally:
            for process in started:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        assert [process.returncode for process in started] == [0] * count
        return [output.decode() for output, _ in outputs]

    return run_all
