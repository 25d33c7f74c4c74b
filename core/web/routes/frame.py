"""What every page says around its content: how many approvals wait."""

from fastapi import Request

from perdure.api.routes.dependencies import Service


async def load_frame(request: Request, service: Service) -> None:
    """Read what the frame of a page shows; the parts of pages that htmx gets have none."""
    if "hx-target" not in request.headers:
        request.state.waiting_approvals = await service.stores.approvals.count_open()
