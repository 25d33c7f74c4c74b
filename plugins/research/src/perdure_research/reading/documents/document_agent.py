"""The document agent, where it is installed: which files it reads, and what it delivers of them."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import PurePath
from typing import Final

from pydantic import JsonValue

from perdure.agents import AgentFactory, Artifact, InputError, Result, UnknownAgent
from perdure_research.reading.content_type import OFFICE_SUFFIXES
from perdure_research.reading.documents.extracted import read_extracted
from perdure_research.reading.reading import Reading
from perdure_research.sources.original import Original
from perdure_research.sources.source import Fact, Unread

AGENT: Final = "document"
MOST_FILES: Final = 50
_SUFFIXES: Final = OFFICE_SUFFIXES | {".pdf"}
_MOST_CHARACTERS: Final = 2_000_000


class Extract(Fact):
    """What the document agent has delivered of a file.

    Attributes:
        markdown: The artifact with its text.
        kind: What the file is, such as ``docx``.
        title: Its title.
        notes: What is to be known of how it was read.
    """

    markdown: Artifact
    kind: str
    title: str = ""
    notes: tuple[str, ...] = ()


def is_installed() -> bool:
    """Say whether this worker has the document agent, and one that extracts text alone."""
    try:
        AgentFactory.create(AGENT, parameters_for(["a.pdf"]))
    except (UnknownAgent, InputError):
        return False
    return True


@cache
def installed_versions() -> list[str]:
    """Return what decides how documents are read: the agent, and what reads text in pictures."""
    found = []
    for name in ("perdure-document", "rapidocr"):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return found


def reads(original: Original) -> bool:
    """Say whether an original is read by the document agent where that is installed."""
    return PurePath(original.addresses[0]).suffix.lower() in _SUFFIXES


def parameters_for(paths: Sequence[str]) -> dict[str, JsonValue]:
    """Return the parameters with which the document agent extracts files."""
    return {"action": "extract", "paths": [*paths], "text_only": True}


def extracts_in(result: Result, paths: Sequence[str]) -> tuple[dict[str, Extract], list[Unread]]:
    """Return what a result has of each path, and the files that were refused.

    Args:
        result: What the document agent delivered.
        paths: The files that it was given.
    """
    artifacts = {artifact.name: artifact for artifact in result.artifacts}
    listed = result.data.get("files")
    if not isinstance(listed, list):  # of one file the data is its own
        names: list[JsonValue] = [name for name in artifacts if name.endswith(".md")]
        listed = [{**result.data, "path": paths[0], "artifacts": names}]
    extracts: dict[str, Extract] = {}
    for entry in listed:
        if isinstance(entry, Mapping) and (markdown := _markdown(entry, artifacts)):
            extracts[str(entry.get("path"))] = Extract(
                markdown=markdown,
                kind=str(entry.get("kind") or AGENT),
                title=str(entry.get("title") or ""),
                notes=_texts(entry.get("notes")),
            )
    refused = result.data.get("refused")
    unread = [
        Unread(source=str(one.get("path")), reason=str(one.get("reason")))
        for one in (refused if isinstance(refused, list) else [])
        if isinstance(one, Mapping)
    ]
    known = {*extracts, *(one.source for one in unread)}
    unread += [
        Unread(source=path, reason=f"the document agent delivered nothing of {path}")
        for path in paths
        if path not in known
    ]
    return extracts, unread


def reading_of(extract: Extract, read: Callable[[Artifact], bytes]) -> Reading:
    """Return the reading that an extract holds.

    Args:
        extract: The extract.
        read: Returns the content of an artifact.
    """
    text = read(extract.markdown).decode("utf-8", "replace")
    reading = read_extracted(text[:_MOST_CHARACTERS], extract.kind, extract.title, extract.notes)
    if not any(map(str.isalnum, reading.content.text)):
        raise InputError(
            f"{extract.title or extract.markdown.name} holds no text: give a document with text"
        )
    cut = len(text) > _MOST_CHARACTERS
    return reading.model_copy(update={"cut": cut}) if cut else reading


def _markdown(entry: Mapping[str, JsonValue], artifacts: Mapping[str, Artifact]) -> Artifact | None:
    names = _texts(entry.get("artifacts"))
    return next((artifacts[one] for one in names if one.endswith(".md") and one in artifacts), None)


def _texts(value: JsonValue) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else ()
