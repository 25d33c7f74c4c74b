"""The event store: what happened in each run, append-only, numbered without a gap."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from pydantic import JsonValue, TypeAdapter
from sqlalchemy import bindparam, insert, select, update

from perdure.models import Event, EventType, Progress
from perdure.stores.database import schema
from perdure.stores.database.engine import Database, Transaction
from perdure.stores.database.errors import UnknownGoal

DATA: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])

_GOALS: Final = schema.goals.c
# One statement draws a run's next number and locks the run until the event stands there.
_DRAW: Final = (
    update(schema.goals)
    .where(_GOALS.workflow_id == bindparam("run"))
    .values(last_event=_GOALS.last_event + 1)
    .returning(_GOALS.last_event)
)
_DRAW_FOR_PROGRESS: Final = _DRAW.values(progress=bindparam("progress"))
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
    """Events of runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(
        self, workflow_id: str, type_: EventType, data: Mapping[str, JsonValue]
    ) -> Event:
        """Add an event to a run whose record is open.

        Args:
            workflow_id: The run.
            type_: What happened.
            data: The details.

        Returns:
            The event with its number.

        Raises:
            UnknownGoal: No record of the run was opened.
        """
        return await self._database.write(
            lambda transaction: add_event(transaction, workflow_id, type_, data)
        )

    async def after(self, workflow_id: str, number: int, limit: int = 500) -> list[Event]:
        """Return the events of a run that follow ``number``, in order."""
        asked = {"run": workflow_id, "number": number, "limit": limit}
        rows = await self._database.read(
            lambda found: found.execute(_AFTER, asked).mappings().all()
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

    def follow(self, follower: Callable[[Event], None]) -> None:
        """Call ``follower`` with every event this process stores, after it is committed."""
        self._database.follow(follower)


def add_event(
    transaction: Transaction,
    workflow_id: str,
    type_: EventType,
    data: Mapping[str, JsonValue],
    progress: Progress | None = None,
) -> Event:
    """Add an event within a transaction; see :meth:`EventStore.append`.

    A ``progress`` becomes the run's last one in the same statement that draws the number.
    """
    if progress is None:
        drawn = transaction.connection.execute(_DRAW, {"run": workflow_id})
    else:
        values = {"run": workflow_id, "progress": progress.model_dump_json()}
        drawn = transaction.connection.execute(_DRAW_FOR_PROGRESS, values)
    number: int | None = drawn.scalar()
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
