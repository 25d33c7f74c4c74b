"""Requesting, voting on and deciding an approval, in a transaction."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

from pydantic import JsonValue, TypeAdapter
from sqlalchemy import Connection, bindparam, insert, select, update

from perdure.agents.steps.journal import ApprovalRequest
from perdure.models import Approval, Decision, Vote, beginning
from perdure.stores.database import schema
from perdure.stores.database.engine import Transaction
from perdure.stores.database.tenancy import tenant_of
from perdure.stores.events.event_store import add_event

_DATA: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)
_NAMES: TypeAdapter[tuple[str, ...]] = TypeAdapter(tuple[str, ...])

_APPROVALS: Final = schema.approvals.c
_WAITS: Final = schema.waits.c
_VOTES: Final = (
    select(schema.votes)
    .where(schema.votes.c.approval_id.in_(bindparam("approvals", expanding=True)))
    .order_by(schema.votes.c.at, schema.votes.c.by)
)
_QUESTIONS: Final = (
    select(_APPROVALS.approval_id, _APPROVALS.workflow_id, _APPROVALS.question)
    .where(_APPROVALS.workflow_id.in_(bindparam("runs", expanding=True)))
    .order_by(_APPROVALS.asked_at, _APPROVALS.approval_id)
)
_INSERT_APPROVAL: Final = insert(schema.approvals).values(tenant=tenant_of("run"))
_INSERT_VOTE: Final = insert(schema.votes)
_DECIDE: Final = (
    update(schema.approvals)
    .where(_APPROVALS.approval_id == bindparam("approval"))
    .values(decision=bindparam("json"))
)
_CURRENT: Final = select(_APPROVALS.decision, _APPROVALS.expires_at).where(
    _APPROVALS.approval_id == bindparam("approval")
)
_CLOSE_WAIT: Final = (
    update(schema.waits)
    .where(_WAITS.wait_id == bindparam("approval"), _WAITS.over_at.is_(None))
    .values(over_at=bindparam("now"))
)


def request_approval(
    transaction: Transaction,
    approval_id: str,
    workflow_id: str,
    request: ApprovalRequest,
    now: datetime,
) -> datetime | None:
    """Store an approval, add its event, and return when it expires."""
    expires_at = None if request.expires is None else now + request.expires
    data = _DATA.dump_json(request.data).decode()
    row = {
        "run": workflow_id,
        "approval_id": approval_id,
        "workflow_id": workflow_id,
        "question": request.question,
        "data": data,
        "of": _NAMES.dump_json(request.of).decode(),
        "needed": request.needed,
        "asked_at": now,
        "expires_at": expires_at,
    }
    transaction.connection.execute(_INSERT_APPROVAL, row)
    event: dict[str, JsonValue] = {
        "approval_id": approval_id,
        "question": beginning(request.question),
        "number": numbers_of(transaction.connection, [workflow_id])[approval_id],
        "of": list(request.of),
        "needed": request.needed,
        "expires_at": expires_at.isoformat() if expires_at else None,
    }
    words = {"question": request.question, "data": data}
    add_event(transaction, workflow_id, "approval.requested", event, words=words)
    return expires_at


def numbers_of(connection: Connection, workflow_ids: Collection[str]) -> Mapping[str, int]:
    """Return the numbers of runs' approvals among those of the same question, by their ids."""
    # Counted when it is read, since most questions are asked once; and not by the database, to
    # which sealed questions are all different.
    numbers: dict[str, int] = {}
    asked: Counter[tuple[str, str]] = Counter()
    for row in connection.execute(_QUESTIONS, {"runs": list(set(workflow_ids))}):
        asked[row.workflow_id, row.question] += 1
        numbers[row.approval_id] = asked[row.workflow_id, row.question]
    return numbers


def add_vote(transaction: Transaction, approval: Approval, vote: Vote) -> Decision | None:
    """Add a valid vote; decide the approval by a no, or when enough people have agreed."""
    row = vote.model_dump() | {"approval_id": approval.approval_id}
    transaction.connection.execute(_INSERT_VOTE, row)
    votes = (*approval.votes, vote)
    approvals = sum(one.approved for one in votes)
    if vote.approved and approvals < approval.needed:
        return None
    decision = Decision(approved=vote.approved, votes=votes, decided_at=vote.at)
    _store_decision(transaction, approval.approval_id, approval.workflow_id, decision)
    return decision


def decision_of(
    transaction: Transaction, approval_id: str, workflow_id: str, now: datetime
) -> Decision | None:
    """Return the decision on an approval, deciding it when it has expired."""
    parameters = {"approval": approval_id}
    current = transaction.connection.execute(_CURRENT, parameters).one()
    if current.decision is not None:
        return Decision.model_validate_json(current.decision)
    if current.expires_at is None or now < current.expires_at:
        return None
    votes = votes_of(transaction.connection, [approval_id])[approval_id]
    decision = Decision(approved=False, votes=votes, expired=True, decided_at=now)
    _store_decision(transaction, approval_id, workflow_id, decision)
    return decision


def votes_of(connection: Connection, approval_ids: Sequence[str]) -> Mapping[str, tuple[Vote, ...]]:
    """Return the votes on approvals, oldest first."""
    found: defaultdict[str, tuple[Vote, ...]] = defaultdict(tuple)
    if approval_ids:
        parameters = {"approvals": list(approval_ids)}
        for row in connection.execute(_VOTES, parameters).mappings():
            vote = Vote(by=row["by"], approved=row["approved"], reason=row["reason"], at=row["at"])
            found[row["approval_id"]] += (vote,)
    return found


def _store_decision(
    transaction: Transaction, approval_id: str, workflow_id: str, decision: Decision
) -> None:
    execute = transaction.connection.execute
    execute(_DECIDE, {"approval": approval_id, "json": decision.model_dump_json()})
    execute(_CLOSE_WAIT, {"approval": approval_id, "now": decision.decided_at})
    event = {"approval_id": approval_id} | decision.model_dump(mode="json")
    add_event(transaction, workflow_id, "approval.decided", event)
