"""The page that runs a goal again: as it was or edited, from its start or from a step."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import ValidationError

from perdure.agents.description import describe_agent
from perdure.agents.parameters import ParametersRefused
from perdure.agents.steps.errors import PolicyDenied
from perdure.api.access.requirements import START_ACTION, Audited, Caller, requires
from perdure.api.routes.dependencies import Service
from perdure.models import GoalRecord
from perdure.schemas.access import Scope
from perdure.stores import StoreUnavailable
from perdure.stores.database.errors import InputRefused, StateConflict, UnknownStep
from perdure.temporal.client.connection import TemporalUnavailable
from perdure.temporal.client.goal_service import GoalService
from perdure.web.forms.fields import PARAMETER_PREFIX, filled_from
from perdure.web.forms.goal_form import GoalForm
from perdure.web.forms.sent import sent_form
from perdure.web.rendering.pages import render_page
from perdure.web.routes.approvals import voter_of

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/goals/{workflow_id}/again", dependencies=[requires(Scope.READ)])
async def again(
    workflow_id: str, request: Request, service: Service, from_step: str = ""
) -> HTMLResponse:
    """Show the form: what was asked for, to be edited, and the step to go on from."""
    goal = await service.stores.goals.get(workflow_id)
    agent = describe_agent(service.registry, goal.agent_type)
    given = {
        "description": goal.description,
        "goal_id": goal.goal_id,
        "from_step": from_step,
        "by": voter_of(request),
        **filled_from(agent.parameters_schema, goal.parameters),
    }
    return await _show(request, service, goal, GoalForm.new(agent, given))


@router.post("/goals/{workflow_id}/again", dependencies=[requires(Scope.SUBMIT, START_ACTION)])
async def run_again(
    workflow_id: str, request: Request, service: Service, caller: Caller, audited: Audited
) -> Response:
    """Start the new run and redirect to its page; or show the form again, with what is wrong."""
    sent = await sent_form(request)
    goal = await service.stores.goals.get(workflow_id)
    audited.details = {"made_from": workflow_id, "from_step": sent.get("from_step", "")}
    form = GoalForm.read(describe_agent(service.registry, goal.agent_type), sent)
    try:
        edited = form.goal()
        rerun = await service.run_again(
            workflow_id,
            by=sent.get("by", "").strip()[:200] or caller.name,
            from_step=sent.get("from_step") or None,
            description=edited.description,
            parameters=edited.parameters,
            budget=edited.budget,
            idempotency_key=sent.get("key") or None,
        )
    except (ValidationError, ParametersRefused) as error:
        return await _show(request, service, goal, form.refused(error), status=422)
    except (InputRefused, UnknownStep) as error:
        return await _show(request, service, goal, form.failed(str(error)), status=422)
    except PolicyDenied as error:
        return await _show(request, service, goal, form.failed(str(error)), status=403)
    except (TemporalUnavailable, StoreUnavailable) as error:
        return await _show(request, service, goal, form.failed(str(error)), status=503)
    except StateConflict as error:
        anew = form.failed(str(error), is_new=True)
        return await _show(request, service, goal, anew, status=409)
    audited.subject = rerun.workflow_id
    return RedirectResponse(f"/goals/{rerun.workflow_id}", 303)


async def _show(
    request: Request, service: GoalService, goal: GoalRecord, form: GoalForm, *, status: int = 200
) -> HTMLResponse:
    steps = await service.stores.reruns.steps(goal)
    version = f"{form.agent.distribution} {form.agent.version}"
    values = {
        "goal": goal,
        "form": form,
        "steps": steps,
        "other_version": version if goal.agent_version not in {None, version} else "",
        "prefix": PARAMETER_PREFIX,
    }
    return render_page(request, "goal/again", values, status)
