"""The control store: what is asked of runs, runs picked up again, runs that nothing is heard of."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from sqlalchemy import and_, bindparam, null, or_, select, update

from perdure.models import Failure, GoalStatus
from perdure.stores.database import schema
from perdure.stores.database.engine import Database, Transaction
from perdure.stores.database.errors import RunNotEnded, UnknownGoal
from perdure.stores.events.event_store import add_event
from perdure.stores.journal.reopening import RETRIABLE, Before, put_back, reopen
from perdure.stores.runs.results import tell_end

Request = Literal["pause", "cancel"]

_GOALS: Final = schema.goals.c
_EVENTS: Final = schema.events.c
_ASK: Final = (
    update(schema.goals)
    .where(
        _GOALS.workflow_id.in_(bindparam("runs", expanding=True)),
        _GOALS.ended_at.is_(None),
        # Nobody takes back that a run is to be cancelled.
        or_(_GOALS.request.is_(None), bindparam("wanted") == "cancel"),
    )
    .values(request=bindparam("wanted"))
)
_PAUSE_NO_MORE: Final = (
    update(schema.goals)
    .where(
        _GOALS.workflow_id.in_(bindparam("runs", expanding=True)),
        _GOALS.request == "pause",
    )
    .values(request=null())
)
# No worker has a run that waits, so nobody else says that it is paused meanwhile.
_PAUSED_WHILE_WAITING: Final = (
    update(schema.goals)
    .where(
        _GOALS.workflow_id.in_(bindparam("runs", expanding=True)),
        _GOALS.status == GoalStatus.WAITING.value,
    )
    .values(status=GoalStatus.PAUSED.value)
    .returning(_GOALS.workflow_id)
)
_WAITS_ON: Final = (
    update(schema.goals)
    .where(
        _GOALS.workflow_id.in_(bindparam("runs", expanding=True)),
        _GOALS.status == GoalStatus.PAUSED.value,
        select(schema.waits.c.wait_id)
        .where(schema.waits.c.workflow_id == _GOALS.workflow_id, schema.waits.c.taken_at.is_(None))
        .exists(),
    )
    .values(status=GoalStatus.WAITING.value)
    .returning(_GOALS.workflow_id)
)
_STANDING: Final = select(_GOALS.status, _GOALS.parent).where(
    _GOALS.workflow_id == bindparam("run")
)
_TREE: Final = (
    select(_GOALS.workflow_id, _GOALS.ended_at)
    .where(_GOALS.parent == bindparam("run"))
    .cte("tree", recursive=True)
)
_ALL_BELOW: Final = _TREE.union_all(
    select(_GOALS.workflow_id, _GOALS.ended_at).where(_GOALS.parent == _TREE.c.workflow_id)
)
_OPEN_BELOW: Final = select(_ALL_BELOW.c.workflow_id).where(_ALL_BELOW.c.ended_at.is_(None))
_LAST_HEARD: Final = (
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
    _LAST_HEARD.where(
        _EVENTS.time <= bindparam("then"), _GOALS.workflow_id > bindparam("following")
    )
    .order_by(_GOALS.workflow_id)
    .limit(bindparam("most"))
)
_HEARD: Final = _LAST_HEARD.where(_GOALS.workflow_id == bindparam("run"))


class ControlStore:
    """Control of runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def request(self, workflow_ids: Collection[str], request: Request | None) -> None:
        """Ask the workers that execute runs to pause or cancel them, or to pause them no more.

        A run that is to be cancelled stays so; one that has ended is left alone. One that waits is
        executed by no worker: it stands on paused at once.
        """
        runs = {"runs": list(workflow_ids)}
        if not runs["runs"]:
            return

        def ask(transaction: Transaction) -> None:
            execute = transaction.connection.execute
            if request is None:
                execute(_PAUSE_NO_MORE, runs)
                for run in execute(_WAITS_ON, runs).scalars().all():
                    add_event(transaction, run, "run.waiting", {})
                return
            execute(_ASK, runs | {"wanted": request})
            if request == "pause":
                for run in execute(_PAUSED_WHILE_WAITING, runs).scalars().all():
                    add_event(transaction, run, "run.paused", {})

        await self._database.write(ask)

    async def open_below(self, workflow_id: str) -> list[str]:
        """Return the delegates of a run, and theirs …, that have not ended."""
        asked = {"run": workflow_id}
        found = await self._database.read(
            lambda tree: tree.execute(_OPEN_BELOW, asked).scalars().all()
        )
        return list(found)

    async def reopen(self, workflow_id: str) -> Before:
        """Reopen a run that failed, was cancelled or was terminated; its journal stays.

        Returns:
            How it had ended, for :meth:`put_back`.

        Raises:
            UnknownGoal: There is no such run.
            RunNotEnded: It has not ended, has completed, or was delegated by another one.
        """

        def open_again(transaction: Transaction) -> Before:
            standing = transaction.connection.execute(_STANDING, {"run": workflow_id}).first()
            if standing is None:
                raise UnknownGoal(workflow_id)
            if standing.parent is not None:
                raise RunNotEnded(
                    f"goal {workflow_id} was delegated by {standing.parent}: retry that one, which"
                    " picks up its delegates too"
                )
            before = reopen(transaction, workflow_id)
            if before is None:
                raise RunNotEnded(_why_not(workflow_id, GoalStatus(standing.status)))
            return before

        return await self._database.write(open_again)

    async def put_back(self, workflow_id: str, before: Before) -> None:
        """Close a run again as it was before :meth:`reopen`, because it could not be started."""

        def close_again(transaction: Transaction) -> None:
            if not put_back(transaction, workflow_id, before):
                return
            ended = before.ended
            error = Failure.model_validate_json(ended["error"]) if ended["error"] else None
            status, seconds = GoalStatus(ended["status"]), ended["execution_time"]
            tell_end(transaction, workflow_id, status, error, seconds)

        await self._database.write(close_again)

    async def silent(
        self, longer_than: timedelta, *, following: str = "", limit: int = 50
    ) -> list[str]:
        """Return runs that have not ended and of which nothing was heard for long, in order.

        Args:
            longer_than: For how long.
            following: Only those whose workflow id comes after this one.
            limit: How many at most.
        """
        then = datetime.now(UTC) - longer_than
        asked = {"then": then, "following": following, "most": limit}
        found = await self._database.read(lambda runs: runs.execute(_SILENT, asked).scalars().all())
        return list(found)

    async def last_heard(self, workflow_id: str) -> datetime | None:
        """Return when a run told its last event; ``None`` when it has ended or is unknown."""
        asked = {"run": workflow_id}
        row = await self._database.read(lambda found: found.execute(_HEARD, asked).first())
        return None if row is None else row.time


def _why_not(workflow_id: str, status: GoalStatus) -> str:
    if status is GoalStatus.COMPLETED:
        return f"goal {workflow_id} has completed: hand it in anew to do it again"
    assert status not in RETRIABLE
    return f"goal {workflow_id} has not ended ({status.value}): there is nothing to pick up"
