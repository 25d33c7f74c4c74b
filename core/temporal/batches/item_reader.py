"""Reads items as they are asked for, from what is read in a thread or waits for others."""

import asyncio
from collections.abc import AsyncIterable, Iterable, Sequence
from itertools import islice

from perdure.models.batches import NewItem

NewItems = Iterable[NewItem] | AsyncIterable[NewItem]


class ItemReader:
    """Takes items, so many at a time.

    Args:
        items: The items; where they are no asynchronous ones they are read in a thread.
    """

    def __init__(self, items: NewItems) -> None:
        self._waiting = aiter(items) if isinstance(items, AsyncIterable) else None
        self._blocking = None if isinstance(items, AsyncIterable) else iter(items)

    async def take(self, most: int) -> Sequence[NewItem]:
        """Return the next items, fewer if there are no more."""
        if self._blocking is not None:
            blocking = self._blocking
            return await asyncio.to_thread(lambda: list(islice(blocking, most)))
        assert self._waiting is not None
        taken: list[NewItem] = []
        while len(taken) < most:
            try:
                taken.append(await anext(self._waiting))
            except StopAsyncIteration:
                break
        return taken
