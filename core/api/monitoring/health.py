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
    artifacts = await service.stores.contents.probe.is_up()
    redis = service.stores.redis
    # Where the address is wrong, this process never serves; when the place is away for a while
    # later, goals can be started all the same and wait for it.
    ready = temporal and stores and (artifacts or service.stores.contents.probe.was_up)
    response.status_code = 200 if ready else 503
    return Readiness(
        ready=ready,
        temporal=temporal,
        stores=stores,
        artifacts=artifacts,
        redis=None if redis is None else await redis.is_up(),
        agents=len(service.registry.agents),
    )
