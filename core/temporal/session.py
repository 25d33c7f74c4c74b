"""A session of a command: stores, agents, a client, and an embedded server if none runs."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from temporalio.client import Client

from perdure.agents.plugins.registry import AgentRegistry
from perdure.settings import Settings
from perdure.stores import Stores, open_stores
from perdure.temporal.client.connection import TemporalUnavailable, configured_address, connect
from perdure.temporal.client.goal_service import GoalService
from perdure.temporal.installation import installation_address, load_agents
from perdure.temporal.server.binary import ensure_server_binary
from perdure.temporal.server.development_server import DevelopmentServer, run_development_server
from perdure.temporal.worker.run_worker import run_worker

EMBEDDED_DRAIN_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True)
class Session:
    """Everything a command works with.

    Attributes:
        stores: The stores.
        registry: The agents.
        client: The Temporal client.
        service: Starts and cancels goals.
        server: The embedded server, when this session started it.
    """

    stores: Stores
    registry: AgentRegistry
    client: Client
    service: GoalService
    server: DevelopmentServer | None = None


@asynccontextmanager
async def open_session(settings: Settings, report: Callable[[str], None]) -> AsyncIterator[Session]:
    """Use the server that is configured or runs; start the embedded one, with a worker, if none.

    Args:
        settings: The settings.
        report: Takes a line for people about what takes long.

    Raises:
        TemporalUnavailable: The configured server does not answer.
        ServerUnavailable: No server could be started.
        StoreUnavailable: The stores cannot be opened.
    """
    client = await _connect_to_known(settings)
    if client is None:
        async with embedded_session(settings, report) as session:
            yield session
        return
    async with open_stores(settings) as stores:
        registry = load_agents(settings)
        yield Session(stores, registry, client, GoalService(client, stores, registry))


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
        ServerUnavailable: No server could be started.
        StoreUnavailable: The stores cannot be opened.
    """
    async with AsyncExitStack() as stack:
        stores = await stack.enter_async_context(open_stores(settings))
        binary = await ensure_server_binary(settings, report)
        server = await stack.enter_async_context(
            run_development_server(binary.path, settings.home, port=port)
        )
        client = await connect(server.address)
        registry = load_agents(settings)
        # Whoever stops an embedded server waits for it at a terminal.
        drain = min(settings.drain_seconds, EMBEDDED_DRAIN_SECONDS)
        embedded = settings.model_copy(update={"drain_seconds": drain})
        await stack.enter_async_context(run_worker(client, stores, registry, embedded))
        yield Session(stores, registry, client, GoalService(client, stores, registry), server)
