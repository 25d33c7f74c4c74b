"""Batches on a server."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from pydantic import JsonValue

from perdure.cli.arguments.batch_items import GivenItems, unchanging
from perdure.cli.backends.batches import ShowBatch, follow_batch
from perdure.cli.runtime.event_loop import clear_cancellation
from perdure.client import AsyncClient
from perdure.models.batches import BatchRecord, BatchSettings, ItemRecord, ItemStatus
from perdure.schemas.batches import BatchResponse

# So many files are uploaded, and handed in as items with one request.
_FILES_AT_ONCE: Final = 200

Upload = Callable[[Path], Awaitable[str]]
_Items = Sequence[Mapping[str, JsonValue]] | None
_Source = Mapping[str, JsonValue] | None


class RemoteBatches:
    """Batches on a server; see :class:`.Batches`. Files of this machine are uploaded first.

    Args:
        client: The client of its API.
        read_parameters: Reads the parameters of an agent.
        upload: Uploads a file, and returns the path that stands for it there.

    Attributes:
        outlives_command: The batches go on there when this command ends.
    """

    outlives_command: Final = True

    def __init__(
        self,
        client: AsyncClient,
        read_parameters: Callable[[str, Sequence[str]], Awaitable[dict[str, JsonValue]]],
        upload: Upload,
    ) -> None:
        self._batches = client.batches
        self._read_parameters = read_parameters
        self._upload = upload

    async def shared_parameters(  # noqa: D102 -- as the protocol has it
        self, agent_type: str, params: Sequence[str]
    ) -> dict[str, JsonValue]:
        return await self._read_parameters(agent_type, params)

    async def hand_in(  # noqa: D102 -- as the protocol has it
        self, name: str, settings: BatchSettings, given: GivenItems
    ) -> BatchResponse:
        async def send(items: _Items, source: _Source) -> BatchResponse:
            return await self._batches.start(
                name,
                settings.agent_type,
                items=items,
                source=source,
                description=settings.description,
                parameters=settings.parameters,
                budget=settings.budget,
                pool=settings.pool,
                priority=settings.priority,
                max_parallel=settings.max_parallel,
                per_second=settings.per_second,
                ordered=settings.ordered,
                stop_after_failures=settings.stop_after_failures,
                budget_cost=settings.budget_cost,
            )

        return await self._send_all(given, send)

    async def add(self, batch: str, given: GivenItems) -> BatchResponse:  # noqa: D102
        async def send(items: _Items, source: _Source) -> BatchResponse:
            return await self._batches.add(batch, items=items, source=source)

        return await self._send_all(given, send)

    async def show(self, batch: str) -> BatchRecord:  # noqa: D102 -- as the protocol has it
        return await self._batches.show(batch)

    async def list(self, limit: int) -> Sequence[BatchRecord]:  # noqa: D102 -- as there
        return (await self._batches.list(limit=limit)).batches

    async def items(  # noqa: D102 -- as the protocol has it
        self, batch: str, *, limit: int, after: int, status: ItemStatus | None
    ) -> Sequence[ItemRecord]:
        return (await self._batches.items(batch, limit=limit, after=after, status=status)).items

    async def pause(self, batch: str) -> BatchRecord:  # noqa: D102 -- as the protocol has it
        return await self._batches.pause(batch)

    async def resume(self, batch: str, budget_cost: float | None) -> BatchRecord:  # noqa: D102
        return await self._batches.resume(batch, budget_cost=budget_cost)

    async def cancel(self, batch: str) -> BatchRecord:  # noqa: D102 -- as the protocol has it
        return await self._batches.cancel(batch)

    async def retry(self, batch: str) -> tuple[BatchRecord, int]:  # noqa: D102 -- as there
        response = await self._batches.retry(batch)
        return response.batch, response.retried

    async def outcome(self, batch: str, kind: str) -> AsyncIterator[bytes]:  # noqa: D102
        yield await self._batches.outcome(batch, kind)

    async def follow(self, batch: str, show: ShowBatch) -> bool:  # noqa: D102 -- as there
        try:
            await follow_batch(self.show, batch, show)
        except asyncio.CancelledError:
            clear_cancellation()
            return False
        return True

    async def _send_all(
        self,
        given: GivenItems,
        send: Callable[[_Items, _Source], Awaitable[BatchResponse]],
    ) -> BatchResponse:
        if given.lines is not None:
            with unchanging(given.lines) as copy:
                lines: dict[str, JsonValue] = {
                    "format": given.kind,
                    "upload": await self._upload(copy),
                }
            if given.columns is not None:
                lines["columns"] = dict(given.columns)
            return await send(None, lines)
        response: BatchResponse | None = None
        async for items, source in self._parts(given):
            sent = await send(items, source)
            earlier = response.items if response is not None else None
            added = sent.items if earlier is None else earlier + sent.items
            response = BatchResponse(batch=sent.batch, items=added)
        assert response is not None  # there is a file or a prefix at least
        return response

    async def _parts(self, given: GivenItems) -> AsyncIterator[tuple[_Items, _Source]]:
        """Yield what one request each hands in."""
        for prefix in given.prefixes:
            yield None, {"prefix": prefix, "parameter": given.parameter}
        for start in range(0, len(given.files), _FILES_AT_ONCE):
            yield (
                [
                    {"key": str(file), "parameters": {given.parameter: await self._upload(file)}}
                    for file in given.files[start : start + _FILES_AT_ONCE]
                ],
                None,
            )
