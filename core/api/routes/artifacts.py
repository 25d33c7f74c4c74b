"""Routes of artifacts: the files that a run made, one by one or all in one archive."""

import asyncio
import base64
import re
from collections.abc import Mapping
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import FileResponse, RedirectResponse, StreamingResponse
from starlette.types import Message, Receive, Send
from starlette.types import Scope as Connection

from perdure.api.access.requirements import requires
from perdure.api.problems.answers import problems
from perdure.api.problems.types import ProblemType
from perdure.api.routes.dependencies import Service
from perdure.api.routes.problems import problem
from perdure.models import Artifact
from perdure.models.results import is_media_type
from perdure.schemas.access import Scope
from perdure.schemas.artifacts import ArtifactList
from perdure.stores import UnknownArtifact
from perdure.stores.artifacts.archive import zip_chunks
from perdure.stores.objects.content_store import ContentStore, streamed

# What an agent made is data: a browser must not run it as part of this site.
_SAFE: Final = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox"}
# Whoever has a signed address may read the file.
_SIGNED: Final = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
_BINARY: Final[dict[str, Any]] = {"schema": {"type": "string", "format": "binary"}}
_DOWNLOAD: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "The file", "content": {"*/*": _BINARY}},
    206: {"description": "The part that `Range` asks for", "content": {"*/*": _BINARY}},
    307: {"description": "Where it lies for five minutes, as `redirect` asks for"},
    304: {"description": "It is the file that `If-None-Match` names"},
    **problems(
        ProblemType.UNKNOWN_GOAL,
        ProblemType.UNKNOWN_ARTIFACT,
        ProblemType.MALFORMED_RANGE,
        ProblemType.RANGE_NOT_SATISFIABLE,
    ),
}
# One part; a request for several is answered with the whole, as RFC 9110 allows.
_PART: Final = re.compile(r"bytes=\s*(?:(\d+)-(\d*)|-(\d+))\s*")
_UNIT: Final = "bytes="
_ARCHIVE: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "The archive", "content": {"application/zip": _BINARY}},
    **problems(ProblemType.UNKNOWN_GOAL, ProblemType.UNKNOWN_ARTIFACT),
}

router = APIRouter(
    prefix="/api/goals/{workflow_id}", tags=["artifacts"], dependencies=[requires(Scope.READ)]
)


@router.get("/artifacts", responses=problems(ProblemType.UNKNOWN_GOAL))
async def list_artifacts(workflow_id: str, service: Service) -> ArtifactList:
    """List the files that a run has made: those of a run that goes on as well."""
    record = await service.stores.goals.get(workflow_id)
    return ArtifactList(artifacts=record.artifacts)


@router.get("/artifacts.zip", responses=_ARCHIVE, response_class=StreamingResponse)
async def fetch_archive(workflow_id: str, service: Service) -> StreamingResponse:
    """Download every file of a run in one ZIP archive, which is made while it is sent."""
    record = await service.stores.goals.get(workflow_id)
    # Found before the response begins: once it has, no status can be sent.
    contents = service.stores.contents
    await asyncio.gather(*(contents.find(artifact.digest) for artifact in record.artifacts))
    files = [(artifact, contents.chunks(artifact.digest)) for artifact in record.artifacts]
    return StreamingResponse(
        zip_chunks(files, record.started_at),
        media_type="application/zip",
        headers={**_SAFE, "Content-Disposition": f'attachment; filename="{record.goal_id}.zip"'},
    )


