"""Routes of uploads: the files that are handed in for goals."""

import base64
import re
from contextlib import suppress
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import FileResponse, StreamingResponse
from starlette.requests import ClientDisconnect

from perdure.api.access.requirements import Audited, requires
from perdure.api.problems.answers import problems
from perdure.api.problems.types import ProblemType
from perdure.api.routes.dependencies import ApiState, Service
from perdure.api.routes.problems import problem
from perdure.models.uploads import UPLOAD_CONTENT_PATH, Upload, UploadRecord
from perdure.schemas.access import Scope
from perdure.schemas.uploads import UploadPage
from perdure.stores import StoreUnavailable
from perdure.stores.artifacts.upload_records import cursor_of
from perdure.stores.database.errors import UnknownUpload
from perdure.stores.database.paging import PageCursor
from perdure.stores.objects.content_store import streamed

# What a page of another site may send without asking first, or nobody has chosen: curl's default.
_REFUSED_TYPES: Final = frozenset(
    {"", "application/x-www-form-urlencoded", "multipart/form-data", "text/plain"}
)
_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
_RECEIVED: Final = problems(
    ProblemType.UPLOAD_INCOMPLETE,
    ProblemType.DIGEST_MISMATCH,
    ProblemType.UNSUPPORTED_DIGEST,
    ProblemType.UPLOAD_TOO_LARGE,
    ProblemType.UNSUPPORTED_MEDIA_TYPE,
)
# RFC 9530: algorithms with their values, of which we know one.
_SHA_256: Final = re.compile(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/=]*):")
_DigestHeader = Annotated[
    str | None, Header(description="`sha-256=:…:`, the digest that the file must have (RFC 9530).")
]

router = APIRouter(tags=["uploads"])


@router.post(
    "/api/uploads",
    dependencies=[requires(Scope.SUBMIT, "file.upload")],
    status_code=201,
    response_model=Upload,
    responses=_RECEIVED,
    openapi_extra=_BODY,
)
@router.post(
    "/api/files",
    dependencies=[requires(Scope.SUBMIT, "file.upload")],
    status_code=201,
    response_model=Upload,
    responses=_RECEIVED,
    openapi_extra=_BODY,
    deprecated=True,
    operation_id="hand_in_file",
)
async def hand_in_upload(
    request: Request,
    service: Service,
    audited: Audited,
    name: Annotated[str, Query(description="The file's name, such as `report.pdf`.")],
    content_length: Annotated[int | None, Header(include_in_schema=False)] = None,
    repr_digest: _DigestHeader = None,
    content_digest: _DigestHeader = None,
) -> Upload | Response:
    """Hand in a file for goals: its content is the body, as `application/octet-stream`.

    A goal names it by the `path` of the response, or `upload:` and its id, wherever a parameter
    takes a path. It is kept until it is deleted.
    """
    uploads = service.stores.uploads
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in _REFUSED_TYPES:
        return problem(
            ProblemType.UNSUPPORTED_MEDIA_TYPE,
            f"a body of type {kind or 'unknown'} is not taken for a file: send the file's content"
            " itself, with 'Content-Type: application/octet-stream'",
        )
    digest = None
    for given in (repr_digest, content_digest):  # the same, where no content coding is
        if given is not None and (digest := _digest_of(given)) is None:
            return _unsupported_digest(given)
    uploads.check(name, content_length)
    try:
        upload = await uploads.receive(name, request.stream(), digest)
    except ClientDisconnect:
        return problem(ProblemType.UPLOAD_INCOMPLETE, f"{name!r} broke off: hand it in again")
    audited.subject, audited.details = upload.id, {"name": name}
    try:
        await service.stores.upload_records.add(upload)
    except StoreUnavailable:
        with suppress(UnknownUpload):
            await uploads.remove(upload.id)
        raise
    return upload


@router.get("/api/uploads", dependencies=[requires(Scope.READ)])
async def list_uploads(
    service: Service,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    before: Annotated[str | None, Query(description="`before` of the previous page.")] = None,
) -> UploadPage:
    """List the files that were handed in, newest first."""
    uploads = await service.stores.upload_records.list(
        limit=limit, before=PageCursor.parse(before) if before is not None else None
    )
    next_page = str(cursor_of(uploads[-1])) if len(uploads) == limit else None
    return UploadPage(uploads=uploads, before=next_page)


@router.get(
    "/api/uploads/{upload_id}",
    dependencies=[requires(Scope.READ)],
    responses=problems(ProblemType.UNKNOWN_UPLOAD),
)
async def show_upload(upload_id: str, service: Service) -> UploadRecord:
    """Show a file that was handed in: its name, size and digest."""
    return await service.stores.upload_records.get(upload_id)


@router.delete(
    "/api/uploads/{upload_id}",
    dependencies=[requires(Scope.SUBMIT, "file.delete")],
    status_code=204,
    responses=problems(ProblemType.UNKNOWN_UPLOAD),
)
@router.delete(
    "/api/files/{upload_id}",
    dependencies=[requires(Scope.SUBMIT, "file.delete")],
    status_code=204,
    responses=problems(ProblemType.UNKNOWN_UPLOAD),
    deprecated=True,
    operation_id="delete_file",
)
async def delete_upload(upload_id: str, service: Service) -> None:
    """Delete a file that was handed in, once the goals that name it have ended."""
    had_record = await service.stores.upload_records.remove(upload_id)
    try:
        await service.stores.uploads.remove(upload_id)
    except UnknownUpload:
        if not had_record:
            raise


@router.get(f"{UPLOAD_CONTENT_PATH}/{{upload_id}}", include_in_schema=False)
async def send_content(
    upload_id: str, request: Request, authorization: Annotated[str, Header()] = ""
) -> Response:
    """Send an upload's content to a worker on another machine, which has a token for it alone."""
    # The token says who may have it: there is no other caller, of whose tenant it would be.
    state: ApiState = request.app.state.perdure
    stores = state.service.stores
    token = authorization.removeprefix("Upload ")
    record = await stores.upload_records.check_token(upload_id, token)
    uploads = stores.of(record.tenant).uploads
    try:
        path = uploads.find(record.path)
    except UnknownUpload:
        if not uploads.in_bucket:
            raise
        chunks = await streamed(stores.contents.chunks(record.digest))
        return StreamingResponse(chunks, media_type="application/octet-stream")
    return FileResponse(path, media_type="application/octet-stream")


def _digest_of(field: str) -> str | None:
    """Return the SHA-256 of a digest field as ours are written; ``None`` when there is none."""
    found = _SHA_256.search(field)
    try:
        value = base64.b64decode(found[1], validate=True) if found else b""
    except ValueError:
        return None
    return f"sha256:{value.hex()}" if len(value) == 32 else None


def _unsupported_digest(field: str) -> Response:
    response = problem(
        ProblemType.UNSUPPORTED_DIGEST,
        f"the digest {field[:100]!r} is malformed or of an unknown algorithm: send"
        " 'sha-256=:…:' with the SHA-256 in Base64",
    )
    response.headers["Want-Repr-Digest"] = "sha-256=10"
    return response
