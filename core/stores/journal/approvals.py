"""The approval store: approvals that runs request, their votes and decisions."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from pydantic import JsonValue, TypeAdapter
from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    and_,
    bindparam,
    case,
    func,
    null,
    or_,
    select,
)

from perdure.models import Decision, Vote, beginning
from perdure.models.texts import MAX_LISTED_CHARACTERS
from perdure.schemas.approvals import ApprovalRecord, ApprovalStatus, is_among
from perdure.stores.database import schema
from perdure.stores.database.engine import Transaction
from perdure.stores.database.errors import (
    AmbiguousName,
    InputRefused,
    NotAsked,
    UnknownApproval,
    VoteRefused,
)
from perdure.stores.database.paging import MIN_PREFIX_LENGTH, PageCursor, after_cursor, starts_with
from perdure.stores.database.tenancy import TenantStore
from perdure.stores.journal.decisions import add_vote, numbers_of, votes_of
from perdure.stores.journal.signals import run_ended_error
from perdure.stores.sealing.columns import is_sealed

_DATA: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)
_NAMES: TypeAdapter[tuple[str, ...]] = TypeAdapter(tuple[str, ...])

_APPROVALS: Final = schema.approvals.c
_GOALS: Final = schema.goals.c
_SELECT: Final = select(
    schema.approvals, _GOALS.ended_at.label("run_ended_at"), _GOALS.status.label("run_status")
).join(schema.goals, _GOALS.workflow_id == _APPROVALS.workflow_id)
# Of long texts no more is read than is shown, and how long they are; of sealed ones all.
_TEXTS: Final = (_APPROVALS.question, _APPROVALS.data)
_SELECT_LISTED: Final = _SELECT.with_only_columns(
    *(column for column in schema.approvals.c if column not in set(_TEXTS)),
    *(
        case((is_sealed(text), text), else_=func.substr(text, 1, MAX_LISTED_CHARACTERS + 1)).label(
            text.name
        )
        for text in _TEXTS
    ),
    *(
        case((is_sealed(text), null()), else_=func.length(text)).label(f"{text.name}_length")
        for text in _TEXTS
    ),
    _GOALS.ended_at.label("run_ended_at"),
)
_BY_ID: Final = _SELECT.where(_APPROVALS.approval_id == bindparam("approval"))
# Locking the run's row puts all changes of its waits in one order. It is a statement of its own: on
# PostgreSQL, rows joined to one whose lock had to be waited for are read as they were before.
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
_BY_PREFIX: Final = (
    select(_APPROVALS.approval_id).where(starts_with(_APPROVALS.approval_id, "prefix")).limit(4)
)


class ApprovalStore(TenantStore):
    """Approvals that runs request."""

    async def get(self, approval_id: str) -> ApprovalRecord:
        """Return an approval with the votes so far.

        Raises:
            UnknownApproval: There is none.
        """

        def fetch(connection: Connection) -> ApprovalRecord:
            return _whole_record(connection, self._row(connection, approval_id))

        return await self._database.read(fetch)

    async def list(
        self,
        *,
        limit: int = 50,
        status: ApprovalStatus | None = None,
        workflow_id: str | None = None,
        after: PageCursor | None = None,
    ) -> list[ApprovalRecord]:
        """Return approvals: open ones first, then the newest first.

        Of a question and of data that have more than 1,000 characters they show the beginning.

        Args:
            limit: How many at most.
            status: Only those of this status.
            workflow_id: Only those of this run.
            after: The :func:`cursor_of` of the last one of the page before.
        """
        now = datetime.now(UTC)
        is_open = case((_has_status(ApprovalStatus.OPEN, now), 1), else_=0)
        query = (
            self._tenancy.limited(_SELECT_LISTED, _APPROVALS.tenant)
            .order_by(is_open.desc(), _APPROVALS.asked_at.desc(), _APPROVALS.approval_id.desc())
            .limit(limit)
        )
        if status is not None:
            query = query.where(_has_status(status, now))
        if workflow_id is not None:
            query = query.where(_APPROVALS.workflow_id == workflow_id)
        if after is not None:
            query = query.where(
                after_cursor(after, _APPROVALS.asked_at, _APPROVALS.approval_id, is_open)
            )

        def fetch(connection: Connection) -> Sequence[ApprovalRecord]:
            rows = connection.execute(query).mappings().all()
            votes = votes_of(connection, [row["approval_id"] for row in rows])
            numbers = numbers_of(connection, [row["workflow_id"] for row in rows])
            return [_listed_record(row, votes, numbers, now) for row in rows]

        return list(await self._database.read(fetch))

    async def count_open(self) -> int:
        """Return how many approvals wait for people."""
        query = self._tenancy.limited(
            select(func.count())
            .select_from(schema.approvals.join(schema.goals))
            .where(_has_status(ApprovalStatus.OPEN, datetime.now(UTC))),
            _APPROVALS.tenant,
        )
        return await self._database.read(lambda connection: connection.execute(query).scalar_one())

    async def find(self, name: str) -> str:
        """Return the id of the approval that an id, or the first characters of one, names.

        Raises:
            UnknownApproval: There is none, or fewer than 6 characters are given.
            AmbiguousName: There are several.
        """
        query = self._tenancy.limited(_BY_PREFIX, _APPROVALS.tenant)
        found = await self._database.read(
            lambda connection: connection.execute(query, {"prefix": name}).scalars().all()
        )
        if name in found:
            return name
        if not found or len(name) < MIN_PREFIX_LENGTH:
            raise UnknownApproval(name)
        if len(found) > 1:
            raise AmbiguousName(name, list(found))
        return str(found[0])

    async def vote(self, approval_id: str, vote: Vote) -> ApprovalRecord:
        """Store one person's vote; the same vote twice is stored once.

        One no decides; so do as many yes as are needed. A vote that is refused changes nothing.

        Returns:
            The approval with the vote.

        Raises:
            UnknownApproval: There is no such approval.
            NotAsked: Other people were asked.
            VoteRefused: It is decided, it has expired, or this person has voted otherwise.
            RunEnded: The run has ended.
            InputRefused: The voter's name has characters that cannot be shown.
        """
        if not vote.by.isprintable():
            raise InputRefused("'by' holds characters that cannot be shown: write a name")

        def store_vote(transaction: Transaction) -> ApprovalRecord:
            connection = transaction.connection
            connection.execute(_LOCK, {"approval": approval_id})
            row = self._row(connection, approval_id)
            approval = _whole_record(connection, row)
            votes = approval.votes
            if any(_is_same_vote(vote, earlier) for earlier in votes):
                return approval
            _check_vote(approval, vote, row["run_status"])
            decision = add_vote(transaction, approval, vote)
            return ApprovalRecord.model_validate(
                approval.model_dump()
                | {"votes": (*votes, vote), "decision": decision, "status": _status(decision)}
            )

        return await self._database.write(store_vote)

    def _row(self, connection: Connection, approval_id: str) -> RowMapping:
        row = connection.execute(_BY_ID, {"approval": approval_id}).mappings().first()
        if row is None or self._tenancy.tenant not in {None, row["tenant"]}:
            raise UnknownApproval(approval_id)
        return row


def cursor_of(approval: ApprovalRecord) -> PageCursor:
    """Return the cursor of an approval in :meth:`ApprovalStore.list`."""
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
        raise run_ended_error(approval.workflow_id, run_status)
    if approval.of and not is_among(vote.by, approval.of):
        asked = ", ".join(approval.of)
        raise NotAsked(f"{vote.by!r} was not asked by {name}: one of {asked} has to answer")
    if is_among(vote.by, [earlier.by for earlier in approval.votes]):
        raise VoteRefused(
            f"{vote.by!r} has answered {name} before, and otherwise: another person has to answer"
        )


def _is_same_vote(vote: Vote, earlier: Vote) -> bool:
    return (
        is_among(vote.by, [earlier.by])
        and vote.approved == earlier.approved
        and vote.reason == earlier.reason
    )


def _has_status(status: ApprovalStatus, now: datetime) -> ColumnElement[bool]:
    decision = _APPROVALS.decision
    # Decisions are JSON that a Pydantic model wrote, so "approved" is their first field; within a
    # string the quotes would be escaped.
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


def _whole_record(connection: Connection, row: RowMapping) -> ApprovalRecord:
    approval = row["approval_id"]
    votes = votes_of(connection, [approval])[approval]
    number = numbers_of(connection, [row["workflow_id"]])[approval]
    return _record(row, votes, number, datetime.now(UTC), _DATA.validate_json(row["data"]))


def _listed_record(
    row: RowMapping,
    votes: Mapping[str, tuple[Vote, ...]],
    numbers: Mapping[str, int],
    now: datetime,
) -> ApprovalRecord:
    approval, length = row["approval_id"], _length(row, "data")
    is_long = length > MAX_LISTED_CHARACTERS
    data = beginning(row["data"], length) if is_long else _DATA.validate_json(row["data"])
    record = _record(row, votes[approval], numbers[approval], now, data)
    if (length := _length(row, "question")) > MAX_LISTED_CHARACTERS:
        question = beginning(row["question"], length)
        return record.model_copy(update={"question": question, "shortened": True})
    return record.model_copy(update={"shortened": is_long})


def _length(row: RowMapping, name: str) -> int:
    length: int | None = row[f"{name}_length"]
    return len(row[name]) if length is None else length


def _record(
    row: RowMapping, votes: tuple[Vote, ...], number: int, now: datetime, data: JsonValue
) -> ApprovalRecord:
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
        number=number,
        data=data,
        of=_NAMES.validate_json(row["of"]),
        needed=row["needed"],
        asked_at=row["asked_at"],
        expires_at=row["expires_at"],
        votes=votes,
        decision=decision,
        status=status,
    )
