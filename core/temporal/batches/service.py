"""The service of batches: hands them in, adds items to them, controls them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from pydantic import ValidationError

from perdure.agents.parameters import ParametersRefused
from perdure.agents.steps.errors import PolicyDenied
from perdure.models import Goal, Parameters
from perdure.models.base import first_problem
from perdure.models.batches import (
    AddedItems,
    BatchRecord,
    BatchSettings,
    ItemContent,
    NewItem,
)
from perdure.stores.batches.batch_store import CHUNK
from perdure.stores.database.errors import InputRefused
from perdure.temporal.batches.item_reader import ItemReader, NewItems
from perdure.temporal.client.connection import TemporalUnavailable
from perdure.temporal.client.goal_service import GoalService

# Between so many items others get the event loop.
_TURN: Final = 25

ItemQuota = Callable[[int], Awaitable[int]]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class HandedIn:
    """A batch that was handed in, and what became of its items."""

    batch: BatchRecord
    items: AddedItems


class BatchService:
    """Batches of one tenant, or of all.

    Args:
        goals: The service of goals, as of the caller's tenant.
        quota: Counts items that are new, at most so many, and returns how many may be added: one at
            least, or it raises. When not given any number may.

    A batch that is on record goes on, whatever becomes of the process that handed it in: when
    Temporal does not answer now, workers start it when it does.

    Each method takes a batch's id or its name.
    """

    def __init__(self, goals: GoalService, quota: ItemQuota | None = None) -> None:
        self._goals = goals
        self._quota = quota
        self._stores = goals.stores

    async def hand_in(self, name: str, settings: BatchSettings, items: NewItems) -> HandedIn:
        """Check a batch, put it on record with its items, and have it begin.

        Items of which no goal can be made are on record as invalid. With the name and the settings
        of a batch that is there, the items are added to it: those that it has are left out.

        Args:
            name: The batch's name.
            settings: What all items share.
            items: The items, read a thousand at a time.

        Raises:
            UnknownAgent: No installed agent has that name.
            ParametersRefused: A path among the shared parameters is one that no goal may name.
            InputRefused: There is no item, or the settings hold an API key.
            StateConflict: Another batch has the name, or it was cancelled.
            StoreUnavailable: The stores do not answer; hand it in again.
        """
        settings = await self._checked_settings(settings)
        reader = ItemReader(items)
        first = await reader.take(1)
        if not first:
            raise InputRefused(f"the batch {name!r} has no item: give it one, or more")
        batch = await self._stores.batches.create(name, settings)
        added = await self._add(batch, reader, first)
        return HandedIn(await self._stores.batches.get(batch.batch_id), added)

    async def add(self, batch_id: str, items: NewItems) -> HandedIn:
        """Add items to a batch, which goes on if it had completed.

        Raises:
            UnknownBatch: There is no such batch.
            StateConflict: It was cancelled.
            UnknownAgent: Its agent is not installed any more.
            StoreUnavailable: The stores do not answer; hand them in again.
        """
        batch = await self._stores.batches.get(batch_id)
        added = await self._add(batch, ItemReader(items))
        return HandedIn(await self._stores.batches.get(batch.batch_id), added)

    async def pause(self, batch_id: str) -> BatchRecord:
        """Start no further item; see :meth:`.BatchStore.pause`."""
        return await self._stores.batches.pause(await self._id_of(batch_id))

    async def resume(self, batch_id: str, *, budget_cost: float | None = None) -> BatchRecord:
        """Go on; see :meth:`.BatchStore.resume`."""
        batch = await self._stores.batches.resume(
            await self._id_of(batch_id), budget_cost=budget_cost
        )
        await self._feed(batch.batch_id)
        return batch

    async def cancel(self, batch_id: str) -> BatchRecord:
        """Cancel a batch and the items that run; see :meth:`.BatchStore.cancel`."""
        batch = await self._stores.batches.cancel(await self._id_of(batch_id))
        if not batch.status.final:
            await self._feed(batch.batch_id)
        return batch

    async def retry(self, batch_id: str) -> tuple[BatchRecord, int]:
        """Have the failed items done again; see :meth:`.BatchStore.retry_failed`.

        Returns:
            The batch, and how many items are done again.
        """
        batch_id = await self._id_of(batch_id)
        count = await self._stores.batches.retry_failed(batch_id)
        if count:
            await self._feed(batch_id)
        return await self._stores.batches.get(batch_id), count

    async def _id_of(self, name: str) -> str:
        return (await self._stores.batches.get(name)).batch_id

    async def _add(
        self, batch: BatchRecord, reader: ItemReader, first: Sequence[NewItem] = ()
    ) -> AddedItems:
        added = AddedItems()
        try:
            while chunk := [*first, *await reader.take(CHUNK - len(first))]:
                first = ()
                rest: Sequence[NewItem] = [
                    await self._checked(batch.settings, number, item)
                    for number, item in enumerate(chunk)
                ]
                while rest:
                    part = await self._allowed(batch.batch_id, rest)
                    added += await self._stores.batches.add(batch.batch_id, part)
                    rest = rest[len(part) :]
        finally:
            # Also with those that were added before the quota was used up.
            await self._feed(batch.batch_id)
        return added

    async def _allowed(self, batch_id: str, items: Sequence[NewItem]) -> Sequence[NewItem]:
        """Return the first ones of items, up to one that the quota does not allow."""
        if self._quota is None:
            return items
        known = await self._stores.batches.known_keys(batch_id, items)
        new = []
        for number, item in enumerate(items):
            if not item.problem and item.key not in known:
                known.add(item.key)
                new.append(number)
        allowed = await self._quota(len(new)) if new else 0
        return items[: new[allowed]] if allowed < len(new) else items

    async def _feed(self, batch_id: str) -> None:
        try:
            await self._goals.gateway.feed_batch(batch_id)
        except TemporalUnavailable as error:  # a worker does it later
            log.info("batch begins later", batch_id=batch_id, message=str(error))

    async def _checked_settings(self, settings: BatchSettings) -> BatchSettings:
        pool, parameters = await self._goals.check_shared(
            settings.agent_type, settings.parameters, settings.pool, settings.description
        )
        return settings.model_copy(update={"parameters": parameters, "pool": pool})

    async def _checked(self, settings: BatchSettings, number: int, item: NewItem) -> NewItem:
        """Return an item as it is started, or as invalid."""
        if number % _TURN == 0:
            await asyncio.sleep(0)
        if item.problem:
            return item
        try:
            goal = Goal(
                goal_id="item",
                description=item.content.description or settings.description,
                agent_type=settings.agent_type,
                parameters={**settings.parameters, **item.content.parameters},
            )
            checked, _ = await self._goals.check(goal)
        except (ParametersRefused, PolicyDenied) as error:
            return _refused(item, str(error))
        except InputRefused as error:
            # Nor is it kept.
            return _refused(item.model_copy(update={"content": ItemContent()}), str(error))
        except ValidationError as error:
            return _refused(item, first_problem(error))
        except ValueError as error:
            return _refused(item, str(error))
        own: Parameters = {name: checked.parameters[name] for name in item.content.parameters}
        content = item.content.model_copy(update={"parameters": own})
        return item.model_copy(update={"content": content})


def _refused(item: NewItem, problem: str) -> NewItem:
    return item.model_copy(update={"problem": problem})
