"""The event store: what happened in each run, append-only, numbered without a gap."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from pydantic import JsonValue, TypeAdapter
from sqlalchemy import bindparam, insert, select, update

from holdfast.agents.journal import Listener
from holdfast.models import Artifact, Event, EventType, Progress
from holdfast.stores import schema
from holdfast.stores.database import Database, Transaction
from holdfast.stores.errors import UnknownGoal

_DATA: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])

_GOALS: Final = schema.goals.c
# One statement draws a run's next number and locks the run until the event stands there.
_DRAW: Final = (
    update(schema.goals)
    .where(_GOALS.workflow_id == bindparam("run"))
    .values(last_event=_GOALS.last_event + 1)
    .returning(_GOALS.last_event)
)
_DRAW_IF_NEW: Final = _DRAW.where(_GOALS.last_told < bindparam("ordinal")).values(
    last_told=bindparam("ordinal")
)
_DRAW_FOR_PROGRESS: Final = _DRAW_IF_NEW.values(progress=bindparam("progress"))
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
            ordinal: Its place in what the agent tells, from 1; one that is not above every earlier
                one was told before and is not added.

        Returns:
            The event with its number; ``None`` when it was told before.

        Raises:
            UnknownGoal: No record of the run was opened; not checked when an ordinal is given.
        """
        return await self._database.write(
            lambda transaction: add_event(transaction, workflow_id, type_, data, ordinal)
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
                data=_DATA.validate_json(row["data"]),
            )
            for row in rows
        ]

    def listener(self, workflow_id: str) -> Listener:
        """Return what stores a run's progress and artifacts, in the order of the calls."""
        return _StoringListener(self._database, workflow_id)

    def follow(self, follower: Callable[[Event], None]) -> None:
        """Call ``follower`` with every event this process stores, after it is committed."""
        self._database.follow(follower)


class _StoringListener:
    def __init__(self, database: Database, workflow_id: str) -> None:
        self._database = database
        self._workflow_id = workflow_id
        # Parallel branches of an agent tell at the same time: were a later ordinal committed first,
        # on another connection, the earlier one would count as told before.
        self._turn = asyncio.Lock()

    async def tell(self, told: Progress | Artifact, ordinal: int) -> None:
        progress = told if isinstance(told, Progress) else None
        type_: EventType = "progress" if progress else "artifact"
        data = told.model_dump(mode="json")
        async with self._turn:
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

    A ``progress``, which needs an ordinal, becomes the run's last one in the same statement that
    draws the number.
    """
    if progress is not None:
        assert ordinal is not None
        values = {"run": workflow_id, "ordinal": ordinal, "progress": progress.model_dump_json()}
        drawn = transaction.connection.execute(_DRAW_FOR_PROGRESS, values)
    elif ordinal is not None:
        drawn = transaction.connection.execute(
            _DRAW_IF_NEW, {"run": workflow_id, "ordinal": ordinal}
        )
    else:
        drawn = transaction.connection.execute(_DRAW, {"run": workflow_id})
    number: int | None = drawn.scalar()
    if number is None:
        if ordinal is None:
            raise UnknownGoal(workflow_id)
        return None
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
            "data": _DATA.dump_json(event.data).decode(),
        },
    )
    transaction.events.append(event)
    return event
