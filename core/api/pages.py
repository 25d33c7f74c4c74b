"""Routes of the web pages: agents, a form to start a goal, goals and their results."""

from urllib.parse import parse_qsl
from uuid import uuid4

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import ValidationError

from perdure.agents.description import AgentDescription, describe_agents
from perdure.agents.parameters import ParametersRefused
from perdure.api.dependencies import Service
from perdure.api.problems import problem
from perdure.models import Goal, Parameters
from perdure.stores import StoreUnavailable
from perdure.stores.database.errors import StateConflict
from perdure.temporal.client.connection import TemporalUnavailable
from perdure.web.forms import PARAMETER_PREFIX, form_fields, read_form
from perdure.web.pages import render_page

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/")
async def agents(service: Service) -> str:
    """Show the installed agents."""
    return render_page("agents", {"agents": describe_agents(service.registry).agents})


@router.get("/agents/{name}")
async def agent(name: str, service: Service) -> str:
    """Show the form for a goal of one agent."""
    new = {"goal_id": f"web-{uuid4().hex[:8]}", "key": str(uuid4())}
    return _form(_describe(name, service), new)


@router.post("/agents/{name}")
async def start_goal(name: str, service: Service, request: Request) -> Response:
    """Start a goal and redirect to its page; or show the form again, with what is wrong.

    A form that is sent twice, as by a double click, starts one goal: it has an idempotency key.
    """
    if not _is_same_origin(request):
        return problem(403, "Forbidden", "hand goals in from this server's own pages")
    description = _describe(name, service)
    submitted = dict(parse_qsl((await request.body()).decode(errors="replace"), True))
    try:
        goal = _goal(name, submitted, read_form(description.parameters_schema, submitted))
        workflow_id = await service.start(goal, submitted.get("key") or None)
    except ParametersRefused as error:
        problems = {item.name.partition(".")[0]: item.message for item in error.problems}
        return HTMLResponse(_form(description, submitted, problems, str(error)), 422)
    except ValidationError as error:
        message = "; ".join(
            f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()
        )
        return HTMLResponse(_form(description, submitted, {}, message), 422)
    except (TemporalUnavailable, StoreUnavailable) as error:
        return HTMLResponse(_form(description, submitted, {}, str(error)), 503)
    except StateConflict as error:
        return HTMLResponse(
            _form(description, submitted | {"key": str(uuid4())}, {}, str(error)), 409
        )
    return RedirectResponse(f"/goals/{workflow_id}", 303)


@router.get("/goals")
async def goals(service: Service) -> str:
    """Show the newest goals."""
    return render_page("goals", {"goals": await service.stores.goals.list(limit=50)})


@router.get("/goals/{workflow_id}")
async def goal(workflow_id: str, service: Service) -> str:
    """Show a goal: its status and progress as they change, then its result."""
    return render_page("goal", {"goal": await service.stores.goals.get(workflow_id)})


def _goal(agent_type: str, submitted: dict[str, str], parameters: Parameters) -> Goal:
    return Goal(
        goal_id=submitted.get("goal_id", ""),
        description=submitted.get("description", ""),
        agent_type=agent_type,
        parameters=parameters,
    )


def _describe(name: str, service: Service) -> AgentDescription:
    service.registry.agent(name)
    return describe_agents(service.registry, name).agents[0]


def _form(
    description: AgentDescription,
    submitted: dict[str, str],
    problems: dict[str, str] | None = None,
    message: str = "",
) -> str:
    filled = submitted if "description" in submitted else None
    values = {
        "agent": description,
        "description": submitted.get("description", ""),
        "goal_id": submitted.get("goal_id", ""),
        "key": submitted.get("key", ""),
        "fields": form_fields(description.parameters_schema, filled, problems),
        "problem": message,
        "prefix": PARAMETER_PREFIX,
    }
    return render_page("agent", values)


def _is_same_origin(request: Request) -> bool:
    # A page of another site may send a form here (CSRF); only browsers send an Origin.
    origin = request.headers.get("origin")
    # The scheme is not compared: a proxy in front may speak TLS.
    return origin is None or origin.partition("://")[2] == request.headers.get("host")
