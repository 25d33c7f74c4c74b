"""Following a run: its events so far, then each new one, to the end."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from holdfast.models import Event
from holdfast.stores.opening import Stores

POLL_SECONDS: Final = 0.1
_LAST: Final = frozenset({"run.completed", "run.failed", "run.cancelled"})


async def follow_events(stores: Stores, workflow_id: str, after: int = 0) -> AsyncIterator[Event]:
    """Yield a run's events in order and end after its last.

    It reads the event store alone, so a reader costs Temporal nothing.

    Args:
        stores: The stores.
        workflow_id: The run.
        after: The number of the last event that is known already.
    """
    while True:
        events = await stores.events.after(workflow_id, after)
        for event in events:
            yield event
            if event.type in _LAST:
                return
            after = event.number
        if not events:
            record = await stores.goals.get(workflow_id)
            if record.status.final and not await stores.events.after(workflow_id, after, 1):
                return
            await asyncio.sleep(POLL_SECONDS)
