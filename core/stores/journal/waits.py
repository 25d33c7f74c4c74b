"""The wait store: the open waits of runs, and how their outcomes reach the journal.

A person, another run or a clock ends a wait while the run does not execute. Its next execution
reads the outcome and records it in the journal, in one transaction.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, RowMapping, bindparam, func, insert, select, update

from perdure.agents.steps.errors import InputError
from perdure.agents.steps.journal import (
    ApprovalRequest,
    DelegateRequest,
    SignalRequest,
    SleepRequest,
    StepOutcome,
    WaitRequest,
)
from perdure.agents.steps.keys import StepKey
from perdure.messages import Wait, WaitKind
from perdure.models import Failure, FailureKind, GoalStatus, beginning
from perdure.stores.database import schema
from perdure.stores.database.engine import Database, Transaction
from perdure.stores.database.errors import InputRefused
from perdure.stores.database.fencing import Claim
from perdure.stores.database.retry import with_retries
from perdure.stores.database.tenancy import TenantStore
from perdure.stores.journal.decisions import decision_of, numbers_of, request_approval
from perdure.stores.journal.delegates import (
    create_delegate,
    delegate_outcome,
    delegate_row,
    delegated_goal,
)
from perdure.stores.journal.reopen import reopen
from perdure.stores.journal.signals import EXPIRED, check_signal_name, signal_wait
from perdure.stores.journal.steps import StepRecorder, is_step, step_outcome, step_parameters
from perdure.stores.journal.wait_ids import step_wait, wait_id

# A wait that ends this soon is awaited within the execution: suspending the run would take longer.
INLINE_WAIT_SECONDS: Final = 2.0

_WAITS: Final = schema.waits.c
_STEPS: Final = schema.steps.c
_SIGNALS: Final = schema.signals.c
_GOALS: Final = schema.goals.c
_JOURNALED: Final = select(_STEPS.value, _STEPS.failure, _STEPS.seconds, _STEPS.usage).where(
    is_step(schema.steps)
)
_WAIT: Final = select(schema.waits).where(_WAITS.wait_id == bindparam("wait"))
_OPEN: Final = insert(schema.waits)
_TAKE: Final = (
    update(schema.waits)
    .where(_WAITS.wait_id == bindparam("wait"))
    .values(over_at=func.coalesce(_WAITS.over_at, bindparam("now")), taken_at=bindparam("now"))
)
_SIGNAL: Final = select(_SIGNALS.data).where(
    _SIGNALS.workflow_id == bindparam("run"),
    _SIGNALS.name == bindparam("signal"),
    _SIGNALS.number == bindparam("nth"),
)
_EXPIRE_SIGNAL: Final = insert(schema.signals)
_OPEN_WAITS: Final = (
    select(schema.waits)
    .where(_WAITS.workflow_id == bindparam("run"), _WAITS.taken_at.is_(None))
    .order_by(_WAITS.opened_at, _WAITS.wait_id)
)
_NOT_WOKEN: Final = (
    select(_WAITS.workflow_id, _WAITS.wait_id)
    .join(schema.goals, _GOALS.workflow_id == _WAITS.workflow_id)
    .where(
        _GOALS.status == GoalStatus.WAITING.value,
        _WAITS.taken_at.is_(None),
        _WAITS.over_at <= bindparam("latest"),
    )
    .order_by(_WAITS.over_at)
    .limit(1_000)
)


@dataclass(frozen=True, slots=True)
class OpenWait:
    """An open wait of a run, for people.

    Attributes:
        wait_id: Its id; an approval's is the same.
        kind: What the run waits for.
        about: The question, or the beginning of a long one, the agent's name, the signal's name;
            empty for a sleep.
        number: 2 for the second approval of the same question in its run, then 3, …
        child: The delegate's run.
        until: When it ends in any case, in UTC.
        opened_at: When it was opened, in UTC.
        is_over: Whether its outcome is stored, and waits for the run's next execution.
    """

    wait_id: str
    kind: WaitKind
    about: str
    number: int
    child: str | None
    until: datetime | None
    opened_at: datetime
    is_over: bool


class WaitStore(TenantStore):
    """Waits of runs."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._recorder = StepRecorder(database)

    def for_execution(
        self, claim: Claim, before_opening: Callable[[], Awaitable[None]] | None = None
    ) -> "StoredWaits":
        """Return the waits of a run for one execution.

        Args:
            claim: The execution's claim; each write is refused once a later one has the claim.
            before_opening: Awaited before a wait is opened, so that what the agent emitted before
                stands before the wait's event.
        """
        return StoredWaits(self._database, claim, self._recorder, before_opening)

    async def pending(self, workflow_id: str) -> list[OpenWait]:
        """Return the open waits of a run, oldest first; none once it has ended.

        Raises:
            UnknownGoal: It is another tenant's.
        """

        def fetch(connection: Connection) -> tuple[Sequence[RowMapping], Mapping[str, int]]:
            self._tenancy.check_run(connection, workflow_id)
            rows = connection.execute(_OPEN_WAITS, {"run": workflow_id}).mappings().all()
            return rows, numbers_of(connection, [workflow_id])

        rows, numbers = await self._database.read(fetch)
        return [
            OpenWait(
                wait_id=row["wait_id"],
                kind=WaitKind(row["kind"]),
                about=beginning(row["about"]),
                number=numbers.get(row["wait_id"], 1),
                child=row["child"],
                until=row["until"],
                opened_at=row["opened_at"],
                is_over=row["over_at"] is not None,
            )
            for row in rows
        ]

    async def not_woken(self, older_than: timedelta) -> list[tuple[str, str]]:
        """Return waits that are over while their run still has the status waiting.

        The signal that wakes the run was lost, or has not arrived yet.

        Args:
            older_than: Only those that have been over for this long.

        Returns:
            Workflow id and wait id of each, the oldest first, 1,000 at most.
        """
        parameters = {"latest": datetime.now(UTC) - older_than}
        query = self._tenancy.limited(_NOT_WOKEN, _GOALS.tenant)
        rows = await self._database.read(
            lambda connection: connection.execute(query, parameters).all()
        )
        return [(run, wait) for run, wait in rows]


