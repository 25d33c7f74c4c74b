"""The event store: the events of each run, append-only, numbered without a gap."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from types import MappingProxyType
from typing import Final

from pydantic import JsonValue, TypeAdapter
from sqlalchemy import Connection, Row, RowMapping, bindparam, func, insert, select, update

from perdure.models import Event, EventType, Progress
from perdure.redaction import holds_api_key, without_secrets
from perdure.redis.connection import RedisConnection
from perdure.schemas.steps import PolicyDecision, RecentStep
from perdure.stores.audit.event_facts import FACTS, add_event_fact
from perdure.stores.audit.recording import new_salt
from perdure.stores.database import schema
from perdure.stores.database.engine import Database, Transaction
from perdure.stores.database.errors import UnknownGoal
from perdure.stores.database.tenancy import TenantStore
from perdure.stores.events.event_feed import EventFeed, EventReader
from perdure.stores.events.policy_decisions import policy_decisions
from perdure.stores.events.recent_steps import recent_steps
from perdure.stores.events.texts import StreamedText, open_texts, texts_of_step

DATA: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])

_NONE: Final[Mapping[str, str]] = MappingProxyType({})
_GOALS: Final = schema.goals.c
# One statement takes a run's next number and locks the run until its event is committed.
_NEXT_NUMBER: Final = (
    update(schema.goals)
    .where(_GOALS.workflow_id == bindparam("run"))
    .values(last_event=_GOALS.last_event + 1)
    .returning(_GOALS.last_event)
)
# With what the audit trail needs to know of the run.
_NEXT_AUDITED_NUMBER: Final = (
    update(schema.goals)
    .where(_GOALS.workflow_id == bindparam("run"))
    .values(
        last_event=_GOALS.last_event + 1,
        audit_salt=func.coalesce(_GOALS.audit_salt, bindparam("salt")),
    )
    .returning(_GOALS.last_event, _GOALS.tenant, _GOALS.audit_salt)
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


class EventStore(TenantStore):
    """The events of all runs: appends, reads and follows them."""

    def __init__(self, database: Database, redis: RedisConnection | None = None) -> None:
        super().__init__(database)
        self._redis = redis
        self._all = self

    @cached_property
    def feed(self) -> EventFeed:
        """The feed that serves every reader in this process, of whatever tenant."""
        return EventFeed(self._database, self._redis) if self._all is self else self._all.feed

    @contextmanager
    def reader(self, workflow_id: str, after: int = 0) -> Iterator[EventReader]:
        """Return a reader of a run's events, which ends with the block; see :meth:`follow`.

        Args:
            workflow_id: The run.
            after: The number of the last event that the reader has already.
        """
        with self.feed.follow(workflow_id, after, self._tenancy) as reader:
            yield reader

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

        def append(transaction: Transaction) -> Event:
            self._tenancy.check_run(transaction.connection, workflow_id)
            return add_event(transaction, workflow_id, type_, data)

        return await self._database.write(append)

    async def after(self, workflow_id: str, number: int, limit: int = 500) -> list[Event]:
        """Return the events of a run after the one of that number, in order.

        Raises:
            UnknownGoal: It is another tenant's.
        """
        parameters = {"run": workflow_id, "number": number, "limit": limit}

        def fetch(connection: Connection) -> Sequence[RowMapping]:
            self._tenancy.check_run(connection, workflow_id)
            return connection.execute(_AFTER, parameters).mappings().all()

        rows = await self._database.read(fetch)
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

    async def recent_steps(self, workflow_id: str) -> list[RecentStep]:
        """Return the last ten steps of a run, the oldest first.

        Raises:
            UnknownGoal: It is another tenant's.
        """

        def fetch(connection: Connection) -> list[RecentStep]:
            self._tenancy.check_run(connection, workflow_id)
            return recent_steps(connection, workflow_id)

        return await self._database.read(fetch)

    async def policy_decisions(self, workflow_id: str) -> list[PolicyDecision]:
        """Return the last twenty decisions of the policy on a run, the oldest first.

        Raises:
            UnknownGoal: It is another tenant's.
        """

        def fetch(connection: Connection) -> list[PolicyDecision]:
            self._tenancy.check_run(connection, workflow_id)
            return policy_decisions(connection, workflow_id)

        return await self._database.read(fetch)

    async def texts_of_step(self, workflow_id: str, key: str) -> list[StreamedText]:
        """Return the texts that a step of a run made; see :func:`.texts_of_step`."""

        def read(connection: Connection) -> list[StreamedText]:
            self._tenancy.check_run(connection, workflow_id)
            return texts_of_step(connection, workflow_id, key)

        return await self._database.read(read)

    async def open_texts(self, workflow_id: str, until: int) -> list[StreamedText]:
        """Return the texts of a run that are being written; see :func:`.open_texts`."""

        def read(connection: Connection) -> list[StreamedText]:
            self._tenancy.check_run(connection, workflow_id)
            return open_texts(connection, workflow_id, until)

        return await self._database.read(read)

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
        with self.reader(workflow_id, after) as reader:
            while stored_events := await reader.next():
                for stored in stored_events:
                    yield stored.event

    def subscribe(self, subscriber: Callable[[Event], None]) -> None:
        """Call ``subscriber`` with every event this process stores, after it is committed.

        Of whatever tenant: it serves observers, never callers.
        """
        self._database.subscribe(subscriber)


def add_event(
    transaction: Transaction,
    workflow_id: str,
    type_: EventType,
    data: Mapping[str, JsonValue],
    progress: Progress | None = None,
    *,
    words: Mapping[str, str] = _NONE,
) -> Event:
    """Add an event within a transaction; see :meth:`EventStore.append`.

    A ``progress`` is stored in the run's record too, by the statement that takes the number. Of the
    ``words``, which are no part of the event, the audit trail keeps digests.
    """
    audited: Row[tuple[int, str, str]] | None = None
    if transaction.is_audited and type_ in FACTS:
        values = {"run": workflow_id, "salt": new_salt()}
        audited = transaction.connection.execute(_NEXT_AUDITED_NUMBER, values).first()
        number = audited.last_event if audited else None
    elif progress is None:
        number = transaction.connection.execute(_NEXT_NUMBER, {"run": workflow_id}).scalar()
    else:
        values = {"run": workflow_id, "progress": progress.model_dump_json()}
        number = transaction.connection.execute(_NEXT_NUMBER_FOR_PROGRESS, values).scalar()
    if number is None:
        raise UnknownGoal(workflow_id)
    text = DATA.dump_json(dict(data)).decode()
    if holds_api_key(text):  # as the name of a signal may, or what somebody votes
        text = without_secrets(text, ())
        data = DATA.validate_json(text)
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
            "data": text,
        },
    )
    if audited is not None:
        add_event_fact(transaction, event, audited.tenant, audited.audit_salt, words)
    transaction.events.append(event)
    return event
