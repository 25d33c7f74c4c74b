"""The page that starts a goal of one agent: its form."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import ValidationError

from perdure.agents.description import describe_agent
from perdure.agents.parameters import ParametersRefused
from perdure.agents.steps.errors import PolicyDenied
from perdure.api.access.audited import entry_with_record
from perdure.api.access.principals import Principal
from perdure.api.access.requirements import Audited, requires
from perdure.api.routes.dependencies import Service
from perdure.schemas.access import Scope
from perdure.stores import StoreUnavailable
from perdure.stores.database.errors import InputRefused, StateConflict
from perdure.temporal.client.connection import TemporalUnavailable
from perdure.temporal.client.goal_service import GoalService
from perdure.web.forms.fields import PARAMETER_PREFIX
from perdure.web.forms.goal_form import GoalForm
from perdure.web.forms.sent import sent_form
from perdure.web.rendering.commands import curl_command, run_command
from perdure.web.rendering.pages import render_page

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/agents/{name}", dependencies=[requires(Scope.READ)])
async def agent(name: str, request: Request, service: Service) -> HTMLResponse:
    """Show the form for a goal of one agent.

    The address may fill it in: ``description``, and ``parameters.<name>`` for each parameter.
    """
    query = request.query_params
    given = {name: "\n".join(query.getlist(name)) for name in query}
    form = GoalForm.new(describe_agent(service.registry, name), given)
    return _show(request, form, service, is_suggested=query.get("suggested") == "1")


@router.post("/agents/{name}", dependencies=[requires(Scope.SUBMIT, "goal.start")])
async def start_goal(name: str, service: Service, request: Request, audited: Audited) -> Response:
    """Start a goal and redirect to its page; or show the form again, with what is wrong.

    A form that is sent twice, as by a double click, starts one goal: it has an idempotency key.
    """
    sent = await sent_form(request)
    form = GoalForm.read(describe_agent(service.registry, name), sent)
    try:
        goal = form.goal()
        audited.subject, audited.details = goal.goal_id, {"agent_type": name}
        entry = entry_with_record(request, audited, status=303)
        workflow_id = await service.start(goal, sent.get("key") or None, entry=entry)
        audited.subject = workflow_id
    except (ValidationError, ParametersRefused) as error:
        return _show(request, form.refused(error), service, status=422)
    except InputRefused as error:
        return _show(request, form.failed(str(error)), service, status=422)
    except PolicyDenied as error:
        return _show(request, form.failed(str(error)), service, status=403)
    except (TemporalUnavailable, StoreUnavailable) as error:
        return _show(request, form.failed(str(error)), service, status=503)
    except StateConflict as error:
        return _show(request, form.failed(str(error), is_new=True), service, status=409)
    return RedirectResponse(f"/goals/{workflow_id}", 303)


@router.post("/agents/{name}/commands", dependencies=[requires(Scope.READ)])
async def show_commands(name: str, service: Service, request: Request) -> Response:
    """Show a form, as it is filled in by now, as the commands that start the same goal."""
    sent = await sent_form(request)
    form = GoalForm.read(describe_agent(service.registry, name), sent)
    return render_page(request, "start/commands", _commands(request, form))


def _show(
    request: Request,
    form: GoalForm,
    service: GoalService,
    *,
    is_suggested: bool = False,
    status: int = 200,
) -> HTMLResponse:
    values = {
        "form": form,
        "agent": form.agent,
        "agents": sorted(service.registry.agents),
        "is_suggested": is_suggested,
        "prefix": PARAMETER_PREFIX,
        **_commands(request, form),
    }
    return render_page(request, "start/form", values, status)


def _commands(request: Request, form: GoalForm) -> dict[str, object]:
    content = form.content
    principal: Principal | None = getattr(request.state, "principal", None)
    return {
        "curl": curl_command(
            str(request.base_url).rstrip("/"),
            content,
            with_key=principal is not None
            and (principal.by_cookie or principal.key_id is not None),
        ),
        "command": run_command(content),
    }
