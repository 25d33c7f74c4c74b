"""The pages for people: agents, a form for a goal of each, goals and what became of them."""

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
from perdure.stores.database.refusals import Refused
from perdure.temporal.client.connection import TemporalUnavailable
from perdure.web.fields import PREFIX, fields_of, parameters_from
from perdure.web.pages import draw

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/")
async def agents(service: Service) -> str:
    """Show the installed agents."""
    return draw("agents", {"agents": describe_agents(service.registry).agents})


@router.get("/agents/{name}")
async def agent(name: str, service: Service) -> str:
    """Show the form for a goal of one agent."""
    new = {"goal_id": f"web-{uuid4().hex[:8]}", "key": str(uuid4())}
    return _form(_described(name, service), new)


@router.post("/agents/{name}")
async def hand_in(name: str, service: Service, request: Request) -> Response:
    """Hand a goal in, and show it; or show the form again, with what is wrong.

    A form that is sent twice, as by a double click, hands in one goal: it carries a key.
    """
    if not _is_from_here(request):
        return problem(403, "Forbidden", "hand goals in from this server's own pages")
    described = _described(name, service)
    given = dict(parse_qsl((await request.body()).decode(errors="replace"), True))
    try:
        goal = _goal(name, given, parameters_from(described.parameters_schema, given))
        workflow_id = await service.start(goal, given.get("key") or None)
    except ParametersRefused as refused:
        problems = {found.name.partition(".")[0]: found.message for found in refused.problems}
        return HTMLResponse(_form(described, given, problems, str(refused)), 422)
    except ValidationError as refused:
        told = "; ".join(
            f"{'.'.join(map(str, found['loc']))}: {found['msg']}" for found in refused.errors()
        )
        return HTMLResponse(_form(described, given, {}, told), 422)
    except (TemporalUnavailable, StoreUnavailable) as away:
        return HTMLResponse(_form(described, given, {}, str(away)), 503)
    except Refused as refused:
        return HTMLResponse(_form(described, given | {"key": str(uuid4())}, {}, str(refused)), 409)
    return RedirectResponse(f"/goals/{workflow_id}", 303)


@router.get("/goals")
async def goals(service: Service) -> str:
    """Show the newest goals."""
    return draw("goals", {"goals": await service.stores.goals.list(limit=50)})


@router.get("/goals/{workflow_id}")
async def goal(workflow_id: str, service: Service) -> str:
    """Show where a goal stands, live, and what became of it."""
    return draw("goal", {"goal": await service.stores.goals.get(workflow_id)})


def _goal(agent_type: str, given: dict[str, str], parameters: Parameters) -> Goal:
    return Goal(
        goal_id=given.get("goal_id", ""),
        description=given.get("description", ""),
        agent_type=agent_type,
        parameters=parameters,
    )


def _described(name: str, service: Service) -> AgentDescription:
    service.registry.agent(name)
    return describe_agents(service.registry, name).agents[0]


def _form(
    described: AgentDescription,
    given: dict[str, str],
    problems: dict[str, str] | None = None,
    told: str = "",
) -> str:
    filled = given if "description" in given else None
    values = {
        "agent": described,
        "description": given.get("description", ""),
        "goal_id": given.get("goal_id", ""),
        "key": given.get("key", ""),
        "fields": fields_of(described.parameters_schema, filled, problems),
        "problem": told,
        "prefix": PREFIX,
    }
    return draw("agent", values)


def _is_from_here(request: Request) -> bool:
    # A page elsewhere may send a form here, and only a browser sends an Origin.
    origin = request.headers.get("origin")
    # Not the scheme: a proxy in front may speak TLS.
    return origin is None or origin.partition("://")[2] == request.headers.get("host")
