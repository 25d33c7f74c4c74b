"""Requests of files: those that were handed in, and those that runs made."""

from perdure.client.requests.request import Request, get, nothing, path
from perdure.models.uploads import UploadRecord
from perdure.schemas.artifacts import ArtifactList
from perdure.schemas.uploads import UploadPage


def list_uploads(*, limit: int = 50, before: str | None = None) -> Request[UploadPage]:
    """List the files that were handed in, newest first: one page of them."""
    return get(("api", "uploads"), UploadPage, limit=limit, before=before)


def show_upload(upload_id: str) -> Request[UploadRecord]:
    """Show a file that was handed in: its name, size and digest."""
    return get(("api", "uploads", upload_id), UploadRecord)


def delete_upload(upload_id: str) -> Request[None]:
    """Delete a file that was handed in, once the goals that name it have ended."""
    return Request("DELETE", path("api", "uploads", upload_id), nothing)


def list_artifacts(workflow_id: str) -> Request[ArtifactList]:
    """List the files that a run has made: those of a run that goes on as well."""
    return get(("api", "goals", workflow_id, "artifacts"), ArtifactList)


def artifact(workflow_id: str, name: str) -> Request[bytes]:
    """Return the content of a file that a run made, all of it at once."""
    segments = ("api", "goals", workflow_id, "artifacts", *name.split("/"))
    return Request("GET", path(*segments), bytes, repeatable=True)


def archive(workflow_id: str) -> Request[bytes]:
    """Return every file of a run in one ZIP archive."""
    return Request(
        "GET", path("api", "goals", workflow_id, "artifacts.zip"), bytes, repeatable=True
    )
