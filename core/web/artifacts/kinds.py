"""What a file is shown as, by its name and media type, and which of several is shown first."""

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Final, Literal

from perdure.models import Artifact

ArtifactKind = Literal[
    "markdown", "picture", "table", "diff", "page", "pdf", "json", "text", "none"
]

# What browsers show in an <img>, where nothing that a file contains is executed.
_PICTURES: Final = {
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "image/avif",
    "image/svg+xml",
}
_BY_SUFFIX: Final[dict[str, ArtifactKind]] = {
    ".md": "markdown",
    ".markdown": "markdown",
    ".csv": "table",
    ".tsv": "table",
    ".diff": "diff",
    ".patch": "diff",
    ".html": "page",
    ".htm": "page",
    ".pdf": "pdf",
    ".json": "json",
    ".jsonl": "text",
    ".yaml": "text",
    ".yml": "text",
    ".toml": "text",
    ".sql": "text",
    ".py": "text",
    ".log": "text",
    ".xml": "text",
}
# The report first, then what proves it.
_ORDER: Final[tuple[ArtifactKind, ...]] = (
    "markdown",
    "page",
    "diff",
    "pdf",
    "picture",
    "table",
    "text",
    "json",
    "none",
)


def kind_of(artifact: Artifact) -> ArtifactKind:
    """Return what a file is shown as; ``none`` is to download alone."""
    if artifact.media_type in _PICTURES:
        return "picture"
    suffix = PurePosixPath(artifact.name).suffix.lower()
    if suffix in _BY_SUFFIX:
        return _BY_SUFFIX[suffix]
    return "text" if artifact.media_type.startswith("text/") else "none"


def first_shown(artifacts: Sequence[Artifact]) -> Artifact | None:
    """Return the file that is shown first: the report, or what comes closest to one."""
    shown = [artifact for artifact in artifacts if kind_of(artifact) != "none"]
    return min(
        shown,
        key=lambda artifact: (
            artifact.name.count("/"),
            _ORDER.index(kind_of(artifact)),
            "report" not in artifact.name.lower(),
            artifact.name,
        ),
        default=None,
    )
