"""Routes for those who watch over the process."""

from fastapi import APIRouter, Response
from pydantic import BaseModel

from perdure.api.dependencies import Service

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """The process answers."""

    status: str = "ok"


class Readiness(BaseModel):
    """Whether goals can be handed in.

    Attributes:
        ready: Whether all of it is there.
        temporal: Whether the Temporal server answers.
        stores: Whether the database answers.
        agents: How many agents are installed.
    """

    ready: bool
    temporal: bool
    stores: bool
    agents: int


@router.get("/healthz")
async def healthz() -> Health:
    """Say that the process lives."""
    return Health()


@router.get("/readyz", responses={503: {"model": Readiness}})
async def readyz(service: Service, response: Response) -> Readiness:
    """Say whether goals can be handed in; 503 when not."""
    temporal = await service.is_up()
    stores = await service.stores.database.is_up()
    ready = temporal and stores
    response.status_code = 200 if ready else 503
    return Readiness(
        ready=ready, temporal=temporal, stores=stores, agents=len(service.registry.agents)
    )
