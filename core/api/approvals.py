"""Routes of approvals: what runs ask people, and the answers."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from perdure.api.dependencies import Service
from perdure.api.problems import Problem
from perdure.models import Vote
from perdure.stores.database.paging import Place
from perdure.stores.journal.approvals import ApprovalRecord, ApprovalStatus, place_of

_UNKNOWN = {"model": Problem, "description": "There is no such approval"}
_NOT_ASKED = {"model": Problem, "description": "Somebody else was asked"}
_TOO_LATE = {"model": Problem, "description": "It is decided, has expired, or its run has ended"}
_REFUSED = {"model": Problem, "description": "What was sent is no answer"}

router = APIRouter(prefix="/api/approvals", tags=["approvals"])


class ApprovalPage(BaseModel):
    """Some approvals: those that are open first, then the newest first.

    Attributes:
        approvals: The approvals.
        after: Hand it in as ``after`` to get the next page; ``None`` when this is the last.
    """

    approvals: list[ApprovalRecord]
    after: str | None


class Said(BaseModel):
    """What somebody says to a question.

    Attributes:
        approved: Yes or no.
        by: Who says it.
        reason: Why.
    """

    model_config = ConfigDict(extra="forbid")

    approved: Annotated[bool, Field(strict=True)]
    by: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    reason: Annotated[str, StringConstraints(max_length=4_000)] = ""


@router.get("", responses={422: _REFUSED})
async def list_approvals(
    service: Service,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    status: ApprovalStatus | None = None,
    workflow_id: str | None = None,
    after: Annotated[str | None, Query(description="What the page before gave.")] = None,
) -> ApprovalPage:
    """List what runs ask, or have asked."""
    found = await service.stores.approvals.list(
        limit=limit,
        status=status,
        workflow_id=workflow_id,
        after=Place.parse(after, grouped=True) if after is not None else None,
    )
    following = str(place_of(found[-1])) if len(found) == limit else None
    return ApprovalPage(approvals=found, after=following)


@router.get("/{approval_id}", responses={404: _UNKNOWN})
async def show_approval(approval_id: str, service: Service) -> ApprovalRecord:
    """Show what is asked, with all that the answer depends on."""
    return await service.stores.approvals.get(approval_id)


@router.post(
    "/{approval_id}", responses={403: _NOT_ASKED, 404: _UNKNOWN, 409: _TOO_LATE, 422: _REFUSED}
)
async def answer_approval(approval_id: str, said: Said, service: Service) -> ApprovalRecord:
    """Say yes or no; the run goes on as soon as it is decided.

    One no decides, and so do as many yes as are needed. The same answer of the same person again
    is taken once. Once this has answered the vote counts, with a worker up or not.
    """
    vote = Vote(by=said.by, approved=said.approved, reason=said.reason, at=datetime.now(UTC))
    return await service.answering.vote(approval_id, vote)
