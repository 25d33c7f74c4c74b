"""The route of agents: the installed ones and their parameters."""

from fastapi import APIRouter

from perdure.agents.description import AgentList, describe_agents
from perdure.api.dependencies import Service

router = APIRouter(prefix="/api", tags=["agents"])


@router.get("/agents")
async def list_agents(service: Service) -> AgentList:
    """List the installed agents with their parameters."""
    return describe_agents(service.registry)
