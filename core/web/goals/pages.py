"""The page of one goal, and the parts of it that are fetched when they are opened."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from perdure.api.access.requirements import requires
from perdure.api.routes.dependencies import Service
from perdure.schemas.access import Scope
from perdure.timelines.rows import rows_of_group
from perdure.web.goals.content import goal_page
from perdure.web.rendering.pages import render_page
from perdure.web.routes.approvals import voter_of

_STEPS_AT_ONCE: Final = 200
_EVENTS_AT_ONCE: Final = 500

router = APIRouter(
    include_in_schema=False,
    default_response_class=HTMLResponse,
    dependencies=[requires(Scope.READ)],
)


@router.get("/goals/{workflow_id}")
async def goal(
    workflow_id: str, request: Request, service: Service, file: str | None = None
) -> HTMLResponse:
    """Show a goal: its result, its files, what it did when, what it asks people."""
    record = await service.stores.goals.get(workflow_id)
    values = await goal_page(service.stores, record, file, str(request.base_url))
    values["trace_address"] = request.app.state.trace_address(record.trace_id)
    return render_page(request, "goal/page", values | {"voter": voter_of(request)})


@router.get("/goals/{workflow_id}/steps")
async def steps(
    workflow_id: str,
    request: Request,
    service: Service,
    execution: Annotated[int, Query(ge=1)],
    first: Annotated[int, Query(ge=0)],
    count: Annotated[int, Query(ge=1)],
) -> HTMLResponse:
    """Return the rows of steps that the timeline shows as one."""
    record = await service.stores.goals.get(workflow_id)
    timeline = await service.stores.timelines.of(record)
    rows = []
    if execution <= len(timeline.executions):
        rows = rows_of_group(timeline, execution, first, min(count, _STEPS_AT_ONCE))
    more = ""
    if count > _STEPS_AT_ONCE:
        rest = f"first={first + _STEPS_AT_ONCE}&count={count - _STEPS_AT_ONCE}"
        more = f"{request.url.path}?execution={execution}&{rest}"
    return render_page(request, "goal/steps", {"goal": record, "rows": rows, "more": more})


@router.get("/goals/{workflow_id}/text")
async def text(workflow_id: str, key: str, request: Request, service: Service) -> HTMLResponse:
    """Return what a model wrote in a step."""
    await service.stores.goals.get(workflow_id)
    texts = await service.stores.events.texts_of_step(workflow_id, key)
    return render_page(request, "goal/texts", {"texts": texts})


@router.get("/goals/{workflow_id}/events")
async def events(
    workflow_id: str,
    request: Request,
    service: Service,
    after: Annotated[int, Query(ge=0, le=2**53)] = 0,
) -> HTMLResponse:
    """Return the events of a goal as a list, so many at once."""
    await service.stores.goals.get(workflow_id)
    found = await service.stores.events.after(workflow_id, after, _EVENTS_AT_ONCE)
    more = f"{request.url.path}?after={found[-1].number}" if len(found) == _EVENTS_AT_ONCE else ""
    return render_page(request, "goal/events", {"events": found, "more": more})
