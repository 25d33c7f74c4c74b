"""What commands need of batches: the same here as on a server."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from pydantic import JsonValue

    from perdure.cli.arguments.batch_items import GivenItems
    from perdure.models.batches import BatchRecord, BatchSettings, ItemRecord, ItemStatus
    from perdure.schemas.batches import BatchResponse

ShowBatch = Callable[["BatchRecord"], None]

_LOOK_SECONDS: Final = 0.5


class Batches(Protocol):
    """Batches; each method takes an id or a name, and raises what the service does.

    Attributes:
        outlives_command: Whether batches go on when this command ends.
    """

    @property
    def outlives_command(self) -> bool: ...  # noqa: D102 -- an attribute

    async def shared_parameters(
        self, agent_type: str, params: Sequence[str]
    ) -> "dict[str, JsonValue]":
        """Return the parameters of ``NAME=VALUE`` pairs, with files where the agent finds them."""

    async def hand_in(
        self, name: str, settings: "BatchSettings", given: "GivenItems"
    ) -> "BatchResponse":
        """Hand in a batch."""

    async def add(self, batch: str, given: "GivenItems") -> "BatchResponse":
        """Add items to a batch."""

    async def show(self, batch: str) -> "BatchRecord":
        """Return a batch."""

    async def list(self, limit: int) -> "Sequence[BatchRecord]":
        """Return batches, newest first."""

    async def items(
        self, batch: str, *, limit: int, after: int, status: "ItemStatus | None"
    ) -> "Sequence[ItemRecord]":
        """Return items of a batch."""

    async def pause(self, batch: str) -> "BatchRecord":
        """Start no further item of a batch."""

    async def resume(self, batch: str, budget_cost: float | None) -> "BatchRecord":
        """Go on with a batch."""

    async def cancel(self, batch: str) -> "BatchRecord":
        """Cancel a batch."""

    async def retry(self, batch: str) -> "tuple[BatchRecord, int]":
        """Have failed items done again, and return the batch and how many they are."""

    def outcome(self, batch: str, kind: str) -> AsyncIterator[bytes]:
        """Yield the outcome of a batch as a table."""

    async def follow(self, batch: str, show: ShowBatch) -> bool:
        """Show how a batch stands until nothing of it goes on.

        Returns:
            Whether that came; ``False`` when Ctrl-C or SIGTERM came first.
        """


async def follow_batch(
    look: "Callable[[str], Awaitable[BatchRecord]]", batch: str, show: ShowBatch
) -> None:
    """Show a batch again and again until nothing of it goes on."""
    while True:
        record = await look(batch)
        show(record)
        if is_over(record):
            return
        await asyncio.sleep(_LOOK_SECONDS)


def is_over(record: "BatchRecord") -> bool:
    """Return whether nothing of a batch goes on by itself."""
    goes_on = record.status.value in {"running", "cancelling"} or record.counts.running > 0
    return record.status.final or not goes_on
