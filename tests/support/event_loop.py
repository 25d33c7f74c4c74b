"""How often the event loop comes round."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass


@dataclass
class Turns:
    """The turns that the loop has taken, a hundred a second where nothing holds it up."""

    count: int = 0


@asynccontextmanager
async def count_turns() -> AsyncIterator[Turns]:
    """Count the turns of the event loop while the block runs."""
    turns = Turns()

    async def count() -> None:
        while True:
            await asyncio.sleep(0.01)
            turns.count += 1

    counting = asyncio.create_task(count())
    try:
        yield turns
    finally:
        counting.cancel()
