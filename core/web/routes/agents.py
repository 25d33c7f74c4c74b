"""The page of agents and plugins."""

from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from perdure.agents.description import describe_agents
from perdure.api.access.requirements import requires
from perdure.api.routes.dependencies import Service
from perdure.schemas.access import Scope
from perdure.web.rendering.pages import render_page

# A plugin's status, as the status of a goal that looks alike.
_LOOKS: Final = {
    "loaded": "completed",
    "failed": "failed",
    "denied": "cancelled",
    "disabled": "paused",
}

router = APIRouter(
    include_in_schema=False,
    default_response_class=HTMLResponse,
    dependencies=[requires(Scope.READ)],
)


@router.get("/agents")
async def agents(request: Request, service: Service) -> HTMLResponse:
    """Show the installed agents, and the plugins: those that failed first, with the reason."""
    plugins = service.registry.plugins
    values = {
        "agents": describe_agents(service.registry).agents,
        "failed": [plugin for plugin in plugins if plugin.status == "failed"],
        "plugins": [plugin for plugin in plugins if plugin.status != "failed"],
        "looks": _LOOKS,
    }
    return render_page(request, "agents", values)
