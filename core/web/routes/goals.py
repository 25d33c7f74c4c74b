"""The page that lists goals, and what is done with those that were chosen."""

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple
from urllib.parse import urlencode
from uuid import uuid4

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import JsonValue

from perdure.api.access.requirements import Audited, requires
from perdure.api.problems.types import ProblemType
from perdure.api.routes.dependencies import Service
from perdure.api.routes.problems import problem
from perdure.models import GoalRecord
from perdure.schemas.access import Scope
from perdure.stores import UnknownGoal
from perdure.stores.database.paging import PageCursor
from perdure.stores.runs.goals import cursor_of
from perdure.temporal.client.goal_service import GoalService
from perdure.web.forms.goal_filter import PERIODS, STATUS_GROUPS, GoalFilter
from perdure.web.forms.sent import sent_form
from perdure.web.rendering.goal_rows import goal_rows
from perdure.web.rendering.pages import render_page

SHOWN_GOALS: Final = 50
_ACTIONS: Final = frozenset({"cancel", "retry"})
_DONE: Final = frozenset({"cancelling", "started"})

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/goals", dependencies=[requires(Scope.READ)])
async def goals(request: Request, service: Service) -> HTMLResponse:
    """List goals, newest first, as the address filters them; or those that were acted on.

    Where htmx asks for the rows alone, as it does every few seconds, it gets them.
    """
    shown = GoalFilter.read(request.query_params)
    acted_on = await _acted_on(request, service)
    first = _number(request.query_params.get("first", ""))
    chosen = acted_on.runs[first : first + SHOWN_GOALS]
    criteria = shown.criteria
    criteria["status"] = None
    listed, counts = await asyncio.gather(
        _records(service, chosen) if chosen else _list(service, shown),
        service.stores.goals.counts(**criteria),
    )
    is_part = request.headers.get("hx-target", "").endswith("#goals-list")
    address = shown.url(before=shown.before)
    values = {
        "is_part": is_part,
        "shown": shown,
        "rows": goal_rows(listed, await service.stores.ledger.costs(listed)),
        "counts": {
            word: sum(counts.get(status, 0) for status in statuses)
            for word, statuses in STATUS_GROUPS.items()
        },
        "all_goals": sum(counts.values()),
        "fitting": sum(counts.get(status, 0) for status in shown.statuses or counts),
        "agents": sorted(service.registry.agents),
        "periods": list(PERIODS),
        "chosen": chosen,
        "acted": request.query_params.get("acted", ""),
        "done": len(acted_on.runs) - len(acted_on.left),
        "left": acted_on.left,
        "newest": _newest(request, shown, first),
        "older": _older(request, shown, listed, acted_on, first),
        "address": f"/goals?{request.url.query}" if chosen else address,
    }
    page = "goals/list" if is_part else "goals/page"
    response = render_page(request, page, values)
    # What a form sends has empty fields too.
    response.headers["HX-Push-Url"] = "false" if is_part else address
    return response


@router.post("/goals", dependencies=[requires(Scope.SUBMIT, "goal.many")])
async def act_on_goals(request: Request, service: Service, audited: Audited) -> Response:
    """Cancel or retry the goals that were chosen, or all that fit the list, and show these."""
    form = await sent_form(request)
    action = form.get("action", "")
    runs = list(dict.fromkeys(form.getlist("run")))[:SHOWN_GOALS]
    if action not in _ACTIONS or not runs:
        return problem(ProblemType.INVALID_REQUEST, "choose goals, and cancel or retry them")
    shown = GoalFilter.read(request.query_params)
    act = service.many.cancel if action == "cancel" else service.many.retry
    outcomes = await act(shown.criteria if form.get("all") == "1" else runs)
    acted_on = [outcome.workflow_id for outcome in outcomes.runs]
    left = [outcome.workflow_id for outcome in outcomes.runs if outcome.status not in _DONE]
    audited.action, audited.details = f"goal.{action}", {"workflow_ids": [*acted_on]}
    if len(acted_on) <= SHOWN_GOALS:
        query = [("run", run) for run in acted_on] + [("left", run) for run in left]
        return RedirectResponse(f"/goals?{urlencode([*query, ('acted', action)])}", 303)
    # Too many to name in an address: the audit table, which has them before this is answered, does.
    audited.subject, audited.details["left"] = f"goals-{uuid4().hex}", [*left]
    return RedirectResponse(f"/goals?{urlencode({'acted': action, 'entry': audited.subject})}", 303)


class _ActedOn(NamedTuple):
    """The goals that something was done to, and those of them that it left alone."""

    runs: Sequence[str] = ()
    left: Sequence[str] = ()


async def _acted_on(request: Request, service: GoalService) -> _ActedOn:
    """Return the goals that an address names, or that the audit entry has which it names."""
    query = request.query_params
    if not (name := query.get("entry")):
        return _ActedOn(query.getlist("run")[:SHOWN_GOALS], query.getlist("left"))
    tenant = service.stores.tenant
    entries = await service.stores.access.audit.list(tenant, subject=name, limit=1)
    details = entries[0].details if entries else {}
    return _ActedOn(_texts(details.get("workflow_ids")), _texts(details.get("left")))


def _texts(value: JsonValue) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _newest(request: Request, shown: GoalFilter, first: int) -> str | None:
    if first:
        return f"/goals?{request.url.remove_query_params('first').query}"
    return shown.url() if shown.before else None


def _older(
    request: Request,
    shown: GoalFilter,
    listed: Sequence[GoalRecord],
    acted_on: _ActedOn,
    first: int,
) -> str | None:
    if acted_on.runs:
        rest = first + SHOWN_GOALS
        is_more = len(acted_on.runs) > rest
        return f"/goals?{request.url.include_query_params(first=rest).query}" if is_more else None
    return shown.url(before=str(cursor_of(listed[-1]))) if len(listed) == SHOWN_GOALS else None


async def _list(service: GoalService, shown: GoalFilter) -> list[GoalRecord]:
    before = PageCursor.parse(shown.before) if shown.before else None
    return await service.stores.goals.list(limit=SHOWN_GOALS, before=before, **shown.criteria)


async def _records(service: GoalService, runs: Sequence[str]) -> list[GoalRecord]:
    found = await asyncio.gather(
        *(service.stores.goals.get(run) for run in runs), return_exceptions=True
    )
    records: list[GoalRecord] = []
    for record in found:
        if isinstance(record, GoalRecord):
            records.append(record)
        elif not isinstance(record, UnknownGoal):
            raise record
    return records


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 6 else 0
