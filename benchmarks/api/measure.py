"""``python -m benchmarks api``: starts, lists, readers and pages, each against its target.

The API runs as ``perdure api`` runs it, in a process of its own, on SQLite, over a Temporal server
of its own; all is requested over HTTP on loopback, with a key or as a person who is signed in.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from temporalio.client import Client

from benchmarks.api import lists, pages, readers, starts
from benchmarks.api.served import PLUGIN_FILE, ServedApi, serving
from benchmarks.api.stored_goals import GOALS, store_goals
from benchmarks.verdict import Figure, print_verdict, report
from perdure.agents import Goal
from perdure.agents.plugins.registry import AgentRegistry
from perdure.cli.runtime.event_loop import run_async
from perdure.schemas.access import Scope
from perdure.settings import Settings
from perdure.stores import Stores, open_stores
from perdure.temporal.client.connection import connect
from perdure.temporal.client.goal_service import GoalService
from perdure.temporal.server.binary import ensure_server_binary
from perdure.temporal.server.development_server import run_development_server
from perdure.temporal.worker.worker import build_worker

ADDED_MILLISECONDS: Final = 3.0
LIST_MILLISECONDS: Final = 50.0
DELAY_MILLISECONDS: Final = 1_000.0
PAGE_MILLISECONDS: Final = 100.0
PAGE_BYTES: Final = 150_000
# Readers of one run, and readers that follow ten to a run.
CROWDS: Final = (1, 50)


@dataclass(frozen=True)
class Installation:
    """What is measured.

    Attributes:
        home: The home folder.
        api: The API.
        service: A service like the API's own, in this process.
        client: The Temporal client of it.
        run: A goal of many steps that has ended.
    """

    home: Path
    api: ServedApi
    service: GoalService
    client: Client
    run: str

    @property
    def stores(self) -> Stores:
        """The stores, as this process has them open."""
        return self.service.stores


@asynccontextmanager
async def installation(home: Path) -> AsyncIterator[Installation]:
    """Give an installation with ten thousand goals, and its API, as long as the block runs."""
    binary = await ensure_server_binary(Settings(), report)
    settings = Settings(home=home, database_url="")
    registry = AgentRegistry()
    registry.add_file(PLUGIN_FILE, settings.plugin_import_seconds)
    async with (
        run_development_server(binary.path, home / "temporal", port=0, ui_port=0) as server,
        open_stores(settings) as stores,
    ):
        client = await connect(server.address)
        service = GoalService(client, stores, registry)
        async with build_worker(client, stores, registry, settings):
            run = await _ended_goal(service, client)
        await store_goals(stores)
        report(f"{GOALS:,} goals are stored")
        key, _ = await stores.access.keys.create("benchmark", [*Scope])
        async with serving(home, server.address, key) as api:
            yield Installation(home, api, service, client, run)


async def _ended_goal(service: GoalService, client: Client) -> str:
    goal = Goal(goal_id="many-steps", description="Measure the parts", agent_type="many-steps")
    run = await service.start(goal)
    await client.get_workflow_handle(run).result()
    return run


async def measure() -> bool:
    """Measure, and print the verdict."""
    with TemporaryDirectory(prefix="perdure-benchmark-") as name:
        home = Path(name)
        async with installation(home) as measured:
            api, stores = measured.api, measured.stores
            memory = {"at first": api.memory()["now"]}
            asked = await lists.medians(api, lists.QUERIES)
            sums = await lists.medians(api, lists.SUMS)
            shown = await pages.pages(api, stores, measured.run)
            memory["after lists and pages"] = api.memory()["now"]
            followed = [await readers.crowd(api, stores, runs) for runs in CROWDS]
            taken = await starts.added_by_the_api(api, measured.service, measured.client)
            for way, milliseconds in taken.items():
                report(f"{milliseconds:7.2f} ms  a start, {way}")
            rates = await starts.start_rates(api)
            memory["at most"] = api.memory()["most"]
        commands = {
            "goals list --search": lists.command_seconds(
                home, "goals", "list", "--search", "w1 w2", "--json"
            ),
            "goals list, without goals": lists.command_seconds(
                home / "empty", "goals", "list", "--json"
            ),
        }
    figures = {
        "added_to_a_start_p50_ms": Figure(
            taken["over HTTP"] - taken["service"], ADDED_MILLISECONDS, "at most"
        ),
        "list_p50_ms": Figure(max(asked.values()), LIST_MILLISECONDS, "at most"),
        "readers_latest_ms": Figure(
            max(each.largest_ms for each in followed), DELAY_MILLISECONDS, "at most"
        ),
        "readers_missed_events": Figure(sum(each.missed for each in followed), 0, "at most"),
        "page_p50_ms": Figure(
            max(page.p50_ms for page in shown.values()), PAGE_MILLISECONDS, "at most"
        ),
        "page_html_bytes": Figure(
            max(page.html_bytes for page in shown.values()), PAGE_BYTES, "at most"
        ),
        "page_sent_bytes": Figure(
            max(page.sent_bytes for page in shown.values()), PAGE_BYTES, "at most"
        ),
    }
    details: dict[str, object] = {
        "goals": GOALS,
        "starts": [asdict(rate) for rate in rates],
        "start_p50_ms": taken,
        "lists_p50_ms": asked,
        "sums_p50_ms": sums,
        "readers": [asdict(each) for each in followed],
        "pages": {name: asdict(page) for name, page in shown.items()},
        "memory_mb": memory,
        "command_seconds": commands,
    }
    return print_verdict(figures, _rounded(details))


def _rounded(details: dict[str, object]) -> dict[str, object]:
    """Return the same with no more digits than were measured."""
    rounded: dict[str, object] = json.loads(
        json.dumps(details), parse_float=lambda number: round(float(number), 3)
    )
    return rounded


def main() -> bool:
    """Run the benchmark; whether every target is reached."""
    return run_async(measure())
