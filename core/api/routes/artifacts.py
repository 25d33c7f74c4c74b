"""Routes of artifacts: the files that a run made, one by one or all in one archive."""

import base64
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import FileResponse, StreamingResponse
from starlette.types import Message, Receive, Send
from starlette.types import Scope as Connection

from perdure.api.access.requirements import requires
from perdure.api.problems.answers import problems
from perdure.api.problems.types import ProblemType
from perdure.api.routes.dependencies import Service
from perdure.api.routes.problems import problem
from perdure.models.results import is_media_type
from perdure.schemas.access import Scope
from perdure.schemas.artifacts import ArtifactList
from perdure.stores import UnknownArtifact
from perdure.stores.artifacts.archive import zip_chunks

# What an agent made is data: a browser must not run it as part of this site.
_SAFE: Final = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox"}
_BINARY: Final[dict[str, Any]] = {"schema": {"type": "string", "format": "binary"}}
_DOWNLOAD: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "The file", "content": {"*/*": _BINARY}},
    206: {"description": "The part that `Range` asks for", "content": {"*/*": _BINARY}},
    304: {"description": "It is the file that `If-None-Match` names"},
    **problems(
        ProblemType.UNKNOWN_GOAL,
        ProblemType.UNKNOWN_ARTIFACT,
        ProblemType.MALFORMED_RANGE,
        ProblemType.RANGE_NOT_SATISFIABLE,
    ),
}
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
    files = [
        (artifact, service.stores.artifacts.path(artifact.digest)) for artifact in record.artifacts
    ]
    return StreamingResponse(
        zip_chunks(files, record.started_at),
        media_type="application/zip",
        headers={**_SAFE, "Content-Disposition": f'attachment; filename="{record.goal_id}.zip"'},
    )


@router.get("/artifacts/{name:path}", responses=_DOWNLOAD, response_class=FileResponse)
async def fetch_artifact(
    workflow_id: str,
    name: Annotated[str, Path(description="The file's name, slashes included.")],
    request: Request,
    service: Service,
) -> Response:
    """Download a file that a run made, or with `Range` a part of it.

    Its `ETag` is its digest: `If-None-Match` spares a file that is there already, and `If-Range`
    lets a download that broke off go on.
    """
    record = await service.stores.goals.get(workflow_id)
    artifact = next((found for found in record.artifacts if found.name == name), None)
    if artifact is None:
        names = ", ".join(found.name for found in record.artifacts) or "none"
        raise UnknownArtifact(f"goal {workflow_id} has no artifact {name!r}, it has: {names}")
    path = service.stores.artifacts.path(artifact.digest)
    headers = {
        **_SAFE,
        "ETag": f'"{artifact.digest}"',
        # A run that is retried may make another file of that name.
        "Cache-Control": "private, no-cache",
    }
    if _is_known(request.headers.get("if-none-match", ""), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    headers["Repr-Digest"] = repr_digest(artifact.digest)
    filename = name.rsplit("/", 1)[-1]
    known = is_media_type(artifact.media_type)  # agents gave any text, once
    media_type = artifact.media_type if known else "application/octet-stream"
    return _Download(path, headers=headers, media_type=media_type, filename=filename)


def repr_digest(digest: str) -> str:
    """Return a digest such as ``sha256:…`` as the field of RFC 9530 has it."""
    value = base64.b64encode(bytes.fromhex(digest.removeprefix("sha256:"))).decode()
    return f"sha-256=:{value}:"


def _is_known(if_none_match: str, etag: str) -> bool:
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return etag in tags or "*" in tags


class _Download(FileResponse):
    """A file, whose errors are problems as all others are."""

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
        return problem(
            ProblemType.MALFORMED_RANGE,
            "the header Range is malformed: send bytes=first-last, or none for all of the file",
        )
    size = dict(message["headers"])[b"content-range"].decode()
    response = problem(
        ProblemType.RANGE_NOT_SATISFIABLE,
        f"the range lies outside of the file, which has {size.rpartition('/')[2]} bytes: ask for"
        " a part of these",
    )
    response.headers["Content-Range"] = size
    return response
