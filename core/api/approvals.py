"""Routes of approvals: list them, show one, vote."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from perdure.api.dependencies import Service
from perdure.api.problems import Problem
from perdure.models import Vote
from perdure.stores.database.paging import PageCursor
from perdure.stores.journal.approvals import ApprovalRecord, ApprovalStatus, cursor_of

_UNKNOWN_APPROVAL = {"model": Problem, "description": "There is no such approval"}
_NOT_ASKED = {"model": Problem, "description": "Somebody else was asked"}
_CONFLICT = {"model": Problem, "description": "It is decided, has expired, or its run has ended"}
_INVALID = {"model": Problem, "description": "The request is not valid"}

router = APIRouter(prefix="/api/approvals", tags=["approvals"])


class ApprovalPage(BaseModel):
    """One page of approvals: those that are open first, then the newest first.

    Attributes:
        approvals: The approvals.
        after: Hand it in as ``after`` to get the next page; ``None`` when this is the last.
    """

    approvals: list[ApprovalRecord]
    after: str | None


class VoteRequest(BaseModel):
    """A person's vote on an approval.

    Attributes:
        approved: Yes or no.
        by: Who votes.
        reason: Why.
    """

    model_config = ConfigDict(extra="forbid")

    approved: Annotated[bool, Field(strict=True)]
    by: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    reason: Annotated[str, StringConstraints(max_length=4_000)] = ""


@router.get("", responses={422: _INVALID})
async def list_approvals(
    service: Service,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    status: ApprovalStatus | None = None,
    workflow_id: str | None = None,
    after: Annotated[str | None, Query(description="`after` of the previous page.")] = None,
) -> ApprovalPage:
    """List approvals, open and decided."""
    approvals = await service.stores.approvals.list(
        limit=limit,
        status=status,
        workflow_id=workflow_id,
        after=PageCursor.parse(after, grouped=True) if after is not None else None,
    )
    next_page = str(cursor_of(approvals[-1])) if len(approvals) == limit else None
    return ApprovalPage(approvals=approvals, after=next_page)


@router.get("/{approval_id}", responses={404: _UNKNOWN_APPROVAL})
async def show_approval(approval_id: str, service: Service) -> ApprovalRecord:
    """Show an approval: the question, its data, the votes."""
    return await service.stores.approvals.get(approval_id)


@router.post(
    "/{approval_id}",
    responses={403: _NOT_ASKED, 404: _UNKNOWN_APPROVAL, 409: _CONFLICT, 422: _INVALID},
)
async def answer_approval(
    approval_id: str, vote_request: VoteRequest, service: Service
) -> ApprovalRecord:
    """Vote yes or no; the run goes on as soon as the approval is decided.

    One no decides, and so do as many yes as are needed. The same vote of the same person is counted
    once. A vote counts from the response on, whether a worker runs or not.
    """
    vote = Vote(
        by=vote_request.by,
        approved=vote_request.approved,
        reason=vote_request.reason,
        at=datetime.now(UTC),
    )
    return await service.decisions.vote(approval_id, vote)
