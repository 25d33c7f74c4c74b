"""What was taken out of a file: what steps return, and what ``redaction.json`` holds."""

from typing import Final

from pydantic import Field

from perdure.agents import Artifact
from perdure_document.facts import Fact, Kind

# The kinds of files that can be redacted.
MEDIA_TYPES: Final[dict[Kind, str]] = {
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
    "markdown": "text/markdown",
    "text": "text/plain",
}


class Redaction(Fact):
    """What was taken out of one file.

    Attributes:
        counts: How often what was taken out: words, names, patterns, kinds of data.
        removed: What was left out whole because it cannot be searched, or shows older text.
        unsearched: What was kept although text in it cannot be searched, such as pictures.
        notes: What a reader must know, each a sentence.
    """

    counts: dict[str, int]
    removed: dict[str, int] = Field(default_factory=dict)
    unsearched: dict[str, int] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()


class RedactedFile(Fact):
    """A redacted file.

    Attributes:
        path: The file, as it was given.
        kind: What it is.
        artifact: The copy without what was taken out.
        redaction: What that was.
    """

    path: str
    kind: str
    artifact: Artifact
    redaction: Redaction


class RefusedFile(Fact):
    """A file that could not be redacted, and why."""

    path: str
    reason: str


class RedactionReport(Fact):
    """What was done with every file, as ``redaction.json`` tells it; the terms are not repeated."""

    files: tuple[RedactedFile, ...]
    refused: tuple[RefusedFile, ...]
