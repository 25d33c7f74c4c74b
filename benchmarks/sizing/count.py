"""Counts what goals of few and of many steps cost Temporal, the stores and the processor."""

import asyncio
import re
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, TypeVar

from sqlalchemy import Engine, event, text
from temporalio.client import Client

from benchmarks.verdict import report
from perdure.agents import AgentSpec, Goal, Result, Run
from perdure.agents.plugins.loading.load_plugin import LoadedPlugin
from perdure.agents.plugins.registry import AgentRegistry
from perdure.schemas.plugins import Plugin
from perdure.settings import Settings
from perdure.stores import Stores, open_stores
from perdure.stores.database.engine import Database, Transaction
from perdure.temporal.client.connection import connect
from perdure.temporal.client.goal_service import GoalService
from perdure.temporal.server.binary import ensure_server_binary
from perdure.temporal.server.development_server import DevelopmentServer, run_development_server
from perdure.temporal.worker.worker import build_worker

T = TypeVar("T")

FEW: Final = 3
MANY: Final = 103
_AT_ONCE: Final = 10
_WARM_UP: Final = 10
_REPORTED_SECONDS: Final = 3.0  # the server brings its metrics up to date once a second
# Temporal's own names of what changes a workflow's record, as its metrics have them.
_HISTORY_WRITES: Final = ("CreateWorkflowExecution", "UpdateWorkflowExecution")
_write: Final = Database.write
_REQUESTS: Final = re.compile(
    r'^persistence_requests(?:_total)?\{.*operation="(\w+)".*\} (\S+)$', re.MULTILINE
)


@dataclass(frozen=True)
class Cost:
    """What a goal costs, or what one more step adds to it.

    Attributes:
        state_transitions: How often the workflow's state changes in Temporal.
        history_events: Events in its history.
        history_bytes: Their bytes.
        history_writes: How often Temporal writes its record, with the history.
        store_writes: Changes of the stores, each of them whole or not at all.
        store_statements: Statements of the stores, reads included.
        store_bytes: What the stores' database grows by, indexes included.
        temporal_bytes: What Temporal's database grows by.
        processor_ms: Processor time of the process that hands in, executes and stores.
    """

    state_transitions: float
    history_events: float
    history_bytes: float
    history_writes: float
    store_writes: float
    store_statements: float
    store_bytes: float
    temporal_bytes: float
    processor_ms: float


@dataclass(frozen=True)
class Costs:
    """What a goal without steps costs, and each step of it."""

    goal: Cost
    step: Cost

    def of(self, name: str, steps: int) -> float:
        """Return one of the costs for a goal of so many steps."""
        goal: float = getattr(self.goal, name)
        step: float = getattr(self.step, name)
        return goal + steps * step


class _Counter:
    """Counts the statements and the writing transactions of this process."""

    def __init__(self) -> None:
        self.statements = 0
        self.writes = 0

    def count(self, *_: object) -> None:
        """Count a statement that is about to be executed."""
        self.statements += 1


@asynccontextmanager
async def _counted() -> AsyncIterator[_Counter]:
    counter = _Counter()
    event.listen(Engine, "before_cursor_execute", counter.count)

    # Not each commit: SQLite commits the changes that wait together as one transaction.
    async def counted(self: Database, change: Callable[[Transaction], T]) -> T:
        counter.writes += 1
        return await _write(self, change)

    Database.write = counted  # type: ignore[method-assign]
    try:
        yield counter
    finally:
        event.remove(Engine, "before_cursor_execute", counter.count)
        Database.write = _write  # type: ignore[method-assign]


async def _steps(run: Run, goal: Goal) -> Result:
    """Be an agent of so many steps as the goal says."""
    for number in range(int(goal.description)):
        await run.step("look", str, number)
    return Result(summary="done")


async def history_writes(metrics: str) -> float:
    """Return how often a server has written a workflow's record so far.

    Args:
        metrics: The address of its metrics.
    """
    await asyncio.sleep(_REPORTED_SECONDS)
    found = _REQUESTS.findall(await asyncio.to_thread(_read, metrics))
    return sum(float(value) for name, value in found if name in _HISTORY_WRITES)


