"""Routes of approvals: list them, show one, vote."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query

from perdure.api.access.requirements import Audited, Caller, check_name, requires
from perdure.api.problems.answers import problems
from perdure.api.problems.types import ProblemType
from perdure.api.routes.dependencies import Service
from perdure.models import Vote
from perdure.schemas.access import Scope
from perdure.schemas.approvals import (
    ApprovalPage,
    ApprovalRecord,
    ApprovalStatus,
    FoundApproval,
    VoteRequest,
)
from perdure.stores.database.paging import PageCursor
from perdure.stores.journal.approvals import cursor_of

router = APIRouter(prefix="/api/approvals", tags=["approvals"])


@router.get("", dependencies=[requires(Scope.READ)])
async def list_approvals(
    service: Service,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    status: Annotated[
        ApprovalStatus | Literal["all"], Query(description="`all` for open and decided ones.")
    ] = ApprovalStatus.OPEN,
    workflow_id: str | None = None,
    after: Annotated[str | None, Query(description="`after` of the previous page.")] = None,
) -> ApprovalPage:
    """List approvals: those that are open, unless `status` says otherwise."""
    approvals = await service.stores.approvals.list(
        limit=limit,
        status=None if status == "all" else status,
        workflow_id=workflow_id,
        after=PageCursor.parse(after, grouped=True) if after is not None else None,
    )
    next_page = str(cursor_of(approvals[-1])) if len(approvals) == limit else None
    return ApprovalPage(approvals=approvals, after=next_page)


@router.get(
    "/find",
    dependencies=[requires(Scope.READ)],
    responses=problems(ProblemType.UNKNOWN_APPROVAL, ProblemType.AMBIGUOUS_NAME),
)
async def find_approval(
    service: Service,
    name: Annotated[
        str,
        Query(
            max_length=1_000,
            description="Its id, or the beginning of it, 6 characters or more.",
        ),
    ],
) -> FoundApproval:
    """Find the approval that a name stands for, as people write it on the command line."""
    return FoundApproval(approval_id=await service.stores.approvals.find(name))


@router.get(
    "/{approval_id}",
    dependencies=[requires(Scope.READ)],
    responses=problems(ProblemType.UNKNOWN_APPROVAL),
)
async def show_approval(approval_id: str, service: Service) -> ApprovalRecord:
    """Show an approval: the question, its data, the votes."""
    return await service.stores.approvals.get(approval_id)


@router.post(
    "/{approval_id}",
    dependencies=[requires(Scope.APPROVE, "approval.vote")],
    responses=problems(
        ProblemType.UNKNOWN_APPROVAL,
        ProblemType.NOT_ASKED,
        ProblemType.VOTE_REFUSED,
        ProblemType.RUN_ENDED,
    ),
)
async def answer_approval(
    approval_id: str,
    vote_request: VoteRequest,
    service: Service,
    caller: Caller,
    audited: Audited,
) -> ApprovalRecord:
    """Vote yes or no; the run goes on as soon as the approval is decided.

    One no decides, and so do as many yes as are needed. The same vote of the same person is counted
    once. A vote counts from the response on, whether a worker runs or not.
    """
    check_name(caller, vote_request.by)
    audited.details = {"by": vote_request.by, "approved": vote_request.approved}
    vote = Vote(
        by=vote_request.by,
        approved=vote_request.approved,
        reason=vote_request.reason,
        at=datetime.now(UTC),
    )
    return await service.decisions.vote(approval_id, vote)
