"""The event store: what happened in each run, append-only, numbered without a gap."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from holdfast.agents.journal import Listener
from holdfast.models import Artifact, Event, EventType, Progress
from holdfast.stores import schema
from holdfast.stores.database import Database, Transaction
from pydantic import JsonValue, TypeAdapter
from sqlalchemy import insert, select, update

_DATA: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])


class EventStore:
    """Events of runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(
        self,
        workflow_id: str,
        type_: EventType,
        data: Mapping[str, JsonValue],
        ordinal: int | None = None,
    ) -> Event | None:
        """Add an event to a run whose record is open.

        Args:
            workflow_id: The run.
            type_: What happened.
            data: The details.
            ordinal: Its place in what the agent tells; one that was told before is not added.

        Returns:
            The event with its number; ``None`` when it was told before or the run is unknown.
        """
        return await self._database.write(
            lambda transaction: add_event(transaction, workflow_id, type_, data, ordinal)
        )

    async def after(self, workflow_id: str, number: int, limit: int = 500) -> list[Event]:
        """Return the events of a run that follow ``number``, in order."""
        query = (
            select(schema.events)
            .where(schema.events.c.workflow_id == workflow_id, schema.events.c.number > number)
            .order_by(schema.events.c.number)
            .limit(limit)
        )
        rows = await self._database.read(lambda found: found.execute(query).mappings().all())
        return [
            Event(
                workflow_id=workflow_id,
                number=row["number"],
                type=row["type"],
                time=row["time"],
                data=_DATA.validate_json(row["data"]),
            )
            for row in rows
        ]

    def listener(self, workflow_id: str) -> Listener:
        """Return what stores a run's progress and artifacts as events."""
        return _StoringListener(self._database, workflow_id)

    def follow(self, follower: Callable[[Event], None]) -> None:
        """Call ``follower`` with every event this process stores, after it is committed."""
        self._database.follow(follower)


class _StoringListener:
    def __init__(self, database: Database, workflow_id: str) -> None:
        self._database = database
        self._workflow_id = workflow_id

    async def tell(self, told: Progress | Artifact, ordinal: int) -> None:
        progress = told if isinstance(told, Progress) else None
        type_: EventType = "progress" if progress else "artifact"
        data = told.model_dump(mode="json")
        await self._database.write(
            lambda transaction: add_event(
                transaction, self._workflow_id, type_, data, ordinal, progress
            )
        )


def add_event(
    transaction: Transaction,
    workflow_id: str,
    type_: EventType,
    data: Mapping[str, JsonValue],
    ordinal: int | None = None,
    progress: Progress | None = None,
) -> Event | None:
    """Add an event within a transaction; see :meth:`EventStore.append`.

    A ``progress`` becomes the run's last one, in the same statement that draws the number.
    """
    goals = schema.goals
    draw = (
        update(goals)
        .where(goals.c.workflow_id == workflow_id)
        .values(last_event=goals.c.last_event + 1)
        .returning(goals.c.last_event)
    )
    if ordinal is not None:
        draw = draw.where(goals.c.last_told < ordinal).values(last_told=ordinal)
    if progress is not None:
        draw = draw.values(progress=progress.model_dump_json())
    number: int | None = transaction.connection.execute(draw).scalar()
    if number is None:
        return None
    event = Event(
        workflow_id=workflow_id,
        number=number,
        type=type_,
        time=datetime.now(UTC),
        data=dict(data),
    )
    transaction.connection.execute(
        insert(schema.events).values(
            workflow_id=workflow_id,
            number=number,
            type=type_,
            time=event.time,
            data=_DATA.dump_json(event.data).decode(),
        )
    )
    transaction.events.append(event)
    return event
