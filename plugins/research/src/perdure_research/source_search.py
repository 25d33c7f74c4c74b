"""Finding what there is to read: from folders, files and URLs to a list of locations."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urldefrag, urlsplit

from perdure.agents import InputError
from perdure_research.facts import Found, Location, Unread
from perdure_research.parameters import Depth

MOST_SOURCES: Final[dict[Depth, int]] = {"quick": 25, "standard": 200, "comprehensive": 1000}
READ_IN_FOLDERS: Final = frozenset(
    {".txt", ".text", ".md", ".markdown", ".rst", ".html", ".htm", ".xhtml", ".pdf"}
)


def require_sources(sources: list[str]) -> None:
    """See that there is something to look for.

    Raises:
        InputError: No source is given.
    """
    if not any(source.strip() for source in sources):
        raise InputError(
            "research has nothing to read: set the parameter sources to folders, files or URLs"
        )


def find_sources(sources: list[str], depth: Depth) -> Found:
    """List what to read, in the order given; the files of a folder by name.

    Args:
        sources: Folders, files and http(s) URLs; a relative path counts from the worker's working
            directory. Hidden files and folders inside a folder are left out.
        depth: How many locations are listed at most.
    """
    locations: dict[str, Location] = {}
    unread: list[Unread] = []
    for source in filter(None, (given.strip() for given in sources)):
        try:
            for location in _locations(source, unread):
                locations.setdefault(location.address, location)
        except InputError as error:
            unread.append(Unread(source=source, reason=str(error)))
    most = MOST_SOURCES[depth]
    listed = tuple(locations.values())
    return Found(locations=listed[:most], unread=tuple(unread), left_out=max(0, len(listed) - most))


def _locations(source: str, unread: list[Unread]) -> Iterator[Location]:
    if "://" in source:
        yield _url(source)
        return
    try:
        path = Path(source).expanduser().absolute()
        folder = path.is_dir()
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(
            f"{source!r} is no path ({error}): give a folder, a file or a URL"
        ) from error
    if not folder:
        yield Location(name=source, address=str(path))
        return
    files = [file for file in _walk(path, unread) if file.suffix.lower() in READ_IN_FOLDERS]
    if not files:
        raise InputError(
            f"folder {path} holds no text, Markdown, HTML or PDF file: give another folder, or name"
            " the files"
        )
    for file in files:
        name = Path(source) / file.relative_to(path)
        yield Location(name=name.as_posix(), address=str(file))


def _url(source: str) -> Location:
    address = urldefrag(source).url
    try:
        parts = urlsplit(address)
        usable = parts.scheme.lower() in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable:
        raise InputError(f"{source} is no URL that can be read: give an http or https URL")
    return Location(name=address, address=address, remote=True)


def _walk(folder: Path, unread: list[Unread]) -> Iterator[Path]:
    def refused(error: OSError) -> None:
        unread.append(
            Unread(
                source=str(error.filename),
                reason=(
                    f"folder {error.filename} cannot be listed ({error.strerror}): let the worker's"
                    " user read it, or give another folder"
                ),
            )
        )

    for parent, folders, names in os.walk(folder, onerror=refused):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                yield Path(parent) / name
