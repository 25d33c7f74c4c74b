"""Downloads: a part lies beside the file that it becomes, and goes on where it broke off."""

import hashlib
from dataclasses import replace
from pathlib import Path

from perdure.client.connection.errors import FileDamaged, NotFound
from perdure.client.requests import files
from perdure.client.requests.request import Request
from perdure.models import Artifact
from perdure.schemas.artifacts import ArtifactList
from perdure.schemas.problems import Problem


class Download:
    """A download of one artifact, over one connection after the other.

    Args:
        workflow_id: The run that made it.
        artifact: The file.
        to: Where to put it, or the folder.
    """

    def __init__(self, workflow_id: str, artifact: Artifact, to: Path) -> None:
        self.path = target_of(to, artifact.name)
        self._workflow_id = workflow_id
        self._artifact = artifact
        # Named by the digest: what is there is a part of this very file.
        self._part = _part_of(self.path, artifact.digest.removeprefix("sha256:")[:16])
        self._size = 0

    def is_whole(self) -> bool:
        """Return whether all of it is there, by its size."""
        self._size = self._part.stat().st_size if self._part.exists() else 0
        if self._size > self._artifact.size:
            self._size = 0
        return self._part.exists() and self._size == self._artifact.size

    def request(self) -> Request[bytes]:
        """Return the request for what is missing."""
        request = files.artifact(self._workflow_id, self._artifact.name)
        if not self._size:
            return request
        tag = f'"{self._artifact.digest}"'
        return replace(request, headers={"Range": f"bytes={self._size}-", "If-Range": tag})

    def begin(self, status: int) -> None:
        """Take note of a response: one that is not of a part is of the whole file."""
        if status != 206:
            self._size = 0
        with self._part.open("ab") as part:
            part.truncate(self._size)

    def write(self, content: bytes) -> None:
        """Add content to the part."""
        with self._part.open("ab") as part:
            part.write(content)

    def finish(self) -> Path:
        """Put the file where it belongs, and return its path.

        Raises:
            FileDamaged: It is not the file that the run made.
        """
        with self._part.open("rb") as part:
            digest = hashlib.file_digest(part, "sha256").hexdigest()
        if self._artifact.digest != f"sha256:{digest}":
            self._part.unlink()
            raise FileDamaged(
                f"{self._artifact.name} of {self._workflow_id} did not come as it was made:"
                " download it again, and see what stands between here and the server"
            )
        self._part.replace(self.path)
        return self.path


class ArchiveDownload:
    """A download of a run's archive, which begins anew when it breaks off."""

    def __init__(self, workflow_id: str, to: Path) -> None:
        self.path = target_of(to, f"{workflow_id}.zip")
        self._part = _part_of(self.path, "archive")

    def begin(self) -> None:
        """Begin with an empty file."""
        self._part.write_bytes(b"")

    def write(self, content: bytes) -> None:
        """Add content to the part."""
        with self._part.open("ab") as part:
            part.write(content)

    def finish(self) -> Path:
        """Put the file where it belongs, and return its path."""
        self._part.replace(self.path)
        return self.path


def artifact_of(workflow_id: str, name: str, listed: ArtifactList) -> Artifact:
    """Return an artifact by its name.

    Raises:
        NotFound: The run has no such file.
    """
    for artifact in listed.artifacts:
        if artifact.name == name:
            return artifact
    names = ", ".join(artifact.name for artifact in listed.artifacts) or "none"
    raise NotFound(
        Problem(
            type="urn:perdure:problem:unknown-artifact",
            title="There is no such artifact",
            status=404,
            detail=f"goal {workflow_id} has no artifact {name!r}, it has: {names}",
        )
    )


def target_of(to: Path, name: str) -> Path:
    """Return where a file goes: into a folder that is there by the last part of its name."""
    if not to.is_dir():
        return to
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    return to / (last if last not in {"", ".", ".."} else "artifact")


def _part_of(path: Path, mark: str) -> Path:
    return path.with_name(f".{path.name}.{mark}.part")
