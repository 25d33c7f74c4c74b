"""``python -m benchmarks growth [GOALS [WORKFLOWS]]``: what grows with the goals on record.

A start, a step and lists are measured in two installations by turns, one with a thousand goals and
one with a million; their Temporal servers have a thousand and twenty thousand workflows. On SQLite,
and also on PostgreSQL when ``PERDURE_DATABASE_URL`` names a server on which databases may be made;
they are dropped.
"""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine
from temporalio.client import Client

from benchmarks.growth.fill import fill_postgresql, fill_sqlite
from benchmarks.growth.rows import AGENTS, CALLERS, run_of
from benchmarks.verdict import Figure, print_verdict, report
from perdure.agents import AgentSpec, Goal, Result, Run
from perdure.agents.plugins.loading.load_plugin import LoadedPlugin
from perdure.agents.plugins.registry import AgentRegistry
from perdure.cli.runtime.event_loop import run_async
from perdure.models import GoalStatus
from perdure.models.tenants import DEFAULT_TENANT
from perdure.schemas.plugins import Plugin
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.temporal.client.connection import connect
from perdure.temporal.client.goal_service import GoalService
from perdure.temporal.server.binary import ensure_server_binary
from perdure.temporal.server.development_server import run_development_server
from perdure.temporal.worker.worker import build_worker

MOST_RATIO: Final = 1.5
_STEPS: Final = 200
# Both have as many of each kind, so that both read as many rows.
_PAGE: Final = 20
_STARTING_AT_ONCE: Final = 100
# Nobody takes from it: the workflows on it are on record, and open.
_UNSERVED: Final = "on-record"

Operation = Callable[[], Awaitable[float]]


@dataclass(frozen=True)
class Sizes:
    """How much is on record in the installation that has grown and in the one that has not.

    Attributes:
        goals: Goals in the stores.
        workflows: Workflows on the Temporal server.
        rounds: How often each thing is measured.
    """

    goals: tuple[int, int] = (1_000, 1_000_000)
    workflows: tuple[int, int] = (1_000, 20_000)
    rounds: int = 60


@dataclass
class Growth:
    """What was measured on a database.

    Attributes:
        bytes_stored: Of the smaller and the larger stores.
        fill_seconds: How long filling the larger ones took.
        small: Seconds of each thing in the smaller installation, by its name.
        large: The same in the larger one.
    """

    bytes_stored: list[int] = field(default_factory=list)
    fill_seconds: float = 0.0
    small: dict[str, float] = field(default_factory=dict)
    large: dict[str, float] = field(default_factory=dict)

    def ratios(self) -> dict[str, float]:
        """Return how many times as long each thing takes in the larger one."""
        return {name: self.large[name] / seconds for name, seconds in self.small.items()}


async def _steps(run: Run, goal: Goal) -> Result:
    """Be an agent of so many steps as the goal says."""
    for number in range(int(goal.description)):
        await run.step("look", str, number)
    return Result()


@asynccontextmanager
async def _installation(
    binary: Path, settings: Settings, workflows: int
) -> AsyncIterator[dict[str, Operation]]:
    """Run an installation on stores that are filled; give what is measured, by its name."""
    spec = AgentSpec(name="steps", description="Takes steps.", agent=_steps)
    plugin = Plugin("benchmark", "1", "benchmark", "loaded", agents=("steps",))
    registry = AgentRegistry.from_loaded({plugin: LoadedPlugin((), (spec,), ())}, [])
    async with (
        run_development_server(binary, settings.home / "temporal", port=0, ui_port=0) as server,
        open_stores(settings) as stores,
    ):
        client = await connect(server.address)
        await _start_workflows(client, workflows)
        service = GoalService(client, stores, registry)
        # As the API reads them, for a caller's tenant.
        goals = stores.of(DEFAULT_TENANT).goals
        page = partial(goals.list, limit=_PAGE)

        async def goal_of(steps: int) -> tuple[float, float]:
            goal = Goal(goal_id="new", description=str(steps), agent_type="steps")
            began = time.perf_counter()
            run = await service.start(goal)
            started = time.perf_counter()
            await client.get_workflow_handle(run).result()
            return started - began, time.perf_counter() - started

        async def start() -> float:
            return (await goal_of(1))[0]

        async def steps() -> float:
            return (await goal_of(_STEPS))[1] / _STEPS

        async def timed(read: Callable[[], Awaitable[object]]) -> float:
            began = time.perf_counter()
            await read()
            return time.perf_counter() - began

        async with build_worker(client, stores, registry, settings):
            yield {
                "start": start,
                "step": steps,
                "list": lambda: timed(page),
                "list, failed": lambda: timed(lambda: page(status=GoalStatus.FAILED)),
                "list, an agent": lambda: timed(lambda: page(agent_type=AGENTS[3])),
                "list, a caller": lambda: timed(lambda: page(started_by=CALLERS[3])),
                "list, a goal id": lambda: timed(lambda: goals.list(search="old-00000777")),
                "one goal": lambda: timed(lambda: goals.get(run_of(777))),
            }


