"""The API served for real on loopback, over a real Temporal server and a worker."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Literal

import httpx
import pytest_asyncio
from pydantic import BaseModel, Field

from perdure.agents import AgentSpec, Goal, InputError, Result, Run
from perdure.api.server import listen, serve
from perdure.policy.watching import watch_policy
from perdure.schemas.plugins import Plugin
from perdure.settings import Settings
from perdure.stores import open_stores
from perdure.temporal.client.connection import connect
from perdure.temporal.client.goal_service import GoalService
from perdure.temporal.server.development_server import DevelopmentServer
from perdure.temporal.worker.worker import build_worker
from perdure.web.site import create_site
from tests.support.plugins import registry_of


class EchoParameters(BaseModel):
    depth: Literal["quick", "comprehensive"] = Field("quick", description="How deep.")
    fail: bool = False
    wait: bool = False


async def echo(run: Run, goal: Goal) -> Result:
    await run.progress(50, "half-way")
    await run.artifact("notes/echo.md", f"# {goal.description}")
    if goal.parameters["fail"]:
        raise InputError("it was asked to fail: ask otherwise")
    if goal.parameters["wait"]:
        import asyncio

        await asyncio.Event().wait()
    return Result(summary=goal.description, data=goal.parameters)


ECHO = AgentSpec(
    name="echo",
    description="Says it again.",
    agent=echo,
    parameters=EchoParameters,
    examples=("x",),
)

ServeApi = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest_asyncio.fixture(loop_scope="session")
async def serve_api(own_home: Path, stores_on_postgresql: None) -> AsyncIterator[ServeApi]:
    """Return a function that serves the API for a Temporal address and gives a client."""
    async with AsyncExitStack() as stack:

        async def start(
            address: str,
            *,
            worker: bool = True,
            agent: AgentSpec = ECHO,
            left_out: tuple[Plugin, ...] = (),
            limited: bool = False,
            listen_port: int = 0,
            **settings_given: object,
        ) -> httpx.AsyncClient:
            stores_at = os.environ.get("PERDURE_DATABASE_URL", "")
            given = {"home": own_home, "database_url": stores_at, **settings_given}
            settings = Settings.model_validate(given)
            registry = registry_of(agent, name="perdure-echo", left_out=left_out)
            stores = await stack.enter_async_context(open_stores(settings))
            client = await connect(address, lazy=True)
            roots = settings.file_roots or (() if limited else None)
            policy = watch_policy(settings.policy)
            service = GoalService(client, stores, registry, roots, policy=policy)
            if worker:
                connected = await connect(address)
                await stack.enter_async_context(build_worker(connected, stores, registry, settings))
            url = await stack.enter_async_context(
                serve(create_site(service, settings), listen(settings.host, listen_port), settings)
            )
            return await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=30))

        yield start


@pytest_asyncio.fixture(loop_scope="session")
async def api(serve_api: ServeApi, server: DevelopmentServer) -> httpx.AsyncClient:
    """Return a client of the API over the test run's server, with a worker."""
    return await serve_api(server.address)
