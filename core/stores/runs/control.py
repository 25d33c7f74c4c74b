"""The control store: requests to pause or cancel a run, reopening runs, and silent runs."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from sqlalchemy import Connection, and_, bindparam, null, or_, select, update

from perdure.models import Failure, GoalStatus
from perdure.stores.database import schema
from perdure.stores.database.engine import Transaction
from perdure.stores.database.errors import RunNotEnded, UnknownGoal
from perdure.stores.database.tenancy import TenantStore
from perdure.stores.events.event_store import add_event
from perdure.stores.journal.reopen import RETRIABLE, PreviousEnd, reopen, undo_reopen
from perdure.stores.runs.results import add_end_event
from perdure.stores.slots.tables import goal_slots

ControlRequest = Literal["pause", "cancel"]

_GOALS: Final = schema.goals.c
_EVENTS: Final = schema.events.c
_REQUEST: Final = (
    update(schema.goals)
    .where(
        _GOALS.workflow_id.in_(bindparam("runs", expanding=True)),
        _GOALS.ended_at.is_(None),
        # A request to cancel is never withdrawn.
        or_(_GOALS.request.is_(None), bindparam("requested") == "cancel"),
    )
    .values(request=bindparam("requested"))
)
_WITHDRAW_PAUSE: Final = (
    update(schema.goals)
    .where(
        _GOALS.workflow_id.in_(bindparam("runs", expanding=True)),
        _GOALS.request == "pause",
    )
    .values(request=null())
)
# No worker executes a run that waits, so its status is set here.
_PAUSE_WAITING: Final = (
    update(schema.goals)
    .where(
        _GOALS.workflow_id.in_(bindparam("runs", expanding=True)),
        _GOALS.status == GoalStatus.WAITING.value,
    )
    .values(status=GoalStatus.PAUSED.value)
    .returning(_GOALS.workflow_id)
)
_RESUME_WAITING: Final = (
    update(schema.goals)
    .where(
        _GOALS.workflow_id.in_(bindparam("runs", expanding=True)),
        _GOALS.status == GoalStatus.PAUSED.value,
        or_(
            select(schema.waits.c.wait_id)
            .where(
                schema.waits.c.workflow_id == _GOALS.workflow_id, schema.waits.c.taken_at.is_(None)
            )
            .exists(),
            select(goal_slots.c.workflow_id)
            .where(
                goal_slots.c.workflow_id == _GOALS.workflow_id,
                goal_slots.c.worker.is_(None),
            )
            .exists(),
        ),
    )
    .values(status=GoalStatus.WAITING.value)
    .returning(_GOALS.workflow_id)
)
_CURRENT: Final = select(_GOALS.status, _GOALS.parent).where(_GOALS.workflow_id == bindparam("run"))
_TREE: Final = (
    select(_GOALS.workflow_id, _GOALS.ended_at)
    .where(_GOALS.parent == bindparam("run"))
    .cte("tree", recursive=True)
)
_DESCENDANTS: Final = _TREE.union_all(
    select(_GOALS.workflow_id, _GOALS.ended_at).where(_GOALS.parent == _TREE.c.workflow_id)
)
_OPEN_DESCENDANTS: Final = select(_DESCENDANTS.c.workflow_id).where(
    _DESCENDANTS.c.ended_at.is_(None)
)
_LAST_EVENT: Final = (
    select(_GOALS.workflow_id, _EVENTS.time)
    .join(
        schema.events,
        and_(
            _EVENTS.workflow_id == _GOALS.workflow_id,
            _EVENTS.number == _GOALS.last_event,
        ),
    )
    .where(_GOALS.ended_at.is_(None))
)
_SILENT: Final = (
    _LAST_EVENT.where(_EVENTS.time <= bindparam("latest"), _GOALS.workflow_id > bindparam("after"))
    .order_by(_GOALS.workflow_id)
    .limit(bindparam("limit"))
)
_LAST_EVENT_OF: Final = _LAST_EVENT.where(_GOALS.workflow_id == bindparam("run"))


class ControlStore(TenantStore):
    """Stores what is requested of runs, and finds those that may be stuck."""

    async def request(self, workflow_ids: Collection[str], request: ControlRequest | None) -> None:
        """Request that runs be paused or cancelled, or withdraw a request to pause.

        A request to cancel stays, and a run that has ended is not changed. A run that waits is
        executed by no worker, so its status becomes paused at once.
        """
        if not workflow_ids:
            return

        def store_request(transaction: Transaction) -> None:
            execute = transaction.connection.execute
            runs = {"runs": self._tenancy.owned(transaction.connection, [*workflow_ids])}
            if request is None:
                execute(_WITHDRAW_PAUSE, runs)
                for run in execute(_RESUME_WAITING, runs).scalars().all():
                    add_event(transaction, run, "run.waiting", {})
                return
            execute(_REQUEST, runs | {"requested": request})
            if request == "pause":
                for run in execute(_PAUSE_WAITING, runs).scalars().all():
                    add_event(transaction, run, "run.paused", {})

        await self._database.write(store_request)

    async def open_descendants(self, workflow_id: str) -> list[str]:
        """Return the delegates of a run, at any depth, that have not ended."""

        def fetch(connection: Connection) -> list[str]:
            # A delegate is its parent's tenant's.
            runs = self._tenancy.owned(connection, [workflow_id])
            found = (connection.execute(_OPEN_DESCENDANTS, {"run": run}).scalars() for run in runs)
            return [descendant for each in found for descendant in each]

        return await self._database.read(fetch)

    async def reopen(self, workflow_id: str) -> PreviousEnd:
        """Reopen a run that failed, was cancelled or was terminated; its journal stays.

        Returns:
            Its previous end, for :meth:`undo_reopen`.

        Raises:
            UnknownGoal: There is no such run.
            RunNotEnded: It has not ended, has completed, or was delegated by another one.
        """

        def reopen_checked(transaction: Transaction) -> PreviousEnd:
            self._tenancy.check_run(transaction.connection, workflow_id)
            current = transaction.connection.execute(_CURRENT, {"run": workflow_id}).first()
            if current is None:
                raise UnknownGoal(workflow_id)
            if current.parent is not None:
                raise RunNotEnded(
                    f"goal {workflow_id} was delegated by {current.parent}: retry that one, which"
                    " picks up its delegates too"
                )
            previous = reopen(transaction, workflow_id)
            if previous is None:
                # As it is now: another caller may have been quicker, whose commit was waited for.
                current = transaction.connection.execute(_CURRENT, {"run": workflow_id}).first()
                if current is None:
                    raise UnknownGoal(workflow_id)
                raise RunNotEnded(_not_retriable(workflow_id, GoalStatus(current.status)))
            return previous

        return await self._database.write(reopen_checked)

    async def undo_reopen(self, workflow_id: str, previous: PreviousEnd) -> None:
        """Close a run again as it was before :meth:`reopen`, because it could not be started."""

        def close_again(transaction: Transaction) -> None:
            self._tenancy.check_run(transaction.connection, workflow_id)
            if not undo_reopen(transaction, workflow_id, previous):
                return
            ended = previous.columns
            error = Failure.model_validate_json(ended["error"]) if ended["error"] else None
            status, seconds = GoalStatus(ended["status"]), ended["execution_time"]
            add_end_event(transaction, workflow_id, status, error, seconds)

        await self._database.write(close_again)

    async def silent_runs(
        self, longer_than: timedelta, *, after: str = "", limit: int = 50
    ) -> list[str]:
        """Return runs that have not ended and have had no event for long, ordered by workflow id.

        Args:
            longer_than: Only those whose last event is older than this.
            after: Only those whose workflow id comes after this one.
            limit: How many at most.
        """
        latest = datetime.now(UTC) - longer_than
        parameters = {"latest": latest, "after": after, "limit": limit}
        query = self._tenancy.limited(_SILENT, _GOALS.tenant)
        found = await self._database.read(
            lambda connection: connection.execute(query, parameters).scalars().all()
        )
        return list(found)

    async def last_event_at(self, workflow_id: str) -> datetime | None:
        """Return the time of a run's last event; ``None`` when it has ended or is unknown."""
        parameters = {"run": workflow_id}
        query = self._tenancy.limited(_LAST_EVENT_OF, _GOALS.tenant)
        row = await self._database.read(
            lambda connection: connection.execute(query, parameters).first()
        )
        return None if row is None else row.time


def _not_retriable(workflow_id: str, status: GoalStatus) -> str:
    if status is GoalStatus.COMPLETED:
        return f"goal {workflow_id} has completed: hand it in anew to do it again"
    assert status not in RETRIABLE
    return f"goal {workflow_id} has not ended ({status.value}): there is nothing to pick up"
