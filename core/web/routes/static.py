"""The route of the pages' static files."""

from typing import Final

from fastapi import APIRouter, HTTPException, Request, Response

from perdure.web.rendering.compression import takes_gzip
from perdure.web.rendering.static_files import static_files

_FOR_GOOD: Final = "public, max-age=31536000, immutable"

router = APIRouter(include_in_schema=False)


@router.get("/static/{digest}/{name:path}")
async def static_file(digest: str, name: str, request: Request) -> Response:
    """Return a stylesheet, a script or a picture, for browsers to keep: its address has its digest.

    A page that an earlier version rendered gets what there is now, and keeps it for that page only.
    """
    file = static_files().get(name)
    if file is None:
        raise HTTPException(404, f"there is no file {name!r}")
    headers = {
        "Cache-Control": _FOR_GOOD if digest == file.digest else "no-store",
        "X-Content-Type-Options": "nosniff",
        "Vary": "Accept-Encoding",
    }
    content = file.content
    if takes_gzip(request):
        content, headers["Content-Encoding"] = file.compressed, "gzip"
    return Response(content, media_type=file.media_type, headers=headers)
