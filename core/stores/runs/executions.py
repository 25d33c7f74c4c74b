"""Executions: how a worker takes a run over, and how it lets go of it again."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from pydantic import JsonValue
from sqlalchemy import bindparam, delete, func, select, update

from perdure.models import Budget, EventType, GoalStatus
from perdure.stores.database import schema
from perdure.stores.database.engine import Database, Transaction
from perdure.stores.database.fencing import Claim
from perdure.stores.database.retry import with_retries
from perdure.stores.events.event_store import add_event
from perdure.stores.spending.ledger import abandon_requests

_GOALS: Final = schema.goals.c
_ROOT: Final = schema.goals.alias("root")
_ROOT_ID: Final = func.coalesce(_GOALS.root, _GOALS.workflow_id)
_BUDGET: Final = (
    select(_ROOT_ID, _ROOT.c.budget)
    .select_from(schema.goals)
    .outerjoin(_ROOT, _ROOT.c.workflow_id == _ROOT_ID)
    .where(_GOALS.workflow_id == bindparam("run"))
)
_CUT_STREAMS: Final = (
    delete(schema.streams)
    .where(schema.streams.c.workflow_id == bindparam("run"))
    .returning(schema.streams.c.stream)
)
_MARK: Final = (
    update(schema.goals)
    .where(_GOALS.workflow_id == bindparam("run"))
    .values(status=bindparam("stands"))
)
_REQUESTS: Final = select(_GOALS.workflow_id, _GOALS.request, _GOALS.fence).where(
    _GOALS.workflow_id.in_(bindparam("runs", expanding=True))
)


class ExecutionStore:
    """Executions of runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(
        self, claim: Claim, type_: EventType | None, data: Mapping[str, JsonValue]
    ) -> tuple[Claim, bool]:
        """Take a run over, and settle what an earlier execution left in the middle.

        Args:
            claim: The claim.
            type_: What is told of it, when another execution held the run before.
            data: The details.

        Returns:
            The claim with the run's budget, and whether another execution held it before.

        Raises:
            Fenced: A later execution holds it, or it has ended.
            UnknownGoal: The run's record was never opened.
            StoreUnavailable: The stores do not answer.
        """

        def take(transaction: Transaction) -> tuple[Claim, bool]:
            again = claim.acquire(transaction)
            asked = {"run": claim.workflow_id}
            if again:
                for (stream,) in transaction.connection.execute(_CUT_STREAMS, asked).all():
                    told = {"stream": stream}
                    add_event(transaction, claim.workflow_id, "text.withdrawn", told)
                abandon_requests(transaction, claim.workflow_id)
                running = asked | {"stands": GoalStatus.RUNNING.value}
                transaction.connection.execute(_MARK, running)
                if type_ is not None:
                    add_event(transaction, claim.workflow_id, type_, data)
            root, text = transaction.connection.execute(_BUDGET, asked).one()
            budget = Budget.model_validate_json(text) if text else None
            return replace(claim, root=root, budget=budget), again

        return await self._database.write(take)

    async def suspend(
        self, claim: Claim, status: GoalStatus, type_: EventType, data: Mapping[str, JsonValue]
    ) -> None:
        """Say that a run waits, is paused or goes on elsewhere.

        Raises:
            Fenced: Another execution holds it by now.
            JournalFailed: The stores were away for a minute.
        """

        def let_go(transaction: Transaction) -> None:
            claim.check(transaction)
            standing = {"run": claim.workflow_id, "stands": status.value}
            transaction.connection.execute(_MARK, standing)
            add_event(transaction, claim.workflow_id, type_, data)

        await with_retries(lambda: self._database.write(let_go))

    async def requests(self, workflow_ids: list[str]) -> dict[str, tuple[str | None, str | None]]:
        """Return what is asked of runs (``pause``, ``cancel`` or nothing) and who holds each.

        Raises:
            StoreUnavailable: The stores do not answer.
        """
        asked = {"runs": workflow_ids}
        rows = await self._database.read(lambda found: found.execute(_REQUESTS, asked).all())
        return {row.workflow_id: (row.request, row.fence) for row in rows}
