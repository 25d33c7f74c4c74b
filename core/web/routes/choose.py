"""The page on which an agent is chosen for what should be done."""

from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from perdure.agents.description import describe_agents
from perdure.api.access.requirements import requires
from perdure.api.routes.dependencies import Service
from perdure.schemas.access import Scope
from perdure.web.forms.suggestion import suggested_agent
from perdure.web.rendering.pages import render_page

router = APIRouter(
    include_in_schema=False,
    default_response_class=HTMLResponse,
    dependencies=[requires(Scope.READ)],
)


@router.get("/start")
async def choose(
    request: Request, service: Service, description: str = "", agent: str = ""
) -> Response:
    """Go on to the form of the agent that was chosen, or of the one that suits what is asked.

    Where there is neither, show the agents to choose from.
    """
    agents = describe_agents(service.registry).agents
    if agent in service.registry.agents:
        return RedirectResponse(_form_url(agent, description), 303)
    suggested = suggested_agent(description, agents)
    if suggested is not None:
        return RedirectResponse(_form_url(suggested.name, description, suggested="1"), 303)
    return render_page(request, "start/choose", {"agents": agents, "description": description})


@router.get("/start/suggestion")
async def suggest(
    request: Request,
    service: Service,
    description: str = "",
    agent: str = "",
    suggested: str = "",
) -> HTMLResponse:
    """Show the agents to choose from, the one that suits what was written by now chosen.

    An agent that the reader chose, which is another one than was suggested before, stays chosen.
    """
    agents = describe_agents(service.registry).agents
    is_chosen = agent in service.registry.agents and agent != suggested
    suits = None if is_chosen else suggested_agent(description, agents)
    chosen = agent if is_chosen else suits.name if suits is not None else ""
    values = {"agents": agents, "chosen": chosen, "suggested": "" if is_chosen else chosen}
    return render_page(request, "start/suggestion", values)


def _form_url(agent: str, description: str, **more: str) -> str:
    given = {"description": description, **more} if description else more
    return f"/agents/{agent}?{urlencode(given)}" if given else f"/agents/{agent}"
