"""The approval store: approvals that runs request, their votes and decisions."""

import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from pydantic import JsonValue, TypeAdapter
from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    and_,
    bindparam,
    case,
    or_,
    select,
)

from perdure.models import Approval, Decision, Vote
from perdure.stores.database import schema
from perdure.stores.database.engine import Database, Transaction
from perdure.stores.database.errors import (
    AmbiguousName,
    InputRefused,
    NotAsked,
    UnknownApproval,
    VoteRefused,
)
from perdure.stores.database.paging import MIN_PREFIX_LENGTH, PageCursor, after_cursor, starts_with
from perdure.stores.journal.decisions import decide, votes_of
from perdure.stores.journal.signals import run_ended

_DATA: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)
_NAMES: TypeAdapter[tuple[str, ...]] = TypeAdapter(tuple[str, ...])

_APPROVALS: Final = schema.approvals.c
_GOALS: Final = schema.goals.c
_FULL: Final = select(
    schema.approvals, _GOALS.ended_at.label("run_ended_at"), _GOALS.status.label("run_status")
).join(schema.goals, _GOALS.workflow_id == _APPROVALS.workflow_id)
_THIS: Final = _FULL.where(_APPROVALS.approval_id == bindparam("approval"))
# The run's row orders all that happens to its waits. A statement of its own, for on PostgreSQL what
# is joined to a row that had to be waited for is read as it was before.
_LOCK: Final = (
    select(_GOALS.workflow_id)
    .where(
        _GOALS.workflow_id
        == select(_APPROVALS.workflow_id)
        .where(_APPROVALS.approval_id == bindparam("approval"))
        .scalar_subquery()
    )
    .with_for_update()
)
_FITTING: Final = (
    select(_APPROVALS.approval_id).where(starts_with(_APPROVALS.approval_id, "beginning")).limit(4)
)


class ApprovalStatus(StrEnum):
    """Where a question stands.

    ``closed``: the run ended before anybody had decided.
    """

    OPEN = "open"
    APPROVED = "approved"
    REFUSED = "refused"
    EXPIRED = "expired"
    CLOSED = "closed"


class ApprovalRecord(Approval):
    """A question that a run asks people, as it is shown to them.

    Attributes:
        status: Where it stands.
    """

    status: ApprovalStatus


class ApprovalStore:
    """Questions of runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, approval_id: str) -> ApprovalRecord:
        """Return a question with the votes so far.

        Raises:
            UnknownApproval: There is none.
        """

        def fetch(connection: Connection) -> ApprovalRecord:
            row = connection.execute(_THIS, {"approval": approval_id}).mappings().first()
            if row is None:
                raise UnknownApproval(approval_id)
            return _record(row, votes_of(connection, [approval_id])[approval_id])

        return await self._database.read(fetch)

    async def list(
        self,
        *,
        limit: int = 50,
        status: ApprovalStatus | None = None,
        workflow_id: str | None = None,
        after: PageCursor | None = None,
    ) -> list[ApprovalRecord]:
        """Return questions: those that are open first, then the newest first.

        Args:
            limit: How many at most.
            status: Only those that stand so.
            workflow_id: Only those of this run.
            after: The last one's :func:`cursor_of` gives the next page.
        """
        now = datetime.now(UTC)
        is_open = case((_stands(ApprovalStatus.OPEN, now), 1), else_=0)
        query = _FULL.order_by(
            is_open.desc(), _APPROVALS.asked_at.desc(), _APPROVALS.approval_id.desc()
        ).limit(limit)
        if status is not None:
            query = query.where(_stands(status, now))
        if workflow_id is not None:
            query = query.where(_APPROVALS.workflow_id == workflow_id)
        if after is not None:
            query = query.where(
                after_cursor(after, _APPROVALS.asked_at, _APPROVALS.approval_id, is_open)
            )

        def fetch(connection: Connection) -> Sequence[ApprovalRecord]:
            rows = connection.execute(query).mappings().all()
            votes = votes_of(connection, [row["approval_id"] for row in rows])
            return [_record(row, votes[row["approval_id"]], now) for row in rows]

        return list(await self._database.read(fetch))

    async def find(self, name: str) -> str:
        """Return the id of the question that a person means by an id or its beginning.

        Raises:
            UnknownApproval: There is none, or fewer than 6 characters are given.
            AmbiguousName: There are several.
        """
        found = await self._database.read(
            lambda connection: connection.execute(_FITTING, {"beginning": name}).scalars().all()
        )
        if name in found:
            return name
        if not found or len(name) < MIN_PREFIX_LENGTH:
            raise UnknownApproval(name)
        if len(found) > 1:
            raise AmbiguousName(name, list(found))
        return str(found[0])

    async def vote(self, approval_id: str, vote: Vote) -> ApprovalRecord:
        """Take one person's answer; the same answer twice is taken once.

        One no decides; so do as many yes as are needed. What is not accepted changes nothing.

        Returns:
            The question as it stands with the vote.

        Raises:
            UnknownApproval: There is no such question.
            NotAsked: Others were asked.
            VoteRefused: It is decided, it has expired, or this person has voted otherwise.
            RunEnded: The run has ended.
            InputRefused: The voter's name is none.
        """
        if not vote.by.isprintable():
            raise InputRefused("'by' holds characters that cannot be shown: write a name")

        def take(transaction: Transaction) -> ApprovalRecord:
            connection = transaction.connection
            parameters = {"approval": approval_id}
            connection.execute(_LOCK, parameters)
            row = connection.execute(_THIS, parameters).mappings().first()
            if row is None:
                raise UnknownApproval(approval_id)
            votes = votes_of(connection, [approval_id])[approval_id]
            approval = _record(row, votes)
            if any(_same(vote, earlier) for earlier in votes):
                return approval
            _check_vote(approval, vote, row["run_status"])
            decision = decide(transaction, approval, vote)
            return ApprovalRecord.model_validate(
                approval.model_dump()
                | {"votes": (*votes, vote), "decision": decision, "status": _status(decision)}
            )

        return await self._database.write(take)


def cursor_of(approval: ApprovalRecord) -> PageCursor:
    """Return an approval's place in :meth:`ApprovalStore.list`."""
    group = int(approval.status is ApprovalStatus.OPEN)
    return PageCursor(approval.asked_at, approval.approval_id, group)


