"""The ledger: what each run has spent on paid models, what of it was lost, and what was saved."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, Executable, bindparam, case, func, insert, select, update

from perdure.agents.steps.errors import BudgetExceeded
from perdure.agents.steps.keys import StepKey
from perdure.models import GoalRecord, Spending, Usage
from perdure.stores.audit.request_facts import add_request_fact
from perdure.stores.batches.late_costs import batch_of_ended, take_in_late_cost
from perdure.stores.batches.shared_budget import check_shared_budget
from perdure.stores.database import schema
from perdure.stores.database.engine import Database, Transaction
from perdure.stores.database.fencing import Claim
from perdure.stores.database.retry import with_retries
from perdure.stores.database.tenancy import TenantStore
from perdure.stores.spending.goal_costs import GoalCost, costs_of
from perdure.stores.spending.run_totals import steps_and_seconds, totals_row, totals_upsert
from perdure.telemetry.metrics import recording

OPEN: Final = "open"
KEPT: Final = "kept"
THROWN: Final = "thrown"

_ROWS: Final = schema.spending.c
_LOCK_ROOT: Final = (
    select(schema.goals.c.workflow_id)
    .where(schema.goals.c.workflow_id == bindparam("root"))
    .with_for_update()
)
_SPENT: Final = select(
    func.coalesce(func.sum(_ROWS.input_tokens + _ROWS.output_tokens), 0),
    func.coalesce(func.sum(_ROWS.cost), 0.0),
).where(_ROWS.root == bindparam("root"))
_HELD_ELSEWHERE: Final = (
    select(_ROWS.entry)
    .where(
        _ROWS.root == bindparam("root"),
        _ROWS.workflow_id != bindparam("run"),
        _ROWS.state == OPEN,
    )
    .limit(1)
)
_LAST_ENTRY: Final = select(func.coalesce(func.max(_ROWS.entry), 0)).where(
    _ROWS.workflow_id == bindparam("run")
)
_INSERT: Final = insert(schema.spending)
_THIS: Final = (_ROWS.workflow_id == bindparam("run")) & (_ROWS.entry == bindparam("nth"))
_SETTLE: Final = (
    update(schema.spending)
    .where(_THIS)
    .values(
        # What a later execution has counted as thrown away stays so.
        state=case((_ROWS.state == OPEN, bindparam("outcome")), else_=_ROWS.state),
        input_tokens=bindparam("input"),
        output_tokens=bindparam("output"),
        cost=bindparam("dollars"),
    )
    .returning(_ROWS.tenant, _ROWS.model, _ROWS.name, _ROWS.digest, _ROWS.occurrence)
)
_IS_RECORDED: Final = (
    select(schema.steps.c.name)
    .where(
        schema.steps.c.workflow_id == _ROWS.workflow_id,
        schema.steps.c.name == _ROWS.name,
        schema.steps.c.digest == _ROWS.digest,
        schema.steps.c.occurrence == _ROWS.occurrence,
        schema.steps.c.failure.is_(None),
    )
    .exists()
)
# Of a request that was interrupted only the input is known to be paid.
_INPUT_SHARE: Final = func.coalesce(
    _ROWS.input_tokens * 1.0 / func.nullif(_ROWS.input_tokens + _ROWS.output_tokens, 0), 0.0
)
_ABANDON: Final = (
    update(schema.spending)
    .where(_ROWS.workflow_id == bindparam("run"), _ROWS.state == OPEN)
    .values(
        state=case((_IS_RECORDED, KEPT), else_=THROWN),
        output_tokens=case((_IS_RECORDED, _ROWS.output_tokens), else_=0),
        cost=case((_IS_RECORDED, _ROWS.cost), else_=_ROWS.cost * _INPUT_SHARE),
    )
    .returning(
        *(_ROWS.state, _ROWS.input_tokens, _ROWS.output_tokens, _ROWS.cost),
        *(_ROWS.tenant, _ROWS.model, _ROWS.name, _ROWS.digest, _ROWS.occurrence),
    )
)
_SUMS: Final = (
    select(
        _ROWS.state,
        func.count(),
        func.sum(_ROWS.input_tokens),
        func.sum(_ROWS.output_tokens),
        func.sum(_ROWS.cost),
    )
    .where(_ROWS.workflow_id == bindparam("run"))
    .group_by(_ROWS.state)
)
_TOTALS: Final = select(schema.totals).where(schema.totals.c.workflow_id == bindparam("run"))


class LedgerStore(TenantStore):
    """The ledgers of all runs."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._add_totals = totals_upsert(database)

    def for_execution(self, claim: Claim) -> "StoredLedger":
        """Return the ledger to which one execution of a run writes."""
        return StoredLedger(self._database, claim, self._add_totals)

    async def seconds_left(self, claim: Claim) -> float | None:
        """Return how many seconds a run may still work; ``None`` when its budget has no limit."""
        budget = claim.budget
        if budget is None or budget.seconds is None:
            return None

        def fetch(connection: Connection) -> float:
            self._tenancy.check_run(connection, claim.workflow_id)
            return steps_and_seconds(connection, claim.root)[1]

        seconds = await self._database.read(fetch)
        return max(0.0, budget.seconds - seconds)

    async def of(self, workflow_id: str) -> Spending:
        """Return what a run has spent so far, without its delegates.

        Raises:
            UnknownGoal: It is another tenant's.
        """

        def fetch(connection: Connection) -> Spending:
            self._tenancy.check_run(connection, workflow_id)
            return spending_of(connection, workflow_id)

        return await self._database.read(fetch)

    async def costs(self, goals: Sequence[GoalRecord]) -> Mapping[str, GoalCost]:
        """Return what goals have cost so far, with their delegates, by workflow id.

        A goal that sent no paid model a request is left out.
        """
        roots = [goal.workflow_id for goal in goals if goal.parent is None]
        delegates = [goal.workflow_id for goal in goals if goal.parent is not None]
        return await self._database.read(
            lambda connection: costs_of(connection, self._tenancy, roots, delegates)
        )


