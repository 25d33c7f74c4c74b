"""The processes of the benchmark ``stream``: a worker with an agent that talks, and the API.

Each answers a line on stdin with a line of JSON, and ends when stdin does.
"""

import asyncio
import json
import resource
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

from pydantic import BaseModel
from sqlalchemy import event

from perdure.agents import Agent, AgentSpec, Progress, Result
from perdure.agents.plugins.loading.load_plugin import LoadedPlugin
from perdure.agents.plugins.registry import AgentRegistry
from perdure.api.app import create_app
from perdure.api.server import listen, serve
from perdure.cli.runtime.event_loop import run_async
from perdure.schemas.plugins import Plugin
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.temporal.client.connection import connect
from perdure.temporal.client.goal_service import GoalService
from perdure.temporal.worker.worker import build_worker


class TalkParameters(BaseModel):
    """How much to say, and when.

    Attributes:
        events: How many events to yield.
        seconds_between: The mean time between two.
        sign: A file; the talk begins when it exists.
    """

    events: int
    seconds_between: float
    sign: Path


class Talk(Agent[TalkParameters]):
    """Yields progress that says when it was yielded."""

    async def execute_streaming(self, _description: str) -> AsyncIterator[Progress]:
        """Talk."""
        given = self.parameters
        while not given.sign.exists():  # noqa: ASYNC110 -- another process makes it
            await asyncio.sleep(0.02)
        for number in range(given.events):
            # Never in step with whoever looks at fixed intervals.
            await asyncio.sleep(given.seconds_between * (0.5 + number * 0.618 % 1))
            percentage = 100 * number / given.events
            yield Progress(percentage=percentage, message=str(time.time_ns()))

    async def get_results(self) -> Result:
        """Deliver nothing."""
        return Result()


SPEC = AgentSpec(name="talk", description="Talks.", agent=Talk, parameters=TalkParameters)


def registry() -> AgentRegistry:
    """Return the agents of this benchmark: the one that talks."""
    plugin = Plugin("benchmark", "1", "benchmark", "loaded", agents=(SPEC.name,))
    return AgentRegistry.from_loaded({plugin: LoadedPlugin((), (SPEC,), ())}, [])


def _answer(**values: object) -> None:
    print(json.dumps(values), flush=True)


async def work(settings: Settings, address: str) -> None:
    """Run the worker until stdin ends."""
    client = await connect(address)
    async with (
        open_stores(settings) as stores,
        build_worker(client, stores, registry(), settings),
    ):
        _answer(ready=True)
        await asyncio.to_thread(sys.stdin.read)


async def serve_api(settings: Settings, address: str) -> None:
    """Serve the API until stdin ends; a line asks what it has cost so far."""
    queries = 0

    def count(*_: object) -> None:
        nonlocal queries
        queries += 1

    async with AsyncExitStack() as stack:
        stores = await stack.enter_async_context(open_stores(settings))
        # Below every store, so that nothing escapes the count.
        event.listen(stores.database._engine, "before_cursor_execute", count)  # type: ignore[attr-defined] # noqa: SLF001
        service = GoalService(await connect(address, lazy=True), stores, registry())
        listener = listen(settings.host, 0)
        url = await stack.enter_async_context(
            serve(create_app(service, settings), listener, settings)
        )
        _answer(url=url)
        while await asyncio.to_thread(sys.stdin.readline):
            used = resource.getrusage(resource.RUSAGE_SELF)
            _answer(queries=queries, cpu=used.ru_utime + used.ru_stime, memory=used.ru_maxrss)


if __name__ == "__main__":
    role, home, address = sys.argv[1:]
    main = {"worker": work, "api": serve_api}[role]
    run_async(main(Settings(home=Path(home), database_url=""), address))
