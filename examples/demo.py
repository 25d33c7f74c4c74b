"""The demo: server, API and worker on free ports, one goal per bundled agent, results to open."""

import asyncio
import json
import os
import shutil
import signal
import sys
import textwrap
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from perdure.cli.output.printing import print_table, print_message
from perdure.cli.output.results import copy_artifacts, save_result
from perdure.cli.runtime.errors import handle_errors
from perdure.cli.runtime.event_loop import run_async
from perdure.cli.runtime.watch import View, open_view
from perdure.models import GoalRecord
from perdure.settings import Settings
from perdure.stores import Stores, open_stores
from perdure.temporal.installation import RunningInstallation, read_installation
from perdure.temporal.server.binary import ensure_server_binary

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
PLACE = ROOT / "build" / "demo"

GOALS = {
    "research": {
        "description": "Why do long-running agents lose work, and what prevents it?",
        "parameters": {"sources": [str(EXAMPLES / "research")]},
    },
    "code": {
        "description": "Review this package and deliver the safe fixes",
        "parameters": {"path": str(EXAMPLES / "code")},
    },
    "analysis": {
        "description": "Profile the sales",
        "parameters": {"path": str(EXAMPLES / "analysis" / "sales.csv")},
    },
    "document": {
        "description": "Extract and summarise the report",
        "parameters": {"path": str(EXAMPLES / "document" / "report.pdf")},
    },
}


class DemoFailed(Exception):
    """The demo did not finish."""


@asynccontextmanager
async def running_installation(settings: Settings) -> AsyncIterator[RunningInstallation]:
    """Run ``perdure dev`` on free ports as long as the block runs."""
    command = [sys.executable, "-m", "perdure.cli", "dev", "--port", "0", "--temporal-port", "0"]
    log = PLACE / "dev.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as output:
        process = await asyncio.create_subprocess_exec(
            *command,
            env=os.environ | {"PERDURE_HOME": str(settings.home)},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        while (running := read_installation(settings.home)) is None or running.pid != process.pid:
            if process.returncode is not None:
                last = (log.read_text().strip().splitlines() or ["without a word"])[-1]
                raise DemoFailed(f"perdure dev ended: {last}")
            await asyncio.sleep(0.05)
        yield running
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.wait()


def hand_in(api_url: str, agent: str) -> str:
    """Hand a goal in over HTTP, as any client would, and return its workflow id."""
    goal = {"goal_id": f"demo-{agent}", "agent_type": agent, **GOALS[agent]}
    request = urllib.request.Request(
        f"{api_url}/api/execute-goal",
        json.dumps(goal).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response)["workflow_id"]
    except urllib.error.HTTPError as error:
        raise DemoFailed(json.load(error)["detail"]) from error


async def watch(stores: Stores, agent: str, workflow_id: str, view: View) -> None:
    """Show the events of a goal until it has ended."""
    async for event in stores.events.follow(workflow_id):
        view.show(agent, event)


async def demo() -> int:
    """Run the demo and return its exit status."""
    os.environ.pop("TEMPORAL_ADDRESS", None)
    settings = Settings(home=PLACE / "home", database_url="")
    await ensure_server_binary(settings, print_message)
    print_message("Starting a Temporal server, the API and a worker …")
    async with running_installation(settings) as running, open_stores(settings) as stores:
        print(f"API             {running.api_url}/docs", flush=True)
        print(f"Temporal pages  {running.ui_url}", flush=True)
        ids = {agent: await asyncio.to_thread(hand_in, running.api_url, agent) for agent in GOALS}
        with open_view(list(ids), quiet=False) as view:
            await asyncio.gather(*(watch(stores, *goal, view) for goal in ids.items()))
        records = {agent: await stores.goals.get(ids[agent]) for agent in ids}
        for agent, record in records.items():
            await save_result(record, PLACE / "results" / agent, partial(copy_artifacts, stores))
    show(records)
    return 0 if all(record.success for record in records.values()) else 1


def wrapped(text: str) -> str:
    """Break a text between words on a terminal."""
    width = min(shutil.get_terminal_size().columns, 100)
    return textwrap.fill(text, width) if sys.stdout.isatty() else text


def show(records: dict[str, GoalRecord]) -> None:
    """Print the table of results, and why a goal failed."""
    rows = []
    for agent, record in records.items():
        where = os.path.relpath(PLACE / "results" / agent)
        rows.append([agent, record.status.value, f"{record.execution_time:.1f}", where])
    print()
    print_table(["agent", "status", "seconds", "result"], rows)
    for agent, record in records.items():
        if record.error is not None:
            print(f"{agent} failed: {record.error.type}: {record.error.message}")
        elif record.result is not None:
            print(wrapped(f"{agent}: {record.result.summary}"), end="\n\n")
    print("Everything is stopped. perdure dev starts an installation that stays.")


@handle_errors
def main() -> None:
    """Run the demo and end with its status."""
    try:
        sys.exit(run_async(demo()))
    except DemoFailed as failed:
        print_message(f"The demo failed: {failed}")
        sys.exit(1)


if __name__ == "__main__":
    main()
