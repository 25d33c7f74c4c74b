"""The pages of approvals: what waits for people, and their answers."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import ValidationError

from perdure.api.access.principals import Principal
from perdure.api.access.requirements import Audited, Caller, requires
from perdure.api.routes.dependencies import Service
from perdure.models import GoalRecord, Vote
from perdure.schemas.access import Scope
from perdure.schemas.approvals import ApprovalRecord, ApprovalStatus
from perdure.stores import UnknownGoal
from perdure.stores.database.errors import InputRefused, StateConflict
from perdure.stores.database.paging import PageCursor
from perdure.stores.journal.approvals import cursor_of
from perdure.temporal.client.goal_service import GoalService
from perdure.web.forms.sent import sent_form
from perdure.web.rendering.pages import render_page

_SHOWN: Final = 30
_SHOWN_DECIDED: Final = 20
# A person's name, kept by the browser where nobody has signed in.
_NAME_COOKIE: Final = "voter"
_YEAR: Final = 31_536_000

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/approvals", dependencies=[requires(Scope.READ)])
async def approvals(request: Request, service: Service, after: str | None = None) -> HTMLResponse:
    """Show what waits for people, and what they answered last."""
    listed = await service.stores.approvals.list(
        limit=_SHOWN + _SHOWN_DECIDED,
        after=PageCursor.parse(after, grouped=True) if after else None,
    )
    values = {
        "open": [item for item in listed if item.status is ApprovalStatus.OPEN],
        "decided": [item for item in listed if item.status is not ApprovalStatus.OPEN],
        "goals": await goals_of(service, listed),
        "voter": voter_of(request),
        "after": str(cursor_of(listed[-1])) if len(listed) == _SHOWN + _SHOWN_DECIDED else None,
        "is_first": not after,
    }
    return render_page(request, "approvals/page", values)


@router.get("/approvals/{approval_id}", dependencies=[requires(Scope.READ)])
async def approval(approval_id: str, request: Request, service: Service) -> HTMLResponse:
    """Show one approval, with all of its question and data."""
    record = await service.stores.approvals.get(approval_id)
    return await _show(request, service, record)


@router.post("/approvals/{approval_id}", dependencies=[requires(Scope.APPROVE, "approval.vote")])
async def answer(
    approval_id: str, request: Request, service: Service, caller: Caller, audited: Audited
) -> Response:
    """Take a vote; htmx gets the approval as it is then, in place of the form."""
    form = await sent_form(request)
    by = caller.name if caller.is_person else form.get("by", "").strip()
    problem, status = "", 200
    audited.details = {"by": by, "approved": form.get("answer") == "approve"}
    try:
        vote = Vote(
            by=by,
            approved=form.get("answer") == "approve",
            reason=form.get("reason", "").strip(),
            at=datetime.now(UTC),
        )
        record = await service.decisions.vote(approval_id, vote)
    except ValidationError:
        problem, status = "Say who you are, in 200 characters at most.", 422
    except InputRefused as error:
        problem, status = str(error), 422
    except StateConflict as error:
        problem, status = str(error), 409
    if problem:
        record = await service.stores.approvals.get(approval_id)
    if not problem and "hx-request" not in request.headers:
        response: Response = RedirectResponse("/approvals", 303)
    else:
        response = await _show(request, service, record, problem=problem, by=by, status=status)
    if by and status != 422:
        response.set_cookie(_NAME_COOKIE, by, max_age=_YEAR, httponly=True, samesite="lax")
    return response


def voter_of(request: Request) -> str:
    """Return the name that a person has answered with before, or has signed in with, if any."""
    principal: Principal | None = getattr(request.state, "principal", None)
    if principal is not None and principal.is_person:
        return principal.name
    signed_in = principal.name if principal is not None and principal.by_cookie else ""
    return request.cookies.get(_NAME_COOKIE, signed_in)


async def goals_of(
    service: GoalService, approvals: Sequence[ApprovalRecord]
) -> Mapping[str, GoalRecord]:
    """Return the goals that ask, by workflow id."""
    runs = list({approval.workflow_id for approval in approvals})
    found = await asyncio.gather(*(_goal(service, run) for run in runs))
    return {goal.workflow_id: goal for goal in found if goal is not None}


async def _goal(service: GoalService, workflow_id: str) -> GoalRecord | None:
    try:
        return await service.stores.goals.get(workflow_id)
    except UnknownGoal:
        return None


async def _show(
    request: Request,
    service: GoalService,
    record: ApprovalRecord,
    *,
    problem: str = "",
    by: str = "",
    status: int = 200,
) -> HTMLResponse:
    values = {
        "approval": record,
        "goals": await goals_of(service, [record]),
        "voter": by or voter_of(request),
        "problem": problem,
    }
    is_part = "hx-request" in request.headers
    return render_page(
        request, "approvals/answered" if is_part else "approvals/one", values, status
    )
