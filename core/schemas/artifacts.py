"""The files of a run."""

from pydantic import BaseModel

from perdure.models import Artifact


class ArtifactList(BaseModel):
    """The files that a run has made so far, sorted by name."""

    artifacts: tuple[Artifact, ...]
