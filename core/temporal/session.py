"""A session of a command: stores, agents, a client, and an embedded server if none runs."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from temporalio.client import Client

from perdure.agents.plugins.registry import AgentRegistry
from perdure.models import DEFAULT_POOL
from perdure.policy.watching import watch_policy
from perdure.settings import Settings
from perdure.stores import Stores, open_stores
from perdure.temporal.client.agent_pools import AgentPools
from perdure.temporal.client.connection import TemporalUnavailable, configured_address, connect
from perdure.temporal.client.goal_service import GoalService
from perdure.temporal.client.namespace import claim_namespace
from perdure.temporal.installation import (
    RunningInstallation,
    installation_address,
    load_agents,
    plugin_files_of,
    published,
    read_installation,
    uses_own_server,
)
from perdure.temporal.server.binary import ensure_server_binary
from perdure.temporal.server.development_server import (
    DevelopmentServer,
    HomeInUse,
    run_development_server,
)
from perdure.temporal.worker.run_worker import run_worker

EMBEDDED_DRAIN_SECONDS: Final = 3.0
# How long another command may take from the start of its server to where others find it.
_STARTING_SECONDS: Final = 20.0
_POLL_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True)
class Session:
    """Everything a command works with.

    Attributes:
        settings: The settings that it was opened with.
        stores: The stores.
        registry: The agents.
        client: The Temporal client.
        service: Starts and cancels goals.
        pools: Which pools of workers run the goals of which agents.
        server: The embedded server, when this session started it.
        lender: The command whose embedded server this session uses.
    """

    settings: Settings
    stores: Stores
    registry: AgentRegistry
    client: Client
    service: GoalService
    pools: AgentPools
    server: DevelopmentServer | None = None
    lender: RunningInstallation | None = None

    @property
    def is_borrowed(self) -> bool:
        """Whether its server is that of another command of this home, which may end."""
        return self.server is None and configured_address() is None

    @property
    def is_temporary(self) -> bool:
        """Whether its server ends with this command, or with another that follows a goal."""
        return self.server is not None or (self.lender is not None and self.lender.command == "run")


@asynccontextmanager
async def open_session(settings: Settings, report: Callable[[str], None]) -> AsyncIterator[Session]:
    """Use the server that is configured or runs; start the embedded one, with a worker, if none.

    Args:
        settings: The settings.
        report: Takes a line for people about what takes long.

    Raises:
        TemporalUnavailable: The configured server does not answer.
        OtherNamespace: The stores belong to another Temporal namespace.
        ServerUnavailable: No server could be started.
        StoreUnavailable: The stores cannot be opened.
        PolicyInvalid: The policy that the settings name is not valid.
    """
    async with AsyncExitStack() as stack:
        yield await _open(stack, settings, report)


async def until_installation_ends(home: Path, running: RunningInstallation) -> None:
    """Wait for as long as an installation runs on a home folder."""
    while (current := read_installation(home)) is not None and current.pid == running.pid:  # noqa: ASYNC110 -- another process ends
        await asyncio.sleep(_POLL_SECONDS)


async def _open(
    stack: AsyncExitStack, settings: Settings, report: Callable[[str], None]
) -> Session:
    deadline = time.monotonic() + _STARTING_SECONDS
    policy = watch_policy(settings.policy)
    while True:
        client = await _connect_to_known(settings)
        if client is not None:
            stores = await stack.enter_async_context(open_stores(settings))
            embedded = uses_own_server(settings.home, client)
            try:
                await claim_namespace(client, stores, settings, report, embedded=embedded)
            except TemporalUnavailable:
                if configured_address() is not None or time.monotonic() > deadline:
                    raise
                continue  # the command whose server it was has ended meanwhile
            registry = load_agents(settings)
            pools = AgentPools(settings.agent_pools, of_plugins=not embedded)
            lender = read_installation(settings.home) if configured_address() is None else None
            service = GoalService(client, stores, registry, settings.file_roots, pools, policy)
            return Session(settings, stores, registry, client, service, pools, lender=lender)
        try:
            return await stack.enter_async_context(_published_session(settings, report))
        except HomeInUse:
            # Another command is starting its server, or stopping it.
            if time.monotonic() > deadline:
                raise


@asynccontextmanager
async def _published_session(
    settings: Settings, report: Callable[[str], None]
) -> AsyncIterator[Session]:
    """Run an embedded session that the other commands of this home use meanwhile."""
    async with embedded_session(settings, report) as session:
        assert session.server is not None
        running = RunningInstallation(
            pid=os.getpid(),
            temporal_address=session.server.address,
            command="run",
            ui_url=session.server.ui_url,
            plugin_files=plugin_files_of(session.registry),
        )
        with published(settings.home, running, session.registry):
            yield session


async def _connect_to_known(settings: Settings) -> Client | None:
    address = installation_address(settings.home)
    if address is None:
        return None
    try:
        return await connect(address)
    except TemporalUnavailable:
        if configured_address() is not None:
            raise
        # The file outlived the process that wrote it, and its process id is another's now.
        return None


@asynccontextmanager
async def embedded_session(
    settings: Settings, report: Callable[[str], None], *, port: int = 7233
) -> AsyncIterator[Session]:
    """Run the embedded server and a worker for as long as the block runs.

    Raises:
        OtherNamespace: The stores belong to another Temporal namespace.
        ServerUnavailable: No server could be started.
        StoreUnavailable: The stores cannot be opened.
        PolicyInvalid: The policy that the settings name is not valid.
    """
    policy = watch_policy(settings.policy)
    async with AsyncExitStack() as stack:
        stores = await stack.enter_async_context(open_stores(settings))
        binary = await ensure_server_binary(settings, report)
        server = await stack.enter_async_context(
            run_development_server(
                binary.path,
                settings.home,
                port=port,
                version=binary.full_version,
                # Both take a second, and the server has a process of its own.
                while_starting=lambda: load_agents(settings),
            )
        )
        client = await connect(server.address)
        await claim_namespace(client, stores, settings, report, embedded=True)
        registry = load_agents(settings)
        # Whoever stops an embedded server waits for it at a terminal.
        drain = min(settings.drain_seconds, EMBEDDED_DRAIN_SECONDS)
        # Its worker is the only one there need be, so it is of the default pool, and takes all.
        update = {"drain_seconds": drain, "pool": DEFAULT_POOL}
        embedded = settings.model_copy(update=update)
        pools = AgentPools(settings.agent_pools, of_plugins=False)
        await stack.enter_async_context(run_worker(client, stores, registry, embedded, pools))
        service = GoalService(client, stores, registry, settings.file_roots, pools, policy)
        yield Session(settings, stores, registry, client, service, pools, server)