class StoredLedger:
    """The ledger of a run, for one execution; a :class:`~perdure.agents.steps.journal.Ledger`.

    Attributes:
        has_entries: Whether this execution has entered anything.
    """

    def __init__(self, database: Database, claim: Claim, add_totals: Executable) -> None:
        self._database = database
        self._claim = claim
        self._add_totals = add_totals
        self._saved = Usage()
        self.has_entries = False

    async def reserve(self, key: StepKey, model: str, expected: Usage) -> int:
        """Enter a request before it is made, and reserve from the budget what it may use."""
        self.has_entries = True
        row = {
            "workflow_id": self._claim.workflow_id,
            "root": self._claim.root,
            "tenant": self._claim.tenant,
            "name": key.name,
            "digest": key.digest,
            "occurrence": key.occurrence,
            "model": model[:200],
            "state": OPEN,
            "input_tokens": expected.input_tokens,
            "output_tokens": expected.output_tokens,
            "cost": expected.cost,
            "at": datetime.now(UTC),
        }

        def reserve(transaction: Transaction) -> int:
            self._claim.check(transaction)
            self._check_budget(transaction, expected)
            parameters = {"run": self._claim.workflow_id}
            last = transaction.connection.execute(_LAST_ENTRY, parameters).scalar_one()
            transaction.connection.execute(_INSERT, row | {"entry": last + 1})
            return int(last) + 1

        return await with_retries(lambda: self._database.write(reserve))

    async def settle(self, entry: int, usage: Usage, *, kept: bool) -> None:
        """Enter what a request has used, and whether its outcome was kept."""
        values = {
            "run": self._claim.workflow_id,
            "nth": entry,
            "outcome": KEPT if kept else THROWN,
            "input": usage.input_tokens,
            "output": usage.output_tokens,
            "dollars": usage.cost,
        }

        # Not fenced: what was used was used, whichever execution has the claim by now.
        def settle(transaction: Transaction) -> None:
            root = self._claim.root or self._claim.workflow_id
            batch = batch_of_ended(transaction.connection, root)
            row = transaction.connection.execute(_SETTLE, values).first()
            if row is not None:
                add_request_fact(transaction, self._claim.workflow_id, row, usage, kept=kept)
            if batch is not None:
                take_in_late_cost(transaction.connection, batch, root)

        await with_retries(lambda: self._database.write(settle))
        recording.spent(usage.cost, "kept" if kept else "thrown-away")

    async def save(self, usage: Usage) -> None:
        """Enter usage that was not paid again; :meth:`close` stores it."""
        self.has_entries = True
        self._saved += usage
        recording.spent(usage.cost, "saved")

    async def left(self) -> int | None:
        """Return how many tokens the budget has left; ``None`` when it does not limit them."""
        budget = self._claim.budget
        if budget is None or budget.tokens is None:
            return None
        tokens, _ = await with_retries(lambda: self._database.read(self._spent))
        return max(0, budget.tokens - tokens)

    async def left_cost(self) -> float | None:
        """Return how many dollars the budget has left; ``None`` when it does not limit them."""
        budget = self._claim.budget
        if budget is None or budget.cost is None:
            return None
        _, cost = await with_retries(lambda: self._database.read(self._spent))
        return max(0.0, budget.cost - cost)

    async def spent_cost(self) -> float:
        """Return how many dollars the goal has spent so far, its delegates included."""
        return (await with_retries(lambda: self._database.read(self._spent)))[1]

    async def is_held_elsewhere(self) -> bool:
        """Return whether requests of the goal's other runs are in flight, and hold budget back."""
        parameters = {"root": self._claim.root, "run": self._claim.workflow_id}

        def look(connection: Connection) -> bool:
            return connection.execute(_HELD_ELSEWHERE, parameters).first() is not None

        return await with_retries(lambda: self._database.read(look))

    async def close(self, seconds: float) -> None:
        """Store what this execution has saved, and how long it has worked since the last step."""
        saved, self._saved = self._saved, Usage()
        row = totals_row(self._claim.workflow_id, self._claim.root, seconds=seconds, saved=saved)

        def add(transaction: Transaction) -> None:
            self._claim.check(transaction)
            transaction.connection.execute(self._add_totals, row)

        await with_retries(lambda: self._database.write(add))

    def _check_budget(self, transaction: Transaction, expected: Usage) -> None:
        root = self._claim.root or self._claim.workflow_id
        check_shared_budget(transaction.connection, root, expected.cost)
        budget = self._claim.budget
        if budget is None or (budget.tokens is None and budget.cost is None):
            return
        # The delegates of one goal share its budget: they check it one at a time.
        transaction.connection.execute(_LOCK_ROOT, {"root": self._claim.root})
        tokens, cost = self._spent(transaction.connection)
        if budget.tokens is not None and tokens + expected.tokens_used > budget.tokens:
            raise BudgetExceeded(
                f"the goal has used {tokens:,} of the {budget.tokens:,} tokens that its budget"
                f" allows, and the next request may use {expected.tokens_used:,}: hand it in again"
                " with a larger one"
            )
        if budget.cost is not None and cost + expected.cost > budget.cost:
            raise BudgetExceeded(
                f"the goal has used {cost:.4f} of the {budget.cost:.4f} dollars that its budget"
                " allows: hand it in again with a larger one"
            )

    def _spent(self, connection: Connection) -> tuple[int, float]:
        tokens, cost = connection.execute(_SPENT, {"root": self._claim.root}).one()
        return int(tokens), float(cost)


