"""Passing stored events on to observers, so that none of them can hurt a goal."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Final

import structlog

from perdure.agents.hookspecs.observer import Observer
from perdure.models import Event
from perdure.stores import EventStore

OBSERVER_SECONDS: Final = 5.0
MAX_QUEUED_EVENTS: Final = 10_000

log = structlog.get_logger()


@asynccontextmanager
async def run_observers(events: EventStore, observers: Collection[Observer]) -> AsyncIterator[None]:
    """Pass every event that this process stores to the observers, as long as the block runs.

    Each observer has its own queue: a slow one delays no other and no goal. One that raises, takes
    longer than five seconds or falls 10,000 events behind is counted and logged.
    """
    queues = [_ObserverQueue(observer) for observer in observers]
    for queue in queues:
        events.subscribe(queue.put)
    tasks = [asyncio.create_task(queue.run()) for queue in queues]
    try:
        yield
    finally:
        await asyncio.gather(*(queue.drain() for queue in queues))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _ObserverQueue:
    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._queue: asyncio.Queue[Event] = asyncio.Queue(MAX_QUEUED_EVENTS)
        self.failures = 0

    def put(self, event: Event) -> None:
        try:
            self._queue.put_nowait(event)
        except asyncio.QueueFull:
            self._fail(event, "it is 10,000 events behind")

    async def run(self) -> None:
        while True:
            event = await self._queue.get()
            try:
                async with asyncio.timeout(OBSERVER_SECONDS):
                    await self._observer.on_event(event)
            except Exception as error:  # noqa: BLE001 -- an observer hurts nobody
                self._fail(event, repr(error))
            finally:
                self._queue.task_done()

    async def drain(self) -> None:
        try:
            async with asyncio.timeout(OBSERVER_SECONDS):
                await self._queue.join()
        except TimeoutError:
            log.warning("observer not finished", observer=type(self._observer).__name__)

    def _fail(self, event: Event, reason: str) -> None:
        self.failures += 1
        log.warning(
            "observer failed",
            observer=type(self._observer).__name__,
            failures=self.failures,
            event_type=event.type,
            workflow_id=event.workflow_id,
            reason=reason,
        )
