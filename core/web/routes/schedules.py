"""The pages of schedules: which there are, what each has started, and what is done with it."""

from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from perdure.api.access.requirements import requires
from perdure.api.schedules.routes import ScheduleNamePath
from perdure.api.schedules.service import Schedules
from perdure.models.schedules.content import time_text, when_text
from perdure.schemas.access import Scope
from perdure.schemas.schedules.records import StartStatus
from perdure.web.rendering.pages import render_page

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

_BADGES: Final = {
    StartStatus.STARTING: "running",
    StartStatus.RUNNING: "running",
    StartStatus.COMPLETED: "completed",
    StartStatus.FAILED: "failed",
    StartStatus.CANCELLED: "cancelled",
    StartStatus.UNCHANGED: "completed",
    StartStatus.UNKNOWN: "cancelled",
}


@router.get("/schedules", dependencies=[requires(Scope.READ)])
async def list_page(request: Request, schedules: Schedules) -> HTMLResponse:
    """List the schedules. Where htmx asks, as it does every few seconds, it gets the list alone."""
    values = {"schedules": await schedules.list(), "when": when_text}
    is_part = "hx-request" in request.headers
    return render_page(request, "schedules/list" if is_part else "schedules/page", values)


@router.get("/schedules/{schedule_name}", dependencies=[requires(Scope.READ)])
async def schedule_page(
    schedule_name: ScheduleNamePath, request: Request, schedules: Schedules
) -> HTMLResponse:
    """Show a schedule: when it starts something next, and what became of its last starts."""
    values = {
        "record": await schedules.get(schedule_name),
        "when": when_text,
        "clock": time_text,
        "badges": _BADGES,
    }
    is_part = "hx-request" in request.headers
    return render_page(request, "schedules/starts" if is_part else "schedules/one", values)


@router.post(
    "/schedules/{schedule_name}/pause", dependencies=[requires(Scope.SUBMIT, "schedule.pause")]
)
async def pause(schedule_name: ScheduleNamePath, schedules: Schedules) -> Response:
    """Pause a schedule."""
    await schedules.pause(schedule_name)
    return _shown(schedule_name)


@router.post(
    "/schedules/{schedule_name}/resume", dependencies=[requires(Scope.SUBMIT, "schedule.resume")]
)
async def resume(schedule_name: ScheduleNamePath, schedules: Schedules) -> Response:
    """Let a paused schedule go on."""
    await schedules.resume(schedule_name)
    return _shown(schedule_name)


@router.post(
    "/schedules/{schedule_name}/trigger", dependencies=[requires(Scope.SUBMIT, "schedule.trigger")]
)
async def trigger(schedule_name: ScheduleNamePath, schedules: Schedules) -> Response:
    """Have a schedule start its goal now."""
    await schedules.trigger(schedule_name)
    return _shown(schedule_name)


@router.post(
    "/schedules/{schedule_name}/delete", dependencies=[requires(Scope.SUBMIT, "schedule.delete")]
)
async def delete(schedule_name: ScheduleNamePath, schedules: Schedules) -> Response:
    """Delete a schedule, and show those that are left."""
    await schedules.delete(schedule_name)
    return RedirectResponse("/schedules", 303)


def _shown(name: str) -> Response:
    return RedirectResponse(f"/schedules/{name}", 303)