def abandon_requests(transaction: Transaction, workflow_id: str) -> Sequence[tuple[bool, float]]:
    """Settle the requests that were in flight when an execution was lost.

    Returns:
        Whether the outcome of each is in the journal all the same, and its dollars.
    """
    rows = transaction.connection.execute(_ABANDON, {"run": workflow_id}).all()
    for row in rows:
        usage = Usage(input_tokens=row.input_tokens, output_tokens=row.output_tokens, cost=row.cost)
        add_request_fact(transaction, workflow_id, row, usage, kept=row.state == KEPT)
    return [(row.state == KEPT, float(row.cost)) for row in rows]


def spending_of(connection: Connection, workflow_id: str) -> Spending:
    """Return what a run has spent so far."""
    parameters = {"run": workflow_id}
    spent, thrown_away, requests = Usage(), Usage(), 0
    for state, count, input_tokens, output_tokens, cost in connection.execute(_SUMS, parameters):
        usage = Usage(
            input_tokens=int(input_tokens), output_tokens=int(output_tokens), cost=float(cost)
        )
        spent += usage
        requests += count
        if state == THROWN:
            thrown_away += usage
    totals = connection.execute(_TOTALS, parameters).mappings().first()
    if totals is None:
        return Spending(spent=spent, thrown_away=thrown_away, requests=requests)
    saved = Usage(
        input_tokens=totals["saved_input_tokens"],
        output_tokens=totals["saved_output_tokens"],
        cost=totals["saved_cost"],
    )
    return Spending(
        spent=spent,
        thrown_away=thrown_away,
        saved=saved,
        requests=requests,
        steps=totals["steps"],
        seconds=totals["seconds"],
    )
