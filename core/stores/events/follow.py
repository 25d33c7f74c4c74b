"""Following a run: its events so far, then each new one, to the end."""

from collections.abc import AsyncIterator

from perdure.models import Event
from perdure.stores.events.event_feed import feed_of
from perdure.stores.opening import Stores


async def follow_events(stores: Stores, workflow_id: str, after: int = 0) -> AsyncIterator[Event]:
    """Yield a run's events in order and end after its last.

    It reads the event store alone, so a reader costs Temporal nothing; and all readers of a process
    share what is read. When the store is away after the first event, it goes on once it is back.

    Args:
        stores: The stores.
        workflow_id: The run.
        after: The number of the last event that is known already.

    Raises:
        UnknownGoal: There is no such run.
        StoreUnavailable: The store does not answer at the start.
    """
    with feed_of(stores.database).watch(workflow_id, after) as reader:
        while told := await reader.next():
            for item in told:
                yield item.event
