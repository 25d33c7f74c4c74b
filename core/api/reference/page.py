"""``GET /docs``: the OpenAPI document in Swagger UI, without anything from another host."""

from pathlib import Path
from typing import Final

from fastapi import APIRouter
from fastapi.responses import FileResponse
from starlette.exceptions import HTTPException

_FOLDER: Final = Path(__file__).parent / "static"
_MEDIA_TYPES: Final = {
    "start.js": "text/javascript",
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
}
# It sends requests to this API and loads nothing from elsewhere; its pictures are in its style.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}

router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def show_reference() -> FileResponse:
    """Show the page."""
    headers = {**_HEADERS, "Content-Security-Policy": _POLICY, "Referrer-Policy": "no-referrer"}
    return FileResponse(_FOLDER / "reference.html", media_type="text/html", headers=headers)


@router.get("/docs/{name}")
async def show_file(name: str) -> FileResponse:
    """Send a file that the page loads."""
    if name not in _MEDIA_TYPES:
        raise HTTPException(404)
    return FileResponse(_FOLDER / name, media_type=_MEDIA_TYPES[name], headers=_HEADERS)