@router.get("/artifacts/{name:path}", responses=_DOWNLOAD, response_class=Response)
async def fetch_artifact(
    workflow_id: str,
    name: Annotated[str, Path(description="The file's name, slashes included.")],
    request: Request,
    service: Service,
    redirect: Annotated[
        bool, Query(description="Be sent to the bucket for it, where it lies in one.")
    ] = False,
) -> Response:
    """Download a file that a run made, or with `Range` a part of it.

    Its `ETag` is its digest: `If-None-Match` spares a file that is there already, and `If-Range`
    lets a download that broke off go on. With `redirect` the API does not carry the bytes: it
    answers with a signed address in the bucket, good for this file alone and for five minutes,
    where there is one; under it the file is of type `application/octet-stream` and has no name.
    """
    record = await service.stores.goals.get(workflow_id)
    artifact = next((found for found in record.artifacts if found.name == name), None)
    if artifact is None:
        names = ", ".join(found.name for found in record.artifacts) or "none"
        raise UnknownArtifact(f"goal {workflow_id} has no artifact {name!r}, it has: {names}")
    contents = service.stores.contents
    if redirect and (address := await contents.signed_url(artifact.digest)) is not None:
        await contents.find(artifact.digest)
        return RedirectResponse(address, 307, {**_SAFE, **_SIGNED})
    headers = {
        **_SAFE,
        "ETag": f'"{artifact.digest}"',
        # A run that is retried may make another file of that name.
        "Cache-Control": "private, no-cache",
    }
    if _is_known(request.headers.get("if-none-match", ""), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    headers["Repr-Digest"] = repr_digest(artifact.digest)
    known = is_media_type(artifact.media_type)  # agents gave any text, once
    media_type = artifact.media_type if known else "application/octet-stream"
    return await _download(contents, artifact, request, headers, media_type)


def repr_digest(digest: str) -> str:
    """Return a digest such as ``sha256:…`` as the field of RFC 9530 has it."""
    value = base64.b64encode(bytes.fromhex(digest.removeprefix("sha256:"))).decode()
    return f"sha-256=:{value}:"


def _is_known(if_none_match: str, etag: str) -> bool:
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return etag in tags or "*" in tags


async def _download(
    contents: ContentStore,
    artifact: Artifact,
    request: Request,
    headers: Mapping[str, str],
    media_type: str,
) -> Response:
    """Return a response that sends an artifact to be saved, or the part that is asked for.

    The last bytes of a whole file are sent only if all of it has the digest: one that was altered
    breaks off. Parts are sent as they are, and ``Repr-Digest`` says what the whole must be.

    Args:
        contents: Where it lies.
        artifact: The file.
        request: The request.
        headers: The response's headers, ``ETag`` among them.
        media_type: Its type.

    Raises:
        UnknownArtifact: It is not stored here, or altered and smaller than a chunk.
        StoreUnavailable: The place does not answer.
    """
    filename = artifact.name.rsplit("/", 1)[-1]
    asked = request.headers.get("range")
    if asked is not None and (path := contents.path(artifact.digest)) is not None:
        return _FilePart(path, headers=headers, media_type=media_type, filename=filename)
    headers = {
        **headers,
        "Accept-Ranges": "bytes",
        "Content-Disposition": _attachment(filename),
    }
    if asked is not None and not asked.startswith(_UNIT):
        return _malformed()
    whole = request.headers.get("if-range", headers["ETag"]) != headers["ETag"]
    match = _PART.fullmatch(asked) if asked is not None and not whole else None
    if match is None:
        headers["Content-Length"] = str(artifact.size)
        chunks = await streamed(contents.chunks(artifact.digest))
        return StreamingResponse(chunks, 200, headers, media_type)
    start, end = _bounds(match, artifact.size)
    if start >= end:
        return _outside(artifact.size)
    headers["Content-Length"] = str(end - start)
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{artifact.size}"
    chunks = await streamed(contents.part(artifact.digest, start, end))
    return StreamingResponse(chunks, 206, headers, media_type)


def _bounds(match: re.Match[str], size: int) -> tuple[int, int]:
    first, last, from_end = match.groups()
    if from_end is not None:
        return max(size - int(from_end), 0), size if int(from_end) else 0
    return int(first), min(int(last) + 1, size) if last else size


def _attachment(filename: str) -> str:
    quoted = quote(filename)
    if quoted != filename:
        return f"attachment; filename*=utf-8''{quoted}"
    return f'attachment; filename="{filename}"'


class _FilePart(FileResponse):
    """Parts of a file on this machine, whose errors are problems as all others are."""

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        refused = False

        async def send_or_refuse(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start" and message["status"] in {400, 416}:
                refused = True
                await _refusal(message)(scope, receive, send)
            elif not refused:
                await send(message)

        await super().__call__(scope, receive, send_or_refuse)


def _refusal(message: Message) -> Response:
    if message["status"] == 400:
        return _malformed()
    size = dict(message["headers"])[b"content-range"].decode()
    return _outside(int(size.rpartition("/")[2]))


def _malformed() -> Response:
    return problem(
        ProblemType.MALFORMED_RANGE,
        "the header Range is malformed: send bytes=first-last, or none for all of the file",
    )


def _outside(size: int) -> Response:
    response = problem(
        ProblemType.RANGE_NOT_SATISFIABLE,
        f"the range lies outside of the file, which has {size} bytes: ask for a part of these",
    )
    response.headers["Content-Range"] = f"bytes */{size}"
    return response
