"""What Temporal keeps of a goal of 200 steps and 20 MB of results: references, never contents."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from temporalio.client import Client

from benchmarks.verdict import Figure, print_verdict, report
from perdure.agents import AgentSpec, Goal, Result, Run
from perdure.agents.plugins.loading.load_plugin import LoadedPlugin
from perdure.agents.plugins.registry import AgentRegistry
from perdure.cli.runtime.event_loop import run_async
from perdure.schemas.plugins import Plugin
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.temporal.client.connection import connect
from perdure.temporal.client.goal_service import GoalService
from perdure.temporal.server.binary import ensure_server_binary
from perdure.temporal.server.development_server import run_development_server
from perdure.temporal.worker.worker import build_worker

STEPS = 200
STEP_BYTES = 100_000


def page(number: int) -> str:
    """Return what one step makes: 100 kB of text."""
    return f"{number:06d}".ljust(STEP_BYTES, "x")


async def reader(run: Run, _goal: Goal) -> Result:
    """Be an agent of 200 steps, whose result holds what all of them have made."""
    pages = [await run.step("read", page, number) for number in range(STEPS)]
    return Result(summary=f"{len(pages)} pages", data={"pages": list(pages)})


@asynccontextmanager
async def installation(folder: Path) -> AsyncIterator[tuple[Client, GoalService]]:
    """Run a server and a worker with that agent, in this process."""
    binary = await ensure_server_binary(Settings(), report)
    spec = AgentSpec(name="reader", description="Reads.", agent=reader)
    plugin = Plugin("benchmark", "1", "benchmark", "loaded", agents=("reader",))
    registry = AgentRegistry.from_loaded({plugin: LoadedPlugin((), (spec,), ())}, [])
    settings = Settings(home=folder / "home", database_url="")
    async with (
        run_development_server(binary.path, folder / "temporal", port=0, ui_port=0) as server,
        open_stores(settings) as stores,
    ):
        client = await connect(server.address)
        async with build_worker(client, stores, registry, settings):
            yield client, GoalService(client, stores, registry)


async def measure() -> bool:
    """Measure and print the verdict."""
    with TemporaryDirectory(prefix="perdure-benchmark-") as name:
        async with installation(Path(name)) as (client, service):
            goal = Goal(goal_id="history", description="read it all", agent_type="reader")
            workflow_id = await service.start(goal)
            handle = client.get_workflow_handle(workflow_id)
            await handle.result()
            history = await handle.fetch_history()
            described = (await handle.describe()).raw_description.workflow_execution_info
            record = await service.stores.goals.get(workflow_id)
    assert record.result is not None, record.error
    made = sum(map(len, record.result.data["pages"]))  # type: ignore[arg-type]
    events, size = len(history.events), described.history_size_bytes
    report(f"{STEPS} steps, {made / 1e6:.0f} MB of results: {events} events, {size:,} bytes")
    return print_verdict(
        {
            "events": Figure(events, 40, "at most"),
            "bytes": Figure(size, 40_000, "at most"),
        },
        {
            "steps": STEPS,
            "result_bytes": made,
            "bytes_of_events": sum(event.ByteSize() for event in history.events),
            "seconds": record.execution_time,
        },
    )


def main() -> bool:
    """Run the benchmark; whether every target is reached."""
    return run_async(measure())
