"""Liveness and readiness routes for load balancers and orchestrators."""

from fastapi import APIRouter, Response
from pydantic import BaseModel

from perdure.api.routes.dependencies import Service
from perdure.schemas.installation import Readiness

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """The process is alive."""

    status: str = "ok"


@router.get("/healthz")
async def healthz() -> Health:
    """Return that the process is alive."""
    return Health()


@router.get("/readyz", responses={503: {"model": Readiness}})
async def readyz(service: Service, response: Response) -> Readiness:
    """Return whether goals can be started; 503 when not."""
    temporal = await service.is_up()
    stores = await service.stores.database.is_up()
    ready = temporal and stores
    response.status_code = 200 if ready else 503
    return Readiness(
        ready=ready, temporal=temporal, stores=stores, agents=len(service.registry.agents)
    )