class StoredWaits:
    """The waits of a run, for one execution; :class:`~perdure.agents.steps.journal.Waits`."""

    def __init__(
        self,
        database: Database,
        claim: Claim,
        recorder: StepRecorder,
        before_opening: Callable[[], Awaitable[None]] | None,
    ) -> None:
        self._database = database
        self._claim = claim
        self._recorder = recorder
        self._before_opening = before_opening

    async def open(self, key: StepKey, request: WaitRequest) -> StepOutcome | Wait:
        """Open a wait, or return its outcome when it is stored.

        Raises:
            PermanentError: The request cannot be fulfilled.
            Fenced: Another execution has claimed the run, or it has ended.
            JournalFailed: The stores were unavailable for a minute.
        """
        if self._before_opening is not None:
            await self._before_opening()
        while True:
            outcome = await self._open(key, request)
            if not isinstance(outcome, Wait) or outcome.until is None:
                return outcome
            remaining = (outcome.until - self._claim.now()).total_seconds()
            if remaining > INLINE_WAIT_SECONDS:
                return outcome
            await asyncio.sleep(max(remaining, 0.001))

    async def _open(self, key: StepKey, request: WaitRequest) -> StepOutcome | Wait:
        def open_wait(transaction: Transaction) -> StepOutcome | Wait:
            self._claim.check(transaction)
            return self._journaled(transaction, key) or self._open_or_record(
                transaction, key, request
            )

        return await with_retries(lambda: self._database.write(open_wait))

    def _journaled(self, transaction: Transaction, key: StepKey) -> StepOutcome | None:
        parameters = step_parameters(self._claim.workflow_id, key)
        row = transaction.connection.execute(_JOURNALED, parameters).mappings().first()
        return None if row is None else step_outcome(row)

    def _open_or_record(
        self, transaction: Transaction, key: StepKey, request: WaitRequest
    ) -> StepOutcome | Wait:
        execute = transaction.connection.execute
        run, now = self._claim.workflow_id, self._claim.now()
        wait = wait_id(run, _wait_name(key, request))
        row = execute(_WAIT, {"wait": wait}).mappings().first()
        if row is None:
            execute(_OPEN, self._new_row(transaction, wait, key, request, now))
            row = execute(_WAIT, {"wait": wait}).mappings().one()
        outcome = self._outcome(transaction, row, request, now)
        if isinstance(outcome, Wait):
            return outcome
        over_at = row["over_at"] or now
        waited = max(0.0, (over_at - row["opened_at"]).total_seconds())
        outcome = replace(outcome, seconds=waited, ended_at=over_at)
        self._recorder.record(transaction, run, key, outcome, now)
        execute(_TAKE, {"wait": wait, "now": now})
        return outcome

    def _new_row(
        self, transaction: Transaction, wait: str, key: StepKey, request: WaitRequest, now: datetime
    ) -> dict[str, object]:
        run = self._claim.workflow_id
        row: dict[str, object] = {
            "wait_id": wait,
            "workflow_id": run,
            "step": step_wait(key),
            "opened_at": now,
        }
        match request:
            case ApprovalRequest():
                until = {"until": request_approval(transaction, wait, run, request, now)}
                return row | until | {"kind": WaitKind.APPROVAL.value, "about": request.question}
            case DelegateRequest():
                child = create_delegate(transaction, run, wait, request, now)
                about = {"about": request.agent_type, "child": child}
                return row | about | {"kind": WaitKind.DELEGATE.value}
            case SignalRequest():
                _check_name(request.signal)
                until = {"until": None if request.expires is None else now + request.expires}
                return row | until | {"kind": WaitKind.SIGNAL.value, "about": request.signal}
            case SleepRequest():
                until = {"until": now + timedelta(seconds=request.seconds)}
                return row | until | {"kind": WaitKind.SLEEP.value, "about": ""}

    def _outcome(
        self, transaction: Transaction, row: RowMapping, request: WaitRequest, now: datetime
    ) -> StepOutcome | Wait:
        wait = Wait(id=row["wait_id"], kind=WaitKind(row["kind"]), until=row["until"])
        is_late = row["until"] is not None and now >= row["until"]
        match request:
            case ApprovalRequest():
                decision = decision_of(transaction, wait.id, self._claim.workflow_id, now)
                return wait if decision is None else StepOutcome(decision.model_dump_json())
            case DelegateRequest():
                return self._delegate_outcome(transaction, row, wait)
            case SignalRequest():
                return self._signal_outcome(transaction, request, is_late) or wait
            case SleepRequest():
                return StepOutcome("null") if is_late else wait

    def _delegate_outcome(
        self, transaction: Transaction, row: RowMapping, wait: Wait
    ) -> StepOutcome | Wait:
        child = delegate_row(transaction, row["child"])
        outcome = delegate_outcome(child)
        if outcome is not None and outcome.failure is not None and row["over_at"] is None:
            # The transaction that ends the child closes this wait too. It is open again because the
            # waiting run was retried since, so the child is retried as well.
            reopen(transaction, child["workflow_id"])
            outcome = None
        if outcome is not None:
            return outcome
        goal = delegated_goal(child)
        return wait.model_copy(update={"goal": goal, "workflow_id": child["workflow_id"]})

    def _signal_outcome(
        self, transaction: Transaction, request: SignalRequest, is_late: bool
    ) -> StepOutcome | None:
        run = self._claim.workflow_id
        parameters = {"run": run, "signal": request.signal, "nth": request.number}
        data: str | None = transaction.connection.execute(_SIGNAL, parameters).scalar()
        if data is None and is_late:
            # Takes the number, so that the next signal of that name is for the next wait.
            row = {"workflow_id": run, "name": request.signal, "number": request.number}
            expired = row | {"data": EXPIRED, "sent_at": self._claim.now()}
            transaction.connection.execute(_EXPIRE_SIGNAL, expired)
            data = EXPIRED
        if data is None:
            return None
        return _signal_expired(request) if data == EXPIRED else StepOutcome(data)


def _wait_name(key: StepKey, request: WaitRequest) -> str:
    # The sender of a signal knows its name and its number, but not the step that waits for it.
    if isinstance(request, SignalRequest):
        return signal_wait(request.signal, request.number)
    return step_wait(key)


def _check_name(name: str) -> None:
    try:
        check_signal_name(name)
    except InputRefused as error:
        raise InputError(str(error)) from error


def _signal_expired(request: SignalRequest) -> StepOutcome:
    return StepOutcome(
        "",
        Failure(
            type="SignalExpired",
            message=f"signal {request.signal!r} did not come in time: send it sooner, or let the"
            " agent wait longer",
            permanent=True,
            kind=FailureKind.PERMANENT,
        ),
    )
