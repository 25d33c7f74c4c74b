"""Finding what there is to read: from folders, files and URLs to a list of locations."""

import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urldefrag, urlsplit

from perdure.agents import InputError
from perdure_research.parameters import Depth
from perdure_research.reading.content_type import OFFICE_SUFFIXES
from perdure_research.sources.source import Found, Location, Unread

MOST_FILES: Final[dict[Depth, int]] = {"quick": 500, "standard": 5_000, "comprehensive": 20_000}
MOST_PAGES: Final[dict[Depth, int]] = {"quick": 25, "standard": 100, "comprehensive": 500}
READ_IN_FOLDERS: Final[frozenset[str]] = frozenset(
    {
        *(".txt", ".text", ".md", ".markdown", ".rst", ".adoc", ".org", ".html", ".htm", ".xhtml"),
        *(".pdf", ".csv", ".tsv"),
        *OFFICE_SUFFIXES,
    }
)


def require_sources(sources: list[str], providers: Sequence[str] = ()) -> None:
    """See that there is something to look for.

    Raises:
        InputError: No source is given, and nobody to search the web.
    """
    if not providers and not any(source.strip() for source in sources):
        raise InputError(
            "research has nothing to read: set the parameter sources to folders, files or URLs, or"
            " search to a provider"
        )


def find_sources(sources: list[str], depth: Depth) -> Found:
    """List what to read, in the order given; the files of a folder by name.

    Args:
        sources: Folders, files and http(s) URLs; a relative path counts from the worker's working
            directory. Hidden files and folders inside a folder are left out.
        depth: How many files and pages are listed at most.
    """
    locations: dict[str, Location] = {}
    unread: list[Unread] = []
    for source in filter(None, (given.strip() for given in sources)):
        try:
            for location in _locations(source, unread):
                if _is_text(location.address):
                    locations.setdefault(location.address, location)
                else:
                    unread.append(_unnamed(location))
        except InputError as error:
            unread.append(Unread(source=source, reason=str(error)))
    listed: list[Location] = []
    counts = {True: 0, False: 0}
    for location in locations.values():
        counts[location.remote] += 1
        most = MOST_PAGES if location.remote else MOST_FILES
        if counts[location.remote] <= most[depth]:
            listed.append(location)
    left_out = len(locations) - len(listed)
    return Found(locations=tuple(listed), unread=tuple(unread), left_out=left_out)


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
    if not folder and glob.has_magic(source) and not path.exists():
        yield from _matching(source)
        return
    if not folder:
        yield Location(name=source, address=str(path))
        return
    files = [file for file in _walk(path, unread) if file.suffix.lower() in READ_IN_FOLDERS]
    if not files:
        raise InputError(
            f"folder {path} holds no text, Markdown, HTML, PDF or Office file: give another folder,"
            " or name the files"
        )
    for file in files:
        name = Path(source) / file.relative_to(path)
        yield Location(name=name.as_posix(), address=str(file))


def _matching(pattern: str) -> Iterator[Location]:
    """Yield the files that a pattern stands for, without hidden ones, by name."""
    found = glob.glob(str(Path(pattern).expanduser()), recursive=True)  # noqa: PTH207
    files = sorted(name for name in found if Path(name).is_file())
    if not files:
        raise InputError(
            f"no file matches {pattern}: give a pattern that matches files where the worker runs"
        )
    for name in files:
        yield Location(name=name, address=str(Path(name).absolute()))


def _is_text(path: str) -> bool:
    """Say whether a file's name is text in UTF-8, as everything is that is kept of a goal."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _unnamed(location: Location) -> Unread:
    shown = location.name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return Unread(
        source=shown,
        reason=f"the name of file {shown} is no text in UTF-8: give it another name",
    )


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
