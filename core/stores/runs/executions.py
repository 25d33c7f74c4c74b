"""The execution store: starting an execution of a run by claiming the run, and suspending it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from pydantic import JsonValue
from sqlalchemy import bindparam, delete, func, select, text, update

from perdure.models import Budget, EventType, GoalStatus
from perdure.stores.audit.recording import add_fact
from perdure.stores.database import schema
from perdure.stores.database.engine import Transaction
from perdure.stores.database.fencing import Claim
from perdure.stores.database.retry import with_retries
from perdure.stores.database.tenancy import TenantStore
from perdure.stores.events.event_store import add_event
from perdure.stores.spending.ledger import abandon_requests
from perdure.telemetry.metrics import recording

_GOALS: Final = schema.goals.c
_ROOT: Final = schema.goals.alias("root")
_ROOT_ID: Final = func.coalesce(_GOALS.root, _GOALS.workflow_id)
_BUDGET: Final = (
    select(_ROOT_ID, _ROOT.c.budget, _GOALS.tenant, _GOALS.agent_type)
    .select_from(schema.goals)
    .outerjoin(_ROOT, _ROOT.c.workflow_id == _ROOT_ID)
    .where(_GOALS.workflow_id == bindparam("run"))
)
_DELETE_STREAMS: Final = (
    delete(schema.streams)
    .where(schema.streams.c.workflow_id == bindparam("run"))
    .returning(schema.streams.c.stream)
)
_SET_STATUS: Final = (
    update(schema.goals)
    .where(_GOALS.workflow_id == bindparam("run"))
    .values(status=bindparam("status"))
)
_REQUESTS: Final = select(_GOALS.workflow_id, _GOALS.request, _GOALS.fence).where(
    _GOALS.workflow_id.in_(bindparam("runs", expanding=True))
)
_REQUESTED: Final = select(_GOALS.workflow_id, _GOALS.request, _GOALS.fence).where(
    text(schema.REQUESTED)
)


class ExecutionStore(TenantStore):
    """Starts and suspends executions of runs."""

    async def start(
        self,
        claim: Claim,
        type_: EventType | None,
        data: Mapping[str, JsonValue],
        agent_version: str | None = None,
    ) -> tuple[Claim, bool]:
        """Claim a run, and close the texts and model requests that the one before left open.

        Args:
            claim: The claim.
            type_: The type of the event to add when another execution had the claim before.
            data: The event's data.
            agent_version: The distribution and version that executes it, for the audit trail.

        Returns:
            The claim with the run's budget and tenant, and whether another execution had the claim
            before.

        Raises:
            Fenced: A later execution has the claim, or the run has ended.
            UnknownGoal: The run has no record.
            StoreUnavailable: The stores do not answer.
        """
        abandoned: Sequence[tuple[bool, float]] = ()

        def claim_run(transaction: Transaction) -> tuple[Claim, bool]:
            nonlocal abandoned
            self._tenancy.check_run(transaction.connection, claim.workflow_id)
            is_retry = claim.acquire(transaction)
            parameters = {"run": claim.workflow_id}
            if is_retry:
                for (stream,) in transaction.connection.execute(_DELETE_STREAMS, parameters).all():
                    event = {"stream": stream}
                    add_event(transaction, claim.workflow_id, "text.withdrawn", event)
                abandoned = abandon_requests(transaction, claim.workflow_id)
                running = parameters | {"status": GoalStatus.RUNNING.value}
                transaction.connection.execute(_SET_STATUS, running)
                if type_ is not None:
                    add_event(transaction, claim.workflow_id, type_, data)
            root, text, tenant, agent = transaction.connection.execute(_BUDGET, parameters).one()
            fact = {
                "agent_type": agent,
                "agent_version": agent_version,
                "execution": claim.sequence,
            }
            add_fact(transaction, "execution.started", claim.workflow_id, tenant, fact)
            budget = Budget.model_validate_json(text) if text else None
            return replace(claim, root=root, budget=budget, tenant=tenant), is_retry

        claimed = await self._database.write(claim_run)
        for is_kept, dollars in abandoned:
            recording.spent(dollars, "kept" if is_kept else "thrown-away")
        return claimed

    async def suspend(
        self, claim: Claim, status: GoalStatus, type_: EventType, data: Mapping[str, JsonValue]
    ) -> None:
        """Store that a run waits, is paused or continues in another execution.

        Raises:
            Fenced: Another execution has the claim.
            JournalFailed: The stores were unavailable for a minute.
        """

        def set_status(transaction: Transaction) -> None:
            self._tenancy.check_run(transaction.connection, claim.workflow_id)
            claim.check(transaction)
            parameters = {"run": claim.workflow_id, "status": status.value}
            transaction.connection.execute(_SET_STATUS, parameters)
            add_event(transaction, claim.workflow_id, type_, data)

        await with_retries(lambda: self._database.write(set_status))

    async def requests(self, workflow_ids: list[str]) -> dict[str, tuple[str | None, str | None]]:
        """Return the request for each run (``pause``, ``cancel`` or none) and its fence.

        Raises:
            StoreUnavailable: The stores do not answer.
        """
        parameters = {"runs": workflow_ids}
        query = self._tenancy.limited(_REQUESTS, _GOALS.tenant)
        rows = await self._database.read(
            lambda connection: connection.execute(query, parameters).all()
        )
        return {row.workflow_id: (row.request, row.fence) for row in rows}

    async def requested(self) -> dict[str, tuple[str, str | None]]:
        """Return what is requested of runs that are under way: the request, and the run's fence.

        Raises:
            StoreUnavailable: The stores do not answer.
        """
        query = self._tenancy.limited(_REQUESTED, _GOALS.tenant)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return {row.workflow_id: (row.request, row.fence) for row in rows}