async def _start_workflows(client: Client, workflows: int) -> None:
    """Put so many workflows on the server's record."""
    free = asyncio.Semaphore(_STARTING_AT_ONCE)

    async def one(number: int) -> None:
        async with free:
            name = f"goal-old-{number}"
            await client.start_workflow("AgentGoalWorkflow", id=name, task_queue=_UNSERVED)

    await asyncio.gather(*(one(number) for number in range(workflows)))
    report(f"{workflows:,} workflows are on record")


async def measure_growth(home: Path, urls: tuple[str, str], sizes: Sizes) -> Growth:
    """Fill two installations and measure them in turns.

    Args:
        home: A folder for both.
        urls: The addresses of two empty databases on PostgreSQL, or nothing for SQLite.
        sizes: How much.
    """
    binary = await ensure_server_binary(Settings(), report)
    found = Growth()
    async with AsyncExitStack() as stack:
        measured = []
        for name, url, goals, workflows in zip(
            ("small", "large"), urls, sizes.goals, sizes.workflows, strict=True
        ):
            settings = Settings(home=home / name, database_url=url)
            async with open_stores(settings):
                pass  # the schema is there
            began = time.perf_counter()
            size = (
                await fill_postgresql(url, goals)
                if url
                else await asyncio.to_thread(fill_sqlite, settings.home / "perdure.db", goals)
            )
            found.fill_seconds = time.perf_counter() - began
            found.bytes_stored.append(size)
            report(f"{goals:,} goals: {size / 1e6:,.0f} MB in {found.fill_seconds:.0f} s")
            opened = _installation(binary.path, settings, workflows)
            measured.append(await stack.enter_async_context(opened))
        found.small, found.large = await _in_turns(*measured, rounds=sizes.rounds)
    for name, ratio in found.ratios().items():
        before, after = (side[name] * 1000 for side in (found.small, found.large))
        report(f"{name}: {before:.2f} ms, then {after:.2f} ms: {ratio:.2f} times")
    return found


async def _in_turns(
    small: dict[str, Operation], large: dict[str, Operation], *, rounds: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Return the medians of both, measured by turns so that both have the same machine."""
    taken: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in small}
    for number in range(-2, rounds):  # the first two warm both
        for name, both in taken.items():
            sides = list(zip(both, (small, large), strict=True))
            for seconds, side in sides if number % 2 else reversed(sides):
                value = await side[name]()
                if number >= 0:
                    seconds.append(value)
    return (
        {name: statistics.median(both[0]) for name, both in taken.items()},
        {name: statistics.median(both[1]) for name, both in taken.items()},
    )


@asynccontextmanager
async def two_databases(server: str) -> AsyncIterator[tuple[str, str]]:
    """Make two databases on a server of PostgreSQL, and drop them in the end."""
    address = make_url(server).set(drivername="postgresql+asyncpg")
    engine = create_async_engine(address, isolation_level="AUTOCOMMIT")
    names = ("perdure_growth_small", "perdure_growth_large")
    try:
        async with engine.connect() as connection:
            for name in names:
                await connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
                await connection.execute(text(f"CREATE DATABASE {name}"))
        small, large = (
            address.set(database=name).render_as_string(hide_password=False) for name in names
        )
        yield small, large
    finally:
        async with engine.connect() as connection:
            for name in names:
                await connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        await engine.dispose()


async def _measure(server: str, sizes: Sizes) -> dict[str, Growth]:
    with TemporaryDirectory(prefix="perdure-benchmark-") as name:
        home = Path(name)
        found = {"SQLite": await measure_growth(home / "sqlite", ("", ""), sizes)}
        if server:
            async with two_databases(server) as urls:
                found["PostgreSQL"] = await measure_growth(home / "postgresql", urls, sizes)
    return found


def main(goals: str = "1000000", workflows: str = "20000") -> bool:
    """Run the benchmark; whether every target is reached.

    Args:
        goals: How many are on record in the installation that has grown.
        workflows: How many its Temporal server has.
    """
    sizes = Sizes((1_000, int(goals)), (1_000, int(workflows)))
    found = run_async(_measure(Settings().database_url, sizes))
    figures = {
        f"{name} ({database})": Figure(ratio, MOST_RATIO, "at most")
        for database, growth in found.items()
        for name, ratio in growth.ratios().items()
    }
    details: dict[str, object] = {
        database: {
            "megabytes": [round(size / 1e6) for size in growth.bytes_stored],
            "fill_seconds": round(growth.fill_seconds),
            "small_ms": {name: round(value * 1000, 3) for name, value in growth.small.items()},
            "large_ms": {name: round(value * 1000, 3) for name, value in growth.large.items()},
        }
        for database, growth in found.items()
    }
    on_record = {"goals": sizes.goals, "workflows": sizes.workflows}
    return print_verdict(figures, {"on_record": on_record, "databases": details})
