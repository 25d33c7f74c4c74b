"""The event store: the events of each run, append-only, numbered without a gap."""

from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Final

from pydantic import JsonValue, TypeAdapter
from sqlalchemy import bindparam, insert, select, update

from perdure.models import Event, EventType, Progress
from perdure.stores.database import schema
from perdure.stores.database.engine import Database, Transaction
from perdure.stores.database.errors import UnknownGoal
from perdure.stores.events.event_feed import EventFeed

DATA: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])

_GOALS: Final = schema.goals.c
# One statement takes a run's next number and locks the run until its event is committed.
_NEXT_NUMBER: Final = (
    update(schema.goals)
    .where(_GOALS.workflow_id == bindparam("run"))
    .values(last_event=_GOALS.last_event + 1)
    .returning(_GOALS.last_event)
)
_NEXT_NUMBER_FOR_PROGRESS: Final = _NEXT_NUMBER.values(progress=bindparam("progress"))
_INSERT: Final = insert(schema.events)
_AFTER: Final = (
    select(schema.events)
    .where(
        schema.events.c.workflow_id == bindparam("run"),
        schema.events.c.number > bindparam("number"),
    )
    .order_by(schema.events.c.number)
    .limit(bindparam("limit"))
)


class EventStore:
    """The events of all runs: appends, reads and follows them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @cached_property
    def feed(self) -> EventFeed:
        """The feed that serves every reader in this process."""
        return EventFeed(self._database)

    async def append(
        self, workflow_id: str, type_: EventType, data: Mapping[str, JsonValue]
    ) -> Event:
        """Add an event to a run.

        Args:
            workflow_id: The run.
            type_: What happened.
            data: The details.

        Returns:
            The event with its number.

        Raises:
            UnknownGoal: The run has no record.
        """
        return await self._database.write(
            lambda transaction: add_event(transaction, workflow_id, type_, data)
        )

    async def after(self, workflow_id: str, number: int, limit: int = 500) -> list[Event]:
        """Return the events of a run after the one of that number, in order."""
        parameters = {"run": workflow_id, "number": number, "limit": limit}
        rows = await self._database.read(
            lambda connection: connection.execute(_AFTER, parameters).mappings().all()
        )
        return [
            Event(
                workflow_id=workflow_id,
                number=row["number"],
                type=row["type"],
                time=row["time"],
                data=DATA.validate_json(row["data"]),
            )
            for row in rows
        ]

    async def follow(self, workflow_id: str, after: int = 0) -> AsyncIterator[Event]:
        """Yield a run's events in order, those so far and each new one, and end after its last.

        It reads the stores alone, so a reader costs Temporal nothing; and all readers of a process
        share what is read. When the stores are unavailable after the first event, it goes on once
        they are back.

        Args:
            workflow_id: The run.
            after: The number of the last event that the caller has already.

        Raises:
            UnknownGoal: There is no such run.
            StoreUnavailable: The stores do not answer at the start.
        """
        with self.feed.follow(workflow_id, after) as reader:
            while stored_events := await reader.next():
                for stored in stored_events:
                    yield stored.event

    def subscribe(self, subscriber: Callable[[Event], None]) -> None:
        """Call ``subscriber`` with every event this process stores, after it is committed."""
        self._database.subscribe(subscriber)


def add_event(
    transaction: Transaction,
    workflow_id: str,
    type_: EventType,
    data: Mapping[str, JsonValue],
    progress: Progress | None = None,
) -> Event:
    """Add an event within a transaction; see :meth:`EventStore.append`.

    A ``progress`` is stored in the run's record too, by the statement that takes the number.
    """
    if progress is None:
        result = transaction.connection.execute(_NEXT_NUMBER, {"run": workflow_id})
    else:
        values = {"run": workflow_id, "progress": progress.model_dump_json()}
        result = transaction.connection.execute(_NEXT_NUMBER_FOR_PROGRESS, values)
    number: int | None = result.scalar()
    if number is None:
        raise UnknownGoal(workflow_id)
    event = Event(
        workflow_id=workflow_id,
        number=number,
        type=type_,
        time=datetime.now(UTC),
        data=dict(data),
    )
    transaction.connection.execute(
        _INSERT,
        {
            "workflow_id": workflow_id,
            "number": number,
            "type": type_,
            "time": event.time,
            "data": DATA.dump_json(event.data).decode(),
        },
    )
    transaction.events.append(event)
    return event
