"""The tail of a run that is followed: its latest events, read once for all of its readers."""

import asyncio
import json
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, cast

from sqlalchemy import Connection, RowMapping, bindparam, select

from perdure.models import Event, EventType, GoalStatus
from perdure.stores.database import schema
from perdure.stores.database.engine import Database
from perdure.stores.database.errors import StoreUnavailable, UnknownGoal

PAGE_SIZE: Final = 500
WINDOW_SIZE: Final = 256
READ_SECONDS: Final = 10.0
_RUNS_PER_QUERY: Final = 500

_GOALS: Final = schema.goals.c
_EVENTS: Final = schema.events.c
# One statement, so that a run's state and its events are of the same time.
_READ_AFTER: Final = (
    select(
        *(_GOALS.tenant, _GOALS.status, _GOALS.last_event),
        *(_EVENTS.number, _EVENTS.type, _EVENTS.time, _EVENTS.data),
    )
    .select_from(
        schema.goals.outerjoin(
            schema.events,
            (_EVENTS.workflow_id == _GOALS.workflow_id) & (_EVENTS.number > bindparam("number")),
        )
    )
    .where(_GOALS.workflow_id == bindparam("run"))
    .order_by(_EVENTS.number)
    .limit(PAGE_SIZE)
)
_STATES: Final = select(_GOALS.workflow_id, _GOALS.status, _GOALS.last_event).where(
    _GOALS.workflow_id.in_(bindparam("runs", expanding=True))
)
_FINAL: Final = frozenset(status.value for status in GoalStatus if status.final)


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event and its JSON, which is written once for all readers."""

    event: Event
    json: str


@dataclass(frozen=True, slots=True)
class RunState:
    """A run's status and the number of its last event, at one time."""

    status: str
    last_event: int


class RunTail:
    """The latest events of a run, for its readers.

    It keeps the last 256 events at most, however slow a reader is: one that is further behind reads
    from the database, together with all that are as far behind.

    Attributes:
        workflow_id: The run.
        readers: How many readers follow it.
        is_polled: Whether its state was polled since it was followed, or notified to have changed.
        last_event: The highest number of an event that is known to be stored.
        status: Its status when it was last read, empty if it is not known.
        tenant: Whose it is, empty until it was read from the database.
    """

    def __init__(self, database: Database, workflow_id: str) -> None:
        self.workflow_id = workflow_id
        self.readers = 0
        self.is_polled = False
        self.last_event = 0
        self.status = ""
        self.tenant = ""
        self._database = database
        self._is_deleted = False
        self._change = asyncio.Event()
        self._window: deque[StoredEvent] = deque(maxlen=WINDOW_SIZE)
        self._reads: dict[int, asyncio.Task[list[StoredEvent]]] = {}

    def has_ended(self, number: int) -> bool:
        """Return whether no event comes after the one of that number, as far as is known.

        A final event alone is no end: a run that failed may be retried. So the status in the record
        must be final too, as of the last event.
        """
        return self.status in _FINAL and number >= self.last_event

    async def wait_for_change(self) -> None:
        """Return at the next :meth:`notify`.

        Raises:
            UnknownGoal: The run's record was deleted.
        """
        await self._change.wait()
        if self._is_deleted:
            raise UnknownGoal(self.workflow_id)

    def notify(self) -> None:
        """Wake every reader that awaits :meth:`wait_for_change`."""
        change, self._change = self._change, asyncio.Event()
        change.set()

    def append(self, event: Event) -> None:
        """Add an event that this process has just stored."""
        if event.number > self.last_event:
            self.last_event = event.number
            self.status = ""  # as of this event it is not known
        self._add_to_window([_stored_event(event)])
        self.notify()

    def update(self, state: RunState | None) -> bool:
        """Set the run's state, ``None`` when it has no record; return whether it has changed."""
        self._is_deleted = state is None
        if state is not None:
            if state.last_event < self.last_event:
                return False
            if state == RunState(self.status, self.last_event):
                return False
            self.status, self.last_event = state.status, state.last_event
        self.notify()
        return True

    async def read_after(self, number: int) -> Sequence[StoredEvent]:
        """Return the events after the one of that number, 500 at most.

        Raises:
            UnknownGoal: There is no such run.
            StoreUnavailable: The database does not answer.
        """
        window = self._window
        if window and window[0].event.number <= number + 1 <= window[-1].event.number:
            return list(islice(window, number + 1 - window[0].event.number, None))
        reading = self._reads.get(number)
        if reading is None:
            reading = self._reads[number] = asyncio.create_task(self._read(number))
            reading.add_done_callback(lambda read: self._remove_read(number, read))
        # Others await the same read: a reader that is cancelled does not cancel it.
        return await asyncio.shield(reading)

    async def drain(self) -> None:
        """Wait until every read has ended."""
        await asyncio.gather(*self._reads.values(), return_exceptions=True)

    def _remove_read(self, number: int, reading: asyncio.Task[list[StoredEvent]]) -> None:
        del self._reads[number]
        if not reading.cancelled():
            reading.exception()  # retrieved: all that awaited it may have been cancelled

    async def _read(self, number: int) -> list[StoredEvent]:
        parameters = {"run": self.workflow_id, "number": number}
        try:
            async with asyncio.timeout(READ_SECONDS):
                rows = await self._database.read(
                    lambda connection: connection.execute(_READ_AFTER, parameters).mappings().all()
                )
        except TimeoutError as error:
            raise StoreUnavailable(
                f"the database {self._database.url} did not answer within {READ_SECONDS:.0f} s:"
                " see that it is up and reachable"
            ) from error
        if not rows:
            raise UnknownGoal(self.workflow_id)
        events = [
            _stored_event(_event(self.workflow_id, row))
            for row in rows
            if row["number"] is not None
        ]
        self.tenant = rows[0]["tenant"]
        self._add_to_window(events)
        # Once it is polled, the polls are newer: they come in order, and this read may be late.
        if not self.is_polled or rows[0]["last_event"] > self.last_event:
            self.update(RunState(rows[0]["status"], rows[0]["last_event"]))
        return events

    def _add_to_window(self, events: Iterable[StoredEvent]) -> None:
        window = self._window
        for stored in events:
            distance = stored.event.number - window[-1].event.number if window else 1
            if distance > 1:
                window.clear()
            if distance > 0:
                window.append(stored)


def read_states(connection: Connection, runs: Sequence[str]) -> Mapping[str, RunState]:
    """Return the state of each of some runs that has a record."""
    states = {}
    for first in range(0, len(runs), _RUNS_PER_QUERY):
        parameters = {"runs": runs[first : first + _RUNS_PER_QUERY]}
        for workflow_id, status, last_event in connection.execute(_STATES, parameters):
            states[workflow_id] = RunState(status, last_event)
    return states


def _stored_event(event: Event) -> StoredEvent:
    return StoredEvent(event, event.model_dump_json(warnings=False))


def _event(workflow_id: str, row: RowMapping) -> Event:
    # Not validated: a newer version may have stored a type that this one does not know.
    return Event.model_construct(
        workflow_id=workflow_id,
        number=row["number"],
        type=cast("EventType", row["type"]),
        time=row["time"],
        data=json.loads(row["data"]),
    )
