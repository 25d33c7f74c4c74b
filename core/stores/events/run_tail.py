"""A run that is followed: its latest events, read once and held for all of its readers."""

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

PAGE: Final = 500
WINDOW: Final = 256
READ_SECONDS: Final = 10.0
_RUNS_AT_ONCE: Final = 500

_GOALS: Final = schema.goals.c
_EVENTS: Final = schema.events.c
# One statement, so that a run's state and its events are of the same moment.
_READ: Final = (
    select(
        *(_GOALS.status, _GOALS.last_event),
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
    .limit(PAGE)
)
_STATES: Final = select(_GOALS.workflow_id, _GOALS.status, _GOALS.last_event).where(
    _GOALS.workflow_id.in_(bindparam("runs", expanding=True))
)
_FINAL: Final = frozenset(status.value for status in GoalStatus if status.final)


@dataclass(frozen=True, slots=True)
class Told:
    """An event and its JSON, which is made once however many read it."""

    event: Event
    json: str


@dataclass(frozen=True, slots=True)
class State:
    """Where a run stood at one moment: its status, and the number of its last event."""

    status: str
    last_event: int


class RunTail:
    """A run that somebody follows.

    It holds the last 256 events at most, however slow a reader is: one who is further behind reads
    from the store, together with all who are as far behind.

    Attributes:
        workflow_id: The run.
        readers: How many follow it.
        looked_at: Whether its state was asked for since it is watched.
        last_event: The highest number known to be in the store.
        status: Its status when it was last seen, empty before.
    """

    def __init__(self, database: Database, workflow_id: str) -> None:
        self.workflow_id = workflow_id
        self.readers = 0
        self.looked_at = False
        self.last_event = 0
        self.status = ""
        self._database = database
        self._gone = False
        self._moved = asyncio.Event()
        self._window: deque[Told] = deque(maxlen=WINDOW)
        self._reads: dict[int, asyncio.Task[list[Told]]] = {}

    def has_ended(self, number: int) -> bool:
        """Return whether nothing follows the event of that number, as far as is known.

        A final event alone is no end: a run that failed may be taken up again. So the record must
        be final as of the last event there is.
        """
        return self.status in _FINAL and number >= self.last_event

    async def moved(self) -> None:
        """Return when there is news since this was called.

        Raises:
            UnknownGoal: The run is on record no more.
        """
        await self._moved.wait()
        if self._gone:
            raise UnknownGoal(self.workflow_id)

    def wake(self) -> None:
        """Let everybody who awaits :meth:`moved` go on."""
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    def hear(self, event: Event) -> None:
        """Take an event that this process has just stored."""
        if event.number > self.last_event:
            self.last_event = event.number
            self.status = ""  # as of this event it is not known
        self._keep([_told(event)])
        self.wake()

    def see(self, state: State | None) -> bool:
        """Take the run's state, ``None`` when there is no record of it; return whether it moved."""
        self._gone = state is None
        if state is not None:
            if state.last_event < self.last_event:
                return False
            if state == State(self.status, self.last_event):
                return False
            self.status, self.last_event = state.status, state.last_event
        self.wake()
        return True

    async def after(self, number: int) -> Sequence[Told]:
        """Return the events that follow ``number``, 500 at most.

        Raises:
            UnknownGoal: There is no such run.
            StoreUnavailable: The store does not answer.
        """
        window = self._window
        if window and window[0].event.number <= number + 1 <= window[-1].event.number:
            return list(islice(window, number + 1 - window[0].event.number, None))
        reading = self._reads.get(number)
        if reading is None:
            reading = self._reads[number] = asyncio.create_task(self._read(number))
            reading.add_done_callback(lambda read: self._forget(number, read))
        # Others wait for the same: who goes away does not take it along.
        return await asyncio.shield(reading)

    async def stop(self) -> None:
        """Wait until nothing is read any more."""
        await asyncio.gather(*self._reads.values(), return_exceptions=True)

    def _forget(self, number: int, reading: asyncio.Task[list[Told]]) -> None:
        del self._reads[number]
        if not reading.cancelled():
            reading.exception()  # seen: those who had asked may all have gone

    async def _read(self, number: int) -> list[Told]:
        asked = {"run": self.workflow_id, "number": number}
        try:
            async with asyncio.timeout(READ_SECONDS):
                rows = await self._database.read(
                    lambda found: found.execute(_READ, asked).mappings().all()
                )
        except TimeoutError as error:
            raise StoreUnavailable(
                f"the database {self._database.url} did not answer within {READ_SECONDS:.0f} s:"
                " see that it is up and reachable"
            ) from error
        if not rows:
            raise UnknownGoal(self.workflow_id)
        told = [_told(_event(self.workflow_id, row)) for row in rows if row["number"] is not None]
        self._keep(told)
        # Once it is looked at, the looks know better: they come in order, and this may be late.
        if not self.looked_at or rows[0]["last_event"] > self.last_event:
            self.see(State(rows[0]["status"], rows[0]["last_event"]))
        return told

    def _keep(self, told: Iterable[Told]) -> None:
        window = self._window
        for item in told:
            step = item.event.number - window[-1].event.number if window else 1
            if step > 1:
                window.clear()
            if step > 0:
                window.append(item)


def read_states(connection: Connection, runs: Sequence[str]) -> Mapping[str, State]:
    """Return the state of each of some runs that is on record."""
    states = {}
    for first in range(0, len(runs), _RUNS_AT_ONCE):
        asked = {"runs": runs[first : first + _RUNS_AT_ONCE]}
        for workflow_id, status, last_event in connection.execute(_STATES, asked):
            states[workflow_id] = State(status, last_event)
    return states


def _told(event: Event) -> Told:
    return Told(event, event.model_dump_json(warnings=False))


def _event(workflow_id: str, row: RowMapping) -> Event:
    # Not checked: a newer version may have stored a type that this one does not know.
    return Event.model_construct(
        workflow_id=workflow_id,
        number=row["number"],
        type=cast("EventType", row["type"]),
        time=row["time"],
        data=json.loads(row["data"]),
    )
