"""Which names a run's artifacts may have."""

from pathlib import PurePosixPath
from typing import Final

from perdure.agents.steps.errors import PermanentError

ARTIFACT_NAME_CHARACTERS: Final = 500


def artifact_path(name: str) -> PurePosixPath:
    """Return an artifact's name as a path below the result's folder.

    Raises:
        PermanentError: The name is absolute, leads out of the folder, or is too long.
    """
    path = PurePosixPath(name)
    if len(name) > ARTIFACT_NAME_CHARACTERS:
        raise PermanentError(
            f"artifact name {name[:40]!r}… has {len(name)} characters: give one of at most"
            f" {ARTIFACT_NAME_CHARACTERS}"
        )
    if path.is_absolute() or not path.parts or ".." in path.parts:
        raise PermanentError(
            f"artifact name {name!r} leads out of the result's folder: give a relative path"
        )
    return path
