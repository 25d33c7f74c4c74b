"""Batches of the installation of this machine."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from perdure.cli.arguments.batch_items import GivenItems, unchanging
from perdure.cli.arguments.parameters import read_parameters
from perdure.cli.backends.audit import LocalAudit
from perdure.cli.backends.batches import ShowBatch, follow_batch
from perdure.cli.backends.local_control import keep_going
from perdure.cli.runtime.event_loop import clear_cancellation
from perdure.models.batches import BatchRecord, BatchSettings, ItemRecord, ItemStatus
from perdure.schemas.batches import BatchResponse
from perdure.stores import Stores
from perdure.stores.objects.prefix import Prefix
from perdure.temporal.batches.item_reader import NewItems
from perdure.temporal.batches.object_items import objects
from perdure.temporal.batches.outcome import OutcomeFormat, outcome
from perdure.temporal.batches.service import BatchService, HandedIn
from perdure.temporal.batches.sources import csv_rows, files, json_lines, lines_of

if TYPE_CHECKING:
    from pydantic import JsonValue

    from perdure.agents.plugins.registry import InstalledAgent
    from perdure.temporal.session import Session


class LocalBatches:
    """Batches here; see :class:`.Batches`. What is done is entered into the audit table.

    Args:
        stores: Where they are.
        agent: Finds an agent.
        open_session: Opens a session, once something is to be started or controlled.
    """

    def __init__(
        self,
        stores: Stores,
        agent: "Callable[[str], Awaitable[InstalledAgent]]",
        open_session: "Callable[[], Awaitable[Session]]",
    ) -> None:
        self._stores = stores
        self._agent = agent
        self._open_session = open_session
        self._audit = LocalAudit(stores)
        self._session: Session | None = None

    @property
    def outlives_command(self) -> bool:
        """Whether another process has the server."""
        return self._session is None or self._session.server is None

    async def shared_parameters(  # noqa: D102 -- as the protocol has it
        self, agent_type: str, params: Sequence[str]
    ) -> "dict[str, JsonValue]":
        return read_parameters(params, (await self._agent(agent_type)).spec.parameters)

    async def hand_in(  # noqa: D102 -- as the protocol has it
        self, name: str, settings: BatchSettings, given: GivenItems
    ) -> BatchResponse:
        details: dict[str, JsonValue] = {"agent_type": settings.agent_type, "name": name}
        with _items(given, self._stores) as items:
            service = await self._service()
            tenant = self._stores.batches.owner
            async with self._audit.doing("batch.start", name, details, tenant) as action:
                handed_in = await service.hand_in(name, settings, items)
                action.subject = handed_in.batch.batch_id
                details["items"] = handed_in.items.added
        return _response(handed_in)

    async def add(self, batch: str, given: GivenItems) -> BatchResponse:  # noqa: D102
        record = await self.show(batch)
        with _items(given, self._stores) as items:
            service = await self._service()
            details: dict[str, JsonValue] = {}
            async with self._audit.doing("batch.add", record.batch_id, details, record.tenant):
                handed_in = await service.add(record.batch_id, items)
                details["items"] = handed_in.items.added
        return _response(handed_in)

    async def show(self, batch: str) -> BatchRecord:  # noqa: D102 -- as the protocol has it
        return await self._stores.batches.get(batch)

    async def list(self, limit: int) -> Sequence[BatchRecord]:  # noqa: D102 -- as there
        return await self._stores.batches.list(limit=limit)

    async def items(  # noqa: D102 -- as the protocol has it
        self, batch: str, *, limit: int, after: int, status: ItemStatus | None
    ) -> Sequence[ItemRecord]:
        record = await self.show(batch)
        return await self._stores.batches.items(
            record.batch_id, limit=limit, after=after, status=status
        )

    async def pause(self, batch: str) -> BatchRecord:  # noqa: D102 -- as the protocol has it
        record = await self.show(batch)
        async with self._audit.doing("batch.pause", record.batch_id, tenant=record.tenant):
            return await self._stores.batches.pause(record.batch_id)

    async def resume(self, batch: str, budget_cost: float | None) -> BatchRecord:  # noqa: D102
        record = await self.show(batch)
        details: dict[str, JsonValue] = {"budget_cost": budget_cost}
        service = await self._service()
        async with self._audit.doing("batch.resume", record.batch_id, details, record.tenant):
            return await service.resume(record.batch_id, budget_cost=budget_cost)

    async def cancel(self, batch: str) -> BatchRecord:  # noqa: D102 -- as the protocol has it
        record = await self.show(batch)
        service = await self._service()
        async with self._audit.doing("batch.cancel", record.batch_id, tenant=record.tenant):
            return await service.cancel(record.batch_id)

    async def retry(self, batch: str) -> tuple[BatchRecord, int]:  # noqa: D102 -- as there
        record = await self.show(batch)
        service = await self._service()
        async with self._audit.doing("batch.retry", record.batch_id, tenant=record.tenant):
            return await service.retry(record.batch_id)

    async def outcome(self, batch: str, kind: str) -> AsyncIterator[bytes]:  # noqa: D102
        record = await self.show(batch)
        async for chunk in outcome(self._stores.batches, record.batch_id, OutcomeFormat(kind)):
            yield chunk

    async def follow(self, batch: str, show: ShowBatch) -> bool:  # noqa: D102 -- as there
        watching = asyncio.create_task(follow_batch(self.show, batch, show))
        try:
            if self._session is None:
                await watching
            else:
                await keep_going(watching, self._session)
        except asyncio.CancelledError:
            clear_cancellation()
            return False
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        return True

    async def _service(self) -> BatchService:
        if self._session is None:
            self._session = await self._open_session()
        return BatchService(self._session.service)


@contextmanager
def _items(given: GivenItems, stores: Stores) -> Iterator[NewItems]:
    if given.prefixes:
        yield objects(stores, [*map(Prefix.parse, given.prefixes)], given.parameter)
        return
    if given.lines is None:
        yield files(given.files, given.parameter)
        return
    with unchanging(given.lines) as copy, copy.open("rb") as file:
        lines = lines_of(file)
        yield csv_rows(lines, given.columns) if given.kind == "csv" else json_lines(lines)


def _response(handed_in: HandedIn) -> BatchResponse:
    return BatchResponse(batch=handed_in.batch, items=handed_in.items)
