"""The context store: the finished steps of each run, which its next execution finds again."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from pydantic import JsonValue
from sqlalchemy import (
    Connection,
    Executable,
    bindparam,
    case,
    delete,
    func,
    null,
    select,
    update,
)

from perdure.agents.steps.errors import BudgetExceeded
from perdure.agents.steps.journal import StepOutcome
from perdure.agents.steps.keys import StepKey, stream_of
from perdure.stores.database import schema
from perdure.stores.database.engine import Database, Transaction
from perdure.stores.database.fencing import Claim
from perdure.stores.database.retry import with_retries
from perdure.stores.database.tenancy import TenantStore
from perdure.stores.journal.large_values import LargeValues
from perdure.stores.journal.steps import (
    StepRecorder,
    is_step,
    step_outcome,
    step_parameters,
    step_row,
)
from perdure.stores.objects.content_store import ContentStore
from perdure.stores.spending.run_totals import steps_and_seconds, totals_row, totals_upsert

# A larger value is read from the database only when its step is awaited: an execution of a run with
# a long journal then needs neither the memory nor the time for values that it may never use.
MAX_VALUE_CHARACTERS: Final = 16_384

_STEPS: Final = schema.steps.c
_LOAD: Final = select(
    _STEPS.name,
    _STEPS.digest,
    _STEPS.occurrence,
    case(
        (_STEPS.content.is_not(None), null()),
        (func.length(_STEPS.value) <= MAX_VALUE_CHARACTERS, _STEPS.value),
    ).label("value"),
    _STEPS.failure,
    _STEPS.seconds,
    _STEPS.usage,
).where(_STEPS.workflow_id == bindparam("run"))
_IS_STEP: Final = is_step(schema.steps)
_SELECT_VALUE: Final = select(_STEPS.value, _STEPS.content).where(_IS_STEP)
_WITHDRAW: Final = delete(schema.steps).where(_IS_STEP, _STEPS.failure.is_not(None))
_DELETE_INTENT: Final = delete(schema.intents).where(is_step(schema.intents))
_UNSETTLE: Final = (
    update(schema.intents)
    .where(is_step(schema.intents), schema.intents.c.settled_by.is_not(None))
    .values(settled_by=null())
)
_DELETE: Final = delete(schema.steps).where(_IS_STEP)
_STREAM: Final = schema.streams.c.stream
_CLOSE_STREAMS: Final = delete(schema.streams).where(
    schema.streams.c.workflow_id == bindparam("run"),
    # Not LIKE: the name of a step may have its wildcards.
    (bindparam("stream") == _STREAM)
    | (func.substr(_STREAM, 1, bindparam("length")) == bindparam("prefix")),
)


class ContextStore(TenantStore):
    """Gives each execution the journal of its run; its claim says which."""

    def __init__(self, database: Database, contents: ContentStore) -> None:
        super().__init__(database)
        self._large_values = LargeValues(contents)
        self._statements = _Statements(
            StepRecorder(database),
            database.insert(schema.intents)
            .on_conflict_do_nothing()
            .returning(schema.intents.c.name),
            totals_upsert(database),
        )

    def journal(
        self, claim: Claim, before_recording: Callable[[], Awaitable[None]] | None = None
    ) -> "StoredJournal":
        """Return the journal of a run for one execution.

        A step that is recorded twice keeps its first outcome and has one event.

        Args:
            claim: The execution's claim; each write is refused once a later one has the claim.
            before_recording: Awaited before a step is recorded, so that the events of the step come
                before the one of its end.
        """
        return StoredJournal(
            self._database, claim, self._statements, self._large_values, before_recording
        )


@dataclass(frozen=True, slots=True)
class _Statements:
    recorder: StepRecorder
    insert_intent: Executable
    add_totals: Executable


class StoredJournal:
    """The journal of a run, for one execution; a :class:`~perdure.agents.steps.journal.Journal`."""

    def __init__(
        self,
        database: Database,
        claim: Claim,
        statements: _Statements,
        large_values: LargeValues,
        before_recording: Callable[[], Awaitable[None]] | None,
    ) -> None:
        self._database = database
        self._claim = claim
        self._statements = statements
        self._large_values = large_values
        self._before_recording = before_recording
        self._measured_at = time.monotonic()
        # Steps that are executing, while the budget limits their number.
        self._executing: set[StepKey] = set()
        self._budget_lock = asyncio.Lock()

    async def load(self) -> Mapping[StepKey, StepOutcome]:
        """Return every finished step, without large values."""
        parameters = {"run": self._claim.workflow_id}
        rows = await with_retries(
            lambda: self._database.read(
                lambda connection: connection.execute(_LOAD, parameters).mappings().all()
            )
        )
        return {
            StepKey(row["name"], row["digest"], row["occurrence"]): step_outcome(row)
            for row in rows
        }

    async def value(self, key: StepKey) -> str:
        """Return the value of a finished step.

        Raises:
            PermanentError: It lies in object storage, and is not there or not what was stored.
        """
        parameters = step_parameters(self._claim.workflow_id, key)
        row = await with_retries(
            lambda: self._database.read(
                lambda connection: connection.execute(_SELECT_VALUE, parameters).one()
            )
        )
        if row.content is not None:
            return await self._large_values.read(key, row.content)
        value: str = row.value
        return value

    async def begin(self, key: StepKey, *, once: bool) -> bool:
        """Check that this execution may execute a step; store that a ``once`` step starts."""
        budget = self._claim.budget
        if budget is None or budget.steps is None:
            return await self._begin(key, once=once)
        # One at a time, so that of many concurrent steps no more start than the budget allows.
        async with self._budget_lock:
            unknown = await self._begin(key, once=once)
            self._executing.add(key)
        return unknown

    async def _begin(self, key: StepKey, *, once: bool) -> bool:
        if not once:
            await with_retries(lambda: self._database.read(self._check_may_begin))
            return False
        row = step_row(self._claim.workflow_id, key)
        row |= {"begun_at": datetime.now(UTC), "number": key.number}

        def insert_intent(transaction: Transaction) -> bool:
            self._claim.check(transaction)
            self._check_may_begin(transaction.connection)
            return (
                transaction.connection.execute(self._statements.insert_intent, row).first() is None
            )

        return await with_retries(lambda: self._database.write(insert_intent))

    async def check(self) -> None:
        """Check that this execution still has the run's claim."""
        await with_retries(lambda: self._database.read(self._claim.check_without_lock))

    async def record(self, key: StepKey, outcome: StepOutcome) -> None:
        """Store a finished step, add its event, and count it."""
        if self._before_recording is not None:
            await self._before_recording()
        large = await self._large_values.store(outcome.value)
        run, stream = self._claim.workflow_id, stream_of(key)
        totals = totals_row(run, self._claim.root, steps=1, seconds=self.take_elapsed())

        def record_once(transaction: Transaction) -> None:
            self._claim.check(transaction)
            now = datetime.now(UTC)
            # A step that is in the journal already has its event and was counted.
            if not self._statements.recorder.record(transaction, run, key, outcome, now, large):
                return
            prefix = f"{stream}."
            streams = {"run": run, "stream": stream, "prefix": prefix, "length": len(prefix)}
            transaction.connection.execute(_CLOSE_STREAMS, streams)
            transaction.connection.execute(self._statements.add_totals, totals)

        async with self._budget_lock if self._executing else nullcontext():
            await with_retries(lambda: self._database.write(record_once))
            self._executing.discard(key)

    async def record_decision(self, key: StepKey, data: Mapping[str, JsonValue] | None) -> None:
        """Store a decision of the policy, and its event; it is not counted as a step."""
        if self._before_recording is not None:
            await self._before_recording()

        def record_once(transaction: Transaction) -> None:
            self._claim.check(transaction)
            run, now = self._claim.workflow_id, datetime.now(UTC)
            self._statements.recorder.record_decision(transaction, run, key, data, now)

        await with_retries(lambda: self._database.write(record_once))

    async def withdraw(self, key: StepKey) -> None:
        """Delete a failed step."""

        def delete_step(transaction: Transaction) -> None:
            self._claim.check(transaction)
            parameters = step_parameters(self._claim.workflow_id, key)
            transaction.connection.execute(_WITHDRAW, parameters)
            # A failure is a known outcome, so a `once` step may start again.
            transaction.connection.execute(_DELETE_INTENT, parameters)

        await with_retries(lambda: self._database.write(delete_step))

    async def unsettle(self, key: StepKey) -> bool:
        """Delete what a person has settled a step with, unless nobody has."""

        def delete_step(transaction: Transaction) -> bool:
            self._claim.check(transaction)
            parameters = step_parameters(self._claim.workflow_id, key)
            was_settled = transaction.connection.execute(_UNSETTLE, parameters).rowcount > 0
            if was_settled:
                transaction.connection.execute(_DELETE, parameters)
            return was_settled

        return await with_retries(lambda: self._database.write(delete_step))

    def take_elapsed(self) -> float:
        """Return the seconds of work since the last call."""
        before, self._measured_at = self._measured_at, time.monotonic()
        return self._measured_at - before

    def _check_may_begin(self, connection: Connection) -> None:
        self._claim.check_without_lock(connection)
        budget = self._claim.budget
        if budget is None or (budget.steps is None and budget.seconds is None):
            return
        steps, seconds = steps_and_seconds(connection, self._claim.root)
        if budget.steps is not None and steps + len(self._executing) >= budget.steps:
            raise BudgetExceeded(
                f"the goal has done {steps + len(self._executing)} steps, those under way included,"
                " which is all its budget allows: hand it in again with a larger one"
            )
        if budget.seconds is not None and seconds >= budget.seconds:
            raise BudgetExceeded(
                f"the goal was at work for {seconds:.0f} seconds, which is all its budget allows:"
                " hand it in again with a larger one"
            )
