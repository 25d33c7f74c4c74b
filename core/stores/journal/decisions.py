"""How a question of a run is put, voted on and settled, within a transaction."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from pydantic import JsonValue, TypeAdapter
from sqlalchemy import Connection, bindparam, insert, select, update

from perdure.agents.steps.journal import ApprovalRequest
from perdure.models import Approval, Decision, Vote
from perdure.stores.database import schema
from perdure.stores.database.engine import Transaction
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
_ASK: Final = insert(schema.approvals)
_VOTE: Final = insert(schema.votes)
_DECIDE: Final = (
    update(schema.approvals)
    .where(_APPROVALS.approval_id == bindparam("approval"))
    .values(decision=bindparam("outcome"))
)
_STANDING: Final = select(_APPROVALS.decision, _APPROVALS.expires_at).where(
    _APPROVALS.approval_id == bindparam("approval")
)
_OVER: Final = (
    update(schema.waits)
    .where(_WAITS.wait_id == bindparam("approval"), _WAITS.over_at.is_(None))
    .values(over_at=bindparam("now"))
)


def ask(
    transaction: Transaction,
    approval_id: str,
    workflow_id: str,
    question: ApprovalRequest,
    now: datetime,
) -> datetime | None:
    """Put a question, tell the run's readers, and return when it expires."""
    expires_at = None if question.expires is None else now + question.expires
    row = {
        "approval_id": approval_id,
        "workflow_id": workflow_id,
        "question": question.question,
        "data": _DATA.dump_json(question.data).decode(),
        "of": _NAMES.dump_json(question.of).decode(),
        "needed": question.needed,
        "asked_at": now,
        "expires_at": expires_at,
    }
    transaction.connection.execute(_ASK, row)
    told: dict[str, JsonValue] = {
        "approval_id": approval_id,
        "question": question.question,
        "of": list(question.of),
        "needed": question.needed,
        "expires_at": expires_at.isoformat() if expires_at else None,
    }
    add_event(transaction, workflow_id, "approval.requested", told)
    return expires_at


def decide(transaction: Transaction, approval: Approval, vote: Vote) -> Decision | None:
    """Add a vote that was checked, and decide the question when that settles it."""
    row = vote.model_dump() | {"approval_id": approval.approval_id}
    transaction.connection.execute(_VOTE, row)
    votes = (*approval.votes, vote)
    agreed = sum(one.approved for one in votes)
    if vote.approved and agreed < approval.needed:
        return None
    decision = Decision(approved=vote.approved, votes=votes, decided_at=vote.at)
    _settle(transaction, approval.approval_id, approval.workflow_id, decision)
    return decision


def decision_of(
    transaction: Transaction, approval_id: str, workflow_id: str, now: datetime
) -> Decision | None:
    """Return what came of a question, settling it when its time is over."""
    asked = {"approval": approval_id}
    standing = transaction.connection.execute(_STANDING, asked).one()
    if standing.decision is not None:
        return Decision.model_validate_json(standing.decision)
    if standing.expires_at is None or now < standing.expires_at:
        return None
    votes = votes_of(transaction.connection, [approval_id])[approval_id]
    decision = Decision(approved=False, votes=votes, expired=True, decided_at=now)
    _settle(transaction, approval_id, workflow_id, decision)
    return decision


def votes_of(connection: Connection, approval_ids: Sequence[str]) -> Mapping[str, tuple[Vote, ...]]:
    """Return the votes on questions, in the order they came."""
    found: defaultdict[str, tuple[Vote, ...]] = defaultdict(tuple)
    if approval_ids:
        asked = {"approvals": list(approval_ids)}
        for row in connection.execute(_VOTES, asked).mappings():
            vote = Vote(by=row["by"], approved=row["approved"], reason=row["reason"], at=row["at"])
            found[row["approval_id"]] += (vote,)
    return found


def _settle(
    transaction: Transaction, approval_id: str, workflow_id: str, decision: Decision
) -> None:
    outcome = {"approval": approval_id, "outcome": decision.model_dump_json()}
    transaction.connection.execute(_DECIDE, outcome)
    over = {"approval": approval_id, "now": decision.decided_at}
    transaction.connection.execute(_OVER, over)
    told = {"approval_id": approval_id} | decision.model_dump(mode="json")
    add_event(transaction, workflow_id, "approval.decided", told)