def _check_vote(approval: ApprovalRecord, vote: Vote, run_status: str) -> None:
    name = f"approval {approval.approval_id}"
    if approval.status in {ApprovalStatus.APPROVED, ApprovalStatus.REFUSED}:
        assert approval.decision is not None
        by = ", ".join(vote.by for vote in approval.decision.votes)
        raise VoteRefused(f"{name} is decided already ({approval.status.value} by {by})")
    if approval.status is ApprovalStatus.EXPIRED:
        raise VoteRefused(f"{name} has expired, which counts as no: it takes no answer any more")
    if approval.status is ApprovalStatus.CLOSED:
        raise run_ended(approval.workflow_id, run_status)
    if approval.of and _person(vote.by) not in map(_person, approval.of):
        asked = ", ".join(approval.of)
        raise NotAsked(f"{vote.by!r} was not asked by {name}: one of {asked} has to answer")
    if any(_person(earlier.by) == _person(vote.by) for earlier in approval.votes):
        raise VoteRefused(
            f"{vote.by!r} has answered {name} before, and otherwise: another person has to answer"
        )


def _same(vote: Vote, earlier: Vote) -> bool:
    return (
        _person(vote.by) == _person(earlier.by)
        and vote.approved == earlier.approved
        and vote.reason == earlier.reason
    )


def _person(name: str) -> str:
    # Who votes as "Ann" and as "ann" is one person.
    return unicodedata.normalize("NFKC", name).casefold().strip()


def _stands(status: ApprovalStatus, now: datetime) -> ColumnElement[bool]:
    decision = _APPROVALS.decision
    # Decisions are JSON that a model wrote, so they begin with what was decided; within a string
    # the quotes would be escaped.
    approved = decision.startswith('{"approved":true')
    was_expired = decision.contains('"expired":true')
    is_late = and_(_APPROVALS.expires_at.is_not(None), _APPROVALS.expires_at <= now)
    undecided = decision.is_(None)
    match status:
        case ApprovalStatus.APPROVED:
            return approved
        case ApprovalStatus.REFUSED:
            return and_(decision.is_not(None), ~approved, ~was_expired)
        case ApprovalStatus.EXPIRED:
            return or_(was_expired, and_(undecided, is_late))
        case ApprovalStatus.CLOSED:
            return and_(undecided, ~is_late, _GOALS.ended_at.is_not(None))
        case ApprovalStatus.OPEN:
            return and_(undecided, ~is_late, _GOALS.ended_at.is_(None))


def _status(decision: Decision | None) -> ApprovalStatus:
    if decision is None:
        return ApprovalStatus.OPEN
    if decision.expired:
        return ApprovalStatus.EXPIRED
    return ApprovalStatus.APPROVED if decision.approved else ApprovalStatus.REFUSED


def _record(
    row: RowMapping, votes: tuple[Vote, ...], now: datetime | None = None
) -> ApprovalRecord:
    now = now or datetime.now(UTC)
    decision = Decision.model_validate_json(row["decision"]) if row["decision"] else None
    status = _status(decision)
    if decision is None and row["expires_at"] is not None and row["expires_at"] <= now:
        status = ApprovalStatus.EXPIRED
    elif decision is None and row["run_ended_at"] is not None:
        status = ApprovalStatus.CLOSED
    return ApprovalRecord(
        approval_id=row["approval_id"],
        workflow_id=row["workflow_id"],
        question=row["question"],
        data=_DATA.validate_json(row["data"]),
        of=_NAMES.validate_json(row["of"]),
        needed=row["needed"],
        asked_at=row["asked_at"],
        expires_at=row["expires_at"],
        votes=votes,
        decision=decision,
        status=status,
    )
