"""What a command that serves measures, and where its metrics can be read."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from perdure.settings import Settings
    from perdure.stores import Stores
    from perdure.telemetry.metrics.families import Family
    from perdure.telemetry.metrics.instruments import Instruments

    Families = Callable[[], list[Family]]

# How old what the stores say may be where it is exported.
READ_SECONDS: Final = 15.0


@asynccontextmanager
async def measured() -> "AsyncIterator[Instruments]":
    """Measure as long as the block runs: begin it before anything connects to Temporal."""
    from perdure.telemetry.metrics import recording
    from perdure.telemetry.metrics.export import start_export
    from perdure.temporal.client.sdk_runtime import read_regularly, use_measured_runtime

    instruments = recording.start()
    async with _running(read_regularly(use_measured_runtime(instruments))):
        export = start_export(instruments)
        try:
            yield instruments
        finally:
            if export is not None:
                await asyncio.to_thread(export.stop)


@asynccontextmanager
async def metrics_served(
    settings: "Settings", stores: "Stores", families: "Families"
) -> "AsyncIterator[str | None]":
    """Answer ``/metrics`` as long as the block runs, where the settings say; yield the URL.

    Args:
        settings: Where; nowhere, and ``None`` is yielded, when they do not say.
        stores: The keys of those who may read them.
        families: Returns the metrics; called in a thread.

    Raises:
        AddressInUse: Another process listens there.
    """
    if settings.metrics_address is None:
        yield None
        return
    from perdure.api.metrics_site import serve_metrics

    async def read() -> "list[Family]":
        return await asyncio.to_thread(families)

    async with serve_metrics(stores, settings, settings.metrics_address, read) as url:
        yield url


@asynccontextmanager
async def installation_exported(
    read: "Callable[[], Awaitable[list[Family]]]",
) -> AsyncIterator[None]:
    """Have what the stores say read regularly as long as the block runs, where it is exported.

    Args:
        read: Reads it, as a request of ``/metrics`` does.
    """
    from perdure.telemetry.environment import export_settings

    async def read_regularly() -> None:
        while True:
            await read()
            await asyncio.sleep(READ_SECONDS)

    if export_settings("metrics") is None:
        yield
        return
    async with _running(read_regularly()):
        yield


@asynccontextmanager
async def metrics_sent(supervisor: int, families: "Families") -> AsyncIterator[None]:
    """Send metrics to the supervisor of a pool as long as the block runs, and at its end.

    Args:
        supervisor: The file that it reads.
        families: Returns the metrics; called in a thread.
    """
    from perdure.temporal.worker.pool_metrics import send_metrics

    async with _running(send_metrics(supervisor, families)):
        yield


@asynccontextmanager
async def _running(task: Coroutine[object, object, None]) -> AsyncIterator[None]:
    running = asyncio.create_task(task)
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
