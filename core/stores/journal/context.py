"""The context store: the journal of each run's finished steps."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import (
    Connection,
    Executable,
    bindparam,
    case,
    delete,
    func,
    select,
)

from perdure.agents.steps.errors import BudgetExceeded
from perdure.agents.steps.journal import StepOutcome
from perdure.agents.steps.keys import StepKey, stream_of
from perdure.stores.database import schema
from perdure.stores.database.engine import Database, Transaction
from perdure.stores.database.fencing import Claim
from perdure.stores.database.retry import with_retries
from perdure.stores.journal.steps import Recording, named, outcome_in, step_row, this_step
from perdure.stores.spending.run_totals import steps_and_seconds, totals_row, totals_upsert

# A larger value stays in the database until its step is asked for: a pass over a long journal then
# costs neither the memory nor the time of what it may not need.
VALUE_CHARACTERS: Final = 16_384

_STEPS: Final = schema.steps.c
_LOAD: Final = select(
    _STEPS.name,
    _STEPS.digest,
    _STEPS.occurrence,
    case((func.length(_STEPS.value) <= VALUE_CHARACTERS, _STEPS.value)).label("value"),
    _STEPS.failure,
    _STEPS.seconds,
    _STEPS.usage,
).where(_STEPS.workflow_id == bindparam("run"))
_THIS: Final = this_step(schema.steps)
_VALUE: Final = select(_STEPS.value).where(_THIS)
_WITHDRAW: Final = delete(schema.steps).where(_THIS, _STEPS.failure.is_not(None))
_FORGET_INTENT: Final = delete(schema.intents).where(this_step(schema.intents))
_STREAM: Final = schema.streams.c.stream
_CLOSE_STREAMS: Final = delete(schema.streams).where(
    schema.streams.c.workflow_id == bindparam("run"),
    # Not LIKE: the name of a step may hold its wildcards.
    (bindparam("stream") == _STREAM)
    | (func.substr(_STREAM, 1, bindparam("length")) == bindparam("tries")),
)


class ContextStore:
    """Journals of runs."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._statements = _Statements(
            Recording(database),
            database.insert(schema.intents)
            .on_conflict_do_nothing()
            .returning(schema.intents.c.name),
            totals_upsert(database),
        )

    def journal(
        self, claim: Claim, before_recording: Callable[[], Awaitable[None]] | None = None
    ) -> "StoredJournal":
        """Return the journal of a run for one execution.

        A step that is recorded twice keeps its first answer and is told once.

        Args:
            claim: The execution's claim; each write is refused once another one holds the run.
            before_recording: Awaited before a step is recorded, so that what the step told stands
                before its end.
        """
        return StoredJournal(self._database, claim, self._statements, before_recording)


class _Statements:
    def __init__(self, recording: Recording, intend: Executable, add_totals: Executable) -> None:
        self.recording = recording
        self.intend = intend
        self.add_totals = add_totals


class StoredJournal:
    """The journal of a run, for one execution; a :class:`~perdure.agents.steps.journal.Journal`."""

    def __init__(
        self,
        database: Database,
        claim: Claim,
        statements: _Statements,
        before_recording: Callable[[], Awaitable[None]] | None,
    ) -> None:
        self._database = database
        self._claim = claim
        self._statements = statements
        self._before_recording = before_recording
        self._mark = time.monotonic()
        # Steps that are being done, while the budget says how many there may be.
        self._under_way: set[StepKey] = set()
        self._counting = asyncio.Lock()

    async def load(self) -> Mapping[StepKey, StepOutcome]:
        """Return every finished step; large values are left out."""
        asked = {"run": self._claim.workflow_id}
        rows = await with_retries(
            lambda: self._database.read(lambda found: found.execute(_LOAD, asked).mappings().all())
        )
        return {
            StepKey(row["name"], row["digest"], row["occurrence"]): outcome_in(row) for row in rows
        }

    async def value(self, key: StepKey) -> str:
        """Return the value of a finished step."""
        asked = named(self._claim.workflow_id, key)
        value: str = await with_retries(
            lambda: self._database.read(lambda found: found.execute(_VALUE, asked).scalar_one())
        )
        return value

    async def begin(self, key: StepKey, *, once: bool) -> bool:
        """See that this execution may do a step, and note that a ``once`` step begins."""
        budget = self._claim.budget
        if budget is None or budget.steps is None:
            return await self._begin(key, once=once)
        # One after the other, so that of many at once no more begin than there is room for.
        async with self._counting:
            unknown = await self._begin(key, once=once)
            self._under_way.add(key)
        return unknown

    async def _begin(self, key: StepKey, *, once: bool) -> bool:
        if not once:
            await with_retries(lambda: self._database.read(self._may_begin))
            return False
        row = step_row(self._claim.workflow_id, key) | {"begun_at": datetime.now(UTC)}

        def intend(transaction: Transaction) -> bool:
            self._claim.check(transaction)
            self._may_begin(transaction.connection)
            return transaction.connection.execute(self._statements.intend, row).first() is None

        return await with_retries(lambda: self._database.write(intend))

    async def check(self) -> None:
        """See that this execution still holds the run."""
        await with_retries(lambda: self._database.read(self._claim.check_without_lock))

    async def record(self, key: StepKey, outcome: StepOutcome) -> None:
        """Keep a finished step, tell the run's readers, and count it."""
        if self._before_recording is not None:
            await self._before_recording()
        run, stream = self._claim.workflow_id, stream_of(key)
        totals = totals_row(run, self._claim.root, steps=1, seconds=self.worked())

        def write(transaction: Transaction) -> None:
            self._claim.check(transaction)
            now = datetime.now(UTC)
            # A step that is in the journal was told and counted when it came there.
            if not self._statements.recording.record(transaction, run, key, outcome, now):
                return
            tries = f"{stream}."
            streams = {"run": run, "stream": stream, "tries": tries, "length": len(tries)}
            transaction.connection.execute(_CLOSE_STREAMS, streams)
            transaction.connection.execute(self._statements.add_totals, totals)

        async with self._counting if self._under_way else nullcontext():
            await with_retries(lambda: self._database.write(write))
            self._under_way.discard(key)

    async def withdraw(self, key: StepKey) -> None:
        """Forget a failed step."""

        def forget(transaction: Transaction) -> None:
            self._claim.check(transaction)
            asked = named(self._claim.workflow_id, key)
            transaction.connection.execute(_WITHDRAW, asked)
            # That it failed is an outcome that is known.
            transaction.connection.execute(_FORGET_INTENT, asked)

        await with_retries(lambda: self._database.write(forget))

    def worked(self) -> float:
        """Return the seconds at work since this was last asked."""
        before, self._mark = self._mark, time.monotonic()
        return self._mark - before

    def _may_begin(self, connection: Connection) -> None:
        self._claim.check_without_lock(connection)
        budget = self._claim.budget
        if budget is None or (budget.steps is None and budget.seconds is None):
            return
        steps, seconds = steps_and_seconds(connection, self._claim.root)
        if budget.steps is not None and steps + len(self._under_way) >= budget.steps:
            raise BudgetExceeded(
                f"the goal has done {steps + len(self._under_way)} steps, those under way included,"
                " which is all its budget allows: hand it in again with a larger one"
            )
        if budget.seconds is not None and seconds >= budget.seconds:
            raise BudgetExceeded(
                f"the goal was at work for {seconds:.0f} seconds, which is all its budget allows:"
                " hand it in again with a larger one"
            )
