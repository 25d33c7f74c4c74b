"""Requests of approvals: list them, show one, vote."""

from typing import Literal

from perdure.client.requests.request import Request, get, post
from perdure.schemas.approvals import (
    ApprovalPage,
    ApprovalRecord,
    ApprovalStatus,
    FoundApproval,
    VoteRequest,
)


def list_page(
    *,
    status: ApprovalStatus | Literal["all"] | str = "open",
    workflow_id: str | None = None,
    limit: int = 50,
    after: str | None = None,
) -> Request[ApprovalPage]:
    """List approvals, one page of them: open ones, unless ``status`` says otherwise.

    Args:
        status: Their status; ``all`` for open and decided ones.
        workflow_id: The run that asks.
        limit: How many at most, up to 500.
        after: ``after`` of the previous page.
    """
    return get(
        ("api", "approvals"),
        ApprovalPage,
        status=status,
        workflow_id=workflow_id,
        limit=limit,
        after=after,
    )


def find(name: str) -> Request[FoundApproval]:
    """Find the approval that an id stands for, or the beginning of one, 6 characters or more."""
    return get(("api", "approvals", "find"), FoundApproval, name=name)


def show(approval_id: str) -> Request[ApprovalRecord]:
    """Show an approval: the question, its data, the votes."""
    return get(("api", "approvals", approval_id), ApprovalRecord)


def vote(approval_id: str, *, approved: bool, by: str, reason: str = "") -> Request[ApprovalRecord]:
    """Vote yes or no; the same vote of the same person is counted once.

    Args:
        approval_id: The approval.
        approved: Yes or no.
        by: Who votes.
        reason: Why.
    """
    body = VoteRequest(approved=approved, by=by, reason=reason)
    return post(("api", "approvals", approval_id), ApprovalRecord, body, repeatable=True)
