"""Progress lines for people about something that takes long."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

Report = Callable[[str], None]
"""Takes one line for people: what is being done now, and for how long."""

INTERVAL_SECONDS: Final = 5.0


@asynccontextmanager
async def report_progress(report: Report, describe: Callable[[], str]) -> AsyncIterator[None]:
    """Report every 5 s what is being done, and for how long, while the block runs.

    Args:
        report: Takes lines such as ``building the Temporal server: 85 s``.
        describe: Returns what is being done; called for every line.
    """
    ticking = asyncio.create_task(_tick(report, describe))
    try:
        yield
    finally:
        ticking.cancel()
        with suppress(asyncio.CancelledError):
            await ticking


async def _tick(report: Report, describe: Callable[[], str]) -> None:
    start = time.monotonic()
    while True:
        await asyncio.sleep(INTERVAL_SECONDS)
        report(f"{describe()}: {time.monotonic() - start:.0f} s")
