"""The page of the worker processes."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from perdure.api.access.requirements import requires
from perdure.api.routes.dependencies import Service
from perdure.schemas.access import Scope
from perdure.web.rendering.pages import render_page

router = APIRouter(
    include_in_schema=False,
    default_response_class=HTMLResponse,
    dependencies=[requires(Scope.READ)],
)


@router.get("/workers")
async def workers(request: Request, service: Service) -> HTMLResponse:
    """Show the workers: whether each is alive, how busy it is, its version and its agents."""
    listed = await service.stores.workers.list()
    alive = [worker for worker in listed if worker.alive]
    values = {
        "workers": listed,
        "alive": alive,
        "slots": sum(worker.slots for worker in alive),
        "used": sum(worker.used for worker in alive),
        "versions": sorted({worker.version for worker in alive}),
    }
    is_part = request.headers.get("hx-target", "").endswith("#workers")
    return render_page(request, "workers/list" if is_part else "workers/page", values)
