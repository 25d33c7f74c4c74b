"""The callback store: to which URL a run's events are posted, and which of them were."""

import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import bindparam, case, delete, null, select, update

from perdure.models import Event, GoalStatus
from perdure.models.callbacks import CALLBACK_EVENTS, DueCallback
from perdure.stores.database import schema
from perdure.stores.database.columns import UtcDateTime
from perdure.stores.database.engine import Database, Transaction

_CALLBACKS: Final = schema.callbacks.c
_GOALS: Final = schema.goals.c
_EVENTS: Final = schema.events.c
_MOST_EVENTS: Final = 100
# A run that waits has asked, if it asks; one that works is looked at when it does either again.
_STATUSES: Final = tuple(
    status.value for status in GoalStatus if status.final or status is GoalStatus.WAITING
)
_DUE: Final = (
    select(
        *(_CALLBACKS.workflow_id, _CALLBACKS.url, _CALLBACKS.attempts, _CALLBACKS.due_at),
        *(_GOALS.goal_id, _GOALS.agent_type, _GOALS.tenant),
        *(_EVENTS.number, _EVENTS.type, _EVENTS.time, _EVENTS.data),
    )
    .select_from(schema.callbacks)
    .join(schema.goals, _GOALS.workflow_id == _CALLBACKS.workflow_id)
    .join(schema.events, _EVENTS.workflow_id == _CALLBACKS.workflow_id)
    .where(
        _CALLBACKS.over_at.is_(None),
        _CALLBACKS.due_at <= bindparam("now"),
        _GOALS.status.in_(_STATUSES),
        _EVENTS.number > _CALLBACKS.number,
        _EVENTS.type.in_(CALLBACK_EVENTS),
    )
    .order_by(_CALLBACKS.due_at, _CALLBACKS.workflow_id, _EVENTS.number)
    .limit(_MOST_EVENTS)
)
_OF_RUN: Final = _CALLBACKS.workflow_id == bindparam("run")
_HAS_ENDED: Final = (
    select(_GOALS.workflow_id)
    .where(_GOALS.workflow_id == _CALLBACKS.workflow_id, _GOALS.ended_at.is_not(None))
    .exists()
)
_LEASE: Final = (
    update(schema.callbacks)
    .where(_OF_RUN, _CALLBACKS.due_at == bindparam("was"), _CALLBACKS.over_at.is_(None))
    .values(due_at=bindparam("until"))
)
_POSTED: Final = (
    update(schema.callbacks).where(_OF_RUN).values(number=bindparam("last"), attempts=0)
)
_NOW: Final = bindparam("now", type_=UtcDateTime())
_RELEASED: Final = (
    update(schema.callbacks)
    .where(_OF_RUN)
    .values(
        due_at=_NOW,
        # Of a run that has been retried meanwhile more is to come.
        over_at=case((_HAS_ENDED, _NOW), else_=null()),
    )
)
_FAILED: Final = (
    update(schema.callbacks)
    .where(_OF_RUN)
    .values(attempts=_CALLBACKS.attempts + 1, due_at=bindparam("at"))
)
_DELETE: Final = delete(schema.callbacks).where(_OF_RUN)


class CallbackStore:
    """The callbacks of runs; the events that they are about are in the event log already."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._insert = database.insert(schema.callbacks).on_conflict_do_nothing()

    async def add(self, workflow_id: str, url: str) -> None:
        """Store to which URL a run's events are to be posted, before the run is started.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        row = {"workflow_id": workflow_id, "url": url, "due_at": datetime.now(UTC)}
        await self._database.write(
            lambda transaction: transaction.connection.execute(self._insert, row)
        )

    async def remove(self, workflow_id: str) -> None:
        """Remove the callback of a run that could not be started.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        await self._database.write(
            lambda transaction: transaction.connection.execute(_DELETE, {"run": workflow_id})
        )

    async def due(self, lease: timedelta) -> list[DueCallback]:
        """Return what is to be posted now, which nobody else gets as long as the lease lasts.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        now = datetime.now(UTC)
        rows = await self._database.read(
            lambda connection: connection.execute(_DUE, {"now": now}).all()
        )
        if not rows:
            return []
        events: defaultdict[str, list[Event]] = defaultdict(list)
        for row in rows:
            data = json.loads(row.data)
            events[row.workflow_id].append(
                Event(
                    workflow_id=row.workflow_id,
                    number=row.number,
                    type=row.type,
                    time=row.time,
                    data=data,
                )
            )
        first = {row.workflow_id: row for row in reversed(rows)}

        def take(transaction: Transaction) -> list[str]:
            taken = []
            for workflow_id, row in first.items():
                parameters = {"run": workflow_id, "was": row.due_at, "until": now + lease}
                if transaction.connection.execute(_LEASE, parameters).rowcount:
                    taken.append(workflow_id)
            return taken

        return [
            DueCallback(
                workflow_id=workflow_id,
                url=first[workflow_id].url,
                goal_id=first[workflow_id].goal_id,
                agent_type=first[workflow_id].agent_type,
                tenant=first[workflow_id].tenant,
                attempts=first[workflow_id].attempts,
                events=tuple(events[workflow_id]),
            )
            for workflow_id in await self._database.write(take)
        ]

    async def posted(self, workflow_id: str, number: int) -> None:
        """Store that a run's events up to a number were posted, or given up.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        values = {"run": workflow_id, "last": number}
        await self._database.write(
            lambda transaction: transaction.connection.execute(_POSTED, values)
        )

    async def release(self, workflow_id: str) -> None:
        """End the lease; of a run that has ended, no more is looked for unless it is retried.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        values = {"run": workflow_id, "now": datetime.now(UTC)}
        await self._database.write(
            lambda transaction: transaction.connection.execute(_RELEASED, values)
        )

    async def failed(self, workflow_id: str, again_in: timedelta) -> None:
        """Store that a run's next event could not be posted, and when to try again.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        values = {"run": workflow_id, "at": datetime.now(UTC) + again_in}
        await self._database.write(
            lambda transaction: transaction.connection.execute(_FAILED, values)
        )
