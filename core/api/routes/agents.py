"""Routes of what is installed: the agents, and the plugins that bring them."""

from fastapi import APIRouter

from perdure.agents.description import describe_agents
from perdure.api.access.requirements import requires
from perdure.api.routes.dependencies import Service
from perdure.schemas.access import Scope
from perdure.schemas.agents import AgentList
from perdure.schemas.plugins import PluginList

router = APIRouter(prefix="/api", tags=["agents"])


# Who hands in goals has to know for whom, and with which parameters.
@router.get("/agents", dependencies=[requires(Scope.READ, otherwise=Scope.SUBMIT)])
async def list_agents(service: Service) -> AgentList:
    """List the installed agents with their parameters, and the plugins that are not loaded."""
    return describe_agents(service.registry)


@router.get("/plugins", dependencies=[requires(Scope.READ)])
async def list_plugins(service: Service) -> PluginList:
    """List the installed plugins: status, agents, hooks, and why one is not loaded."""
    return PluginList(plugins=list(service.registry.plugins))
