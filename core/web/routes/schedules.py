"""The pages of schedules: which there are, what each has started, and the forms that change it."""

from collections.abc import Awaitable, Callable
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from perdure.agents.parameters import ParametersRefused
from perdure.agents.plugins.registry import UnknownAgent
from perdure.agents.steps.errors import PolicyDenied
from perdure.api.access.requirements import Audited, requires
from perdure.api.routes.dependencies import Service
from perdure.api.schedules.routes import ScheduleNamePath
from perdure.api.schedules.service import Schedules
from perdure.models.schedules.content import time_text, when_text
from perdure.schemas.access import Scope
from perdure.schemas.schedules.records import StartStatus
from perdure.stores import StoreUnavailable
from perdure.stores.database.errors import InputRefused
from perdure.temporal.client.connection import TemporalUnavailable
from perdure.temporal.client.goal_service import GoalService
from perdure.temporal.schedules.errors import ScheduleExists
from perdure.web.forms.schedule_form import OVERLAPS, ScheduleForm, ScheduleRefused
from perdure.web.forms.sent import sent_form
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


@router.get("/new-schedule", dependencies=[requires(Scope.READ)])
async def new_schedule(request: Request, service: Service) -> HTMLResponse:
    """Show the form for a new schedule."""
    return _form(request, service, ScheduleForm.new())


@router.post("/new-schedule", dependencies=[requires(Scope.SUBMIT, "schedule.create")])
async def create(
    request: Request, service: Service, schedules: Schedules, audited: Audited
) -> Response:
    """Create a schedule and show it; or show the form again, with what is wrong."""
    form = ScheduleForm.read("", await sent_form(request))

    async def create_it() -> str:
        asked = form.request()
        audited.subject, audited.details = asked.name, {"agent_type": asked.goal.agent_type}
        await schedules.create(asked)
        return asked.name

    return await _saved(request, service, form, create_it)


@router.get("/schedules/{schedule_name}/edit", dependencies=[requires(Scope.READ)])
async def edit_page(
    schedule_name: ScheduleNamePath, request: Request, service: Service, schedules: Schedules
) -> HTMLResponse:
    """Show the form that changes a schedule."""
    content = (await schedules.get(schedule_name)).schedule
    return _form(request, service, ScheduleForm.of(content))


@router.post(
    "/schedules/{schedule_name}/edit", dependencies=[requires(Scope.SUBMIT, "schedule.update")]
)
async def edit(
    schedule_name: ScheduleNamePath,
    request: Request,
    service: Service,
    schedules: Schedules,
    audited: Audited,
) -> Response:
    """Change a schedule and show it; or show the form again, with what is wrong."""
    await schedules.get(schedule_name)  # of one that is not there, no form is shown again
    form = ScheduleForm.read(schedule_name, await sent_form(request))

    async def change_it() -> str:
        changes = form.changes()
        audited.details = {"changed": changes.changed()}
        await schedules.update(schedule_name, changes)
        return schedule_name

    return await _saved(request, service, form, change_it)


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


async def _saved(
    request: Request, service: GoalService, form: ScheduleForm, save: Callable[[], Awaitable[str]]
) -> Response:
    try:
        name = await save()
    except (ScheduleRefused, ParametersRefused) as error:
        return _form(request, service, form.refused(error), status=422)
    except (InputRefused, UnknownAgent) as error:
        return _form(request, service, form.failed(str(error)), status=422)
    except PolicyDenied as error:
        return _form(request, service, form.failed(str(error)), status=403)
    except ScheduleExists as error:
        return _form(request, service, form.failed(str(error)), status=409)
    except (TemporalUnavailable, StoreUnavailable) as error:
        return _form(request, service, form.failed(str(error)), status=503)
    return _shown(name)


def _form(
    request: Request, service: GoalService, form: ScheduleForm, *, status: int = 200
) -> HTMLResponse:
    known = {*service.registry.agents, form.sent.get("agent_type", "")} - {""}
    values = {"form": form, "agents": sorted(known), "overlaps": OVERLAPS}
    return render_page(request, "schedules/form", values, status)


def _shown(name: str) -> Response:
    return RedirectResponse(f"/schedules/{name}", 303)
