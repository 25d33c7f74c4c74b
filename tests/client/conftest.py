"""An installation served on loopback, whose API can stop and start again, and its clients."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from pydantic import BaseModel

from perdure.agents import AgentSpec, Goal, InputError, InputPath, Result, Run
from perdure.api.server import listen, serve
from perdure.client import AsyncClient
from perdure.settings import Settings
from perdure.stores import Stores, open_stores
from perdure.temporal.client.connection import connect
from perdure.temporal.client.goal_service import GoalService
from perdure.temporal.server.development_server import DevelopmentServer
from perdure.temporal.worker.worker import build_worker
from perdure.web.site import create_site
from tests.client.cutting_proxy import CuttingProxy
from tests.support.plugins import registry_of

GATES: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)


class CountParameters(BaseModel):
    steps: int = 5
    gate: str = ""
    fail: bool = False
    notes: int = 0


class CopyParameters(BaseModel):
    path: InputPath
    more: list[InputPath] = []


def same(number: int) -> int:
    return number


async def count(run: Run, goal: Goal, parameters: CountParameters) -> Result:
    for number in range(parameters.steps):
        if parameters.gate and number == parameters.steps // 2:
            await GATES[parameters.gate].wait()
        await run.step("count", same, number)
    for number in range(parameters.notes):
        await run.notebook.write(f"k{number}", number, version=0)
    if parameters.fail:
        raise InputError("it was asked to fail: ask otherwise")
    return Result(summary=goal.description, data={"steps": parameters.steps})


async def copy(run: Run, goal: Goal, parameters: CopyParameters) -> Result:
    names = []
    for path in (parameters.path, *parameters.more):
        await run.artifact(f"copies/{path.name}", await asyncio.to_thread(path.read_bytes))
        names.append(path.name)
    return Result(summary=" ".join(names))


async def ask(run: Run, goal: Goal) -> Result:
    decision = await run.approve(goal.description, {"pages": 3})
    return Result(summary="yes" if decision else "no")


AGENTS = (
    AgentSpec(name="count", description="Counts.", agent=count, parameters=CountParameters),
    AgentSpec(name="copy", description="Copies files.", agent=copy, parameters=CopyParameters),
    AgentSpec(name="ask", description="Asks people.", agent=ask),
)


class Site:
    """An installation in this process.

    Attributes:
        url: The address of its API, which stays the same when that starts again.
        stores: Its stores.
        settings: Its settings.
    """

    def __init__(self, service: GoalService, settings: Settings) -> None:
        self._service = service
        self.settings = settings
        self._running = AsyncExitStack()
        self._port = 0
        self.url = ""
        self.stores: Stores = service.stores

    async def start(self) -> None:
        listener = listen("127.0.0.1", self._port)
        self._port = listener.getsockname()[1]
        app = create_site(self._service, self.settings)
        self.url = await self._running.enter_async_context(serve(app, listener, self.settings))

    async def stop(self) -> None:
        await self._running.aclose()


class Sites:
    """Serves installations, each for as long as the tests of a module."""

    def __init__(self, stack: AsyncExitStack, address: str, home: Path) -> None:
        self._stack = stack
        self._address = address
        self._home = home

    async def start(
        self, name: str = "home", *, worker: bool = True, **settings_given: Any
    ) -> Site:
        settings = Settings.model_validate({"home": self._home / name, **settings_given})
        registry = registry_of(*AGENTS, name="perdure-client-test")
        stores = await self._stack.enter_async_context(open_stores(settings))
        connected = await connect(self._address)
        if worker:
            running = build_worker(connected, stores, registry, settings)
            await self._stack.enter_async_context(running)
        site = Site(GoalService(connected, stores, registry, ()), settings)
        await site.start()
        self._stack.push_async_callback(site.stop)
        return site


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def sites(
    server: DevelopmentServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Sites]:
    async with AsyncExitStack() as stack:
        yield Sites(stack, server.address, tmp_path_factory.mktemp("sites"))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site(sites: Sites) -> Site:
    return await sites.start()


@pytest_asyncio.fixture(loop_scope="session")
async def client(site: Site) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(site.url) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def proxy(site: Site) -> AsyncIterator[CuttingProxy]:
    async with CuttingProxy(site.url).serving() as serving:
        yield serving


@pytest_asyncio.fixture(loop_scope="session")
async def cut_off(proxy: CuttingProxy) -> AsyncIterator[AsyncClient]:
    """Return a client that reaches the site through the proxy only."""
    async with AsyncClient(proxy.url) as opened:
        yield opened
