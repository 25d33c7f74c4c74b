"""The files of a goal as its page shows them: reports in a frame, pages of a PDF as pictures."""

from typing import Annotated, Final

from fastapi import APIRouter, HTTPException, Query, Response
from fastapi.responses import StreamingResponse

from perdure.api.access.requirements import requires
from perdure.api.routes.dependencies import Service
from perdure.schemas.access import Scope
from perdure.stores.objects.content_store import streamed
from perdure.web.artifacts.kinds import kind_of
from perdure.web.artifacts.pdf_pages import SHOWN_PAGES, draw_page
from perdure.web.goals.content import find_artifact

# Without scripts, forms, windows and an origin of its own; with the styles and pictures that the
# report brings along, and nothing from elsewhere, which would tell who reads it.
_FRAMED: Final = {
    "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline';"
    " img-src data:; font-src data:; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

router = APIRouter(include_in_schema=False, dependencies=[requires(Scope.READ)])


@router.get("/goals/{workflow_id}/framed/{name:path}")
async def framed(workflow_id: str, name: str, service: Service) -> StreamingResponse:
    """Return an HTML report that an agent made, for a frame in which nothing of it is executed."""
    artifact = find_artifact(await service.stores.goals.get(workflow_id), name)
    if kind_of(artifact) != "page":
        raise HTTPException(404, f"{name!r} is no HTML report: download it")
    page = await streamed(service.stores.contents.chunks(artifact.digest))
    return StreamingResponse(page, media_type="text/html; charset=utf-8", headers=_FRAMED)


@router.get("/goals/{workflow_id}/pages/{name:path}")
async def pages(
    workflow_id: str,
    name: str,
    service: Service,
    page: Annotated[int, Query(ge=1, le=SHOWN_PAGES)] = 1,
) -> Response:
    """Return a page of a PDF as a picture."""
    artifact = find_artifact(await service.stores.goals.get(workflow_id), name)
    picture = None
    if kind_of(artifact) == "pdf":
        async with service.stores.contents.local(artifact.digest) as path:
            picture = await draw_page(path, page)
    if picture is None:
        raise HTTPException(404, f"{name!r} has no page {page} that can be shown: download it")
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "private, max-age=3600"}
    return Response(picture, media_type="image/png", headers=headers)