def _read(address: str) -> str:
    with urllib.request.urlopen(address, timeout=10) as answer:
        content: bytes = answer.read()
    return content.decode()


@dataclass(frozen=True)
class _Installation:
    """What is measured: a server, stores, and a worker in this process."""

    server: DevelopmentServer
    client: Client
    stores: Stores
    service: GoalService
    home: Path

    async def run(self, steps: int, goals: int) -> list[str]:
        """See so many goals through; return their runs."""
        free = asyncio.Semaphore(_AT_ONCE)

        async def one() -> str:
            async with free:
                goal = Goal(goal_id="size", description=str(steps), agent_type="steps")
                run = await self.service.start(goal)
                await self.client.get_workflow_handle(run).result()
                return run

        return await asyncio.gather(*(one() for _ in range(goals)))

    async def history(self, runs: list[str]) -> Mapping[str, float]:
        """Return what Temporal says of runs, summed up."""
        sums = {"state_transitions": 0.0, "history_events": 0.0, "history_bytes": 0.0}
        for run in runs:
            described = await self.client.get_workflow_handle(run).describe()
            info = described.raw_description.workflow_execution_info
            sums["state_transitions"] += info.state_transition_count
            sums["history_events"] += info.history_length
            sums["history_bytes"] += info.history_size_bytes
        return sums

    async def history_writes(self) -> float:
        """Return how often the server has written a workflow's record so far."""
        return await history_writes(f"http://127.0.0.1:{self.server.ports.metrics}/metrics")

    async def store_bytes(self) -> int:
        """Return the bytes of the stores' database."""
        sizes = text("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
        size: int = await self.stores.database.read(
            lambda connection: connection.execute(sizes).scalar_one()
        )
        return size

    def temporal_bytes(self) -> int:
        """Return the bytes of Temporal's database, its write-ahead log included."""
        files = (self.home / "temporal").glob("temporal.db*")
        return sum(file.stat().st_size for file in files)


@asynccontextmanager
async def _installation(home: Path) -> AsyncIterator[_Installation]:
    binary = await ensure_server_binary(Settings(), report)
    spec = AgentSpec(name="steps", description="Takes steps.", agent=_steps)
    plugin = Plugin("benchmark", "1", "benchmark", "loaded", agents=("steps",))
    registry = AgentRegistry.from_loaded({plugin: LoadedPlugin((), (spec,), ())}, [])
    settings = Settings(home=home, database_url="")
    async with (
        run_development_server(binary.path, home / "temporal", port=0, ui_port=0) as server,
        open_stores(settings) as stores,
    ):
        client = await connect(server.address)
        async with build_worker(client, stores, registry, settings):
            service = GoalService(client, stores, registry)
            yield _Installation(server, client, stores, service, home)


async def _cost(measured: _Installation, steps: int, goals: int) -> Cost:
    """Return what a goal of so many steps costs, the mean of some."""
    writes, stored, temporal = (
        await measured.history_writes(),
        await measured.store_bytes(),
        measured.temporal_bytes(),
    )
    async with _counted() as counter:
        began = time.process_time()
        runs = await measured.run(steps, goals)
        processor = time.process_time() - began
    sums = dict(await measured.history(runs))
    sums |= {
        "history_writes": await measured.history_writes() - writes,
        "store_writes": counter.writes,
        "store_statements": counter.statements,
        "store_bytes": await measured.store_bytes() - stored,
        "temporal_bytes": measured.temporal_bytes() - temporal,
        "processor_ms": processor * 1000,
    }
    return Cost(**{name: value / goals for name, value in sums.items()})


async def measure_costs(home: Path, goals: int) -> Costs:
    """Measure so many goals of few and of many steps, in a home of its own."""
    async with _installation(home) as measured:
        await measured.run(FEW, _WARM_UP)
        few = asdict(await _cost(measured, FEW, goals))
        many = asdict(await _cost(measured, MANY, goals))
    step = {name: (many[name] - few[name]) / (MANY - FEW) for name in few}
    goal = {name: few[name] - FEW * step[name] for name in few}
    return Costs(Cost(**goal), Cost(**step))
