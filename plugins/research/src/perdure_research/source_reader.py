"""Reading a source: from a file or a URL to blocks of text."""

import asyncio
import hashlib
import os
import stat
from pathlib import Path
from typing import Final

from perdure.agents import InputError
from perdure_research.content_type import TAKEN, decode, recognise
from perdure_research.facts import Block, Kind, Location, Source
from perdure_research.fetch import Fetched, fetch

MOST_FILE_BYTES: Final = 50 * 1024 * 1024
MOST_CHARACTERS: Final = 2_000_000


async def read_source(location: Location) -> Source:
    """Read one source.

    Raises:
        InputError: It is missing, unreadable, empty, too large, no text, or not what it claims.
        SourceUnreachable: A URL did not answer now, and may later.
    """
    if location.remote:
        fetched = await fetch(location.address)
    else:
        path = Path(location.address)
        content = await asyncio.to_thread(_read_file, path)
        fetched = Fetched(content=content, suffix=path.suffix.lower())
    kind = recognise(
        location.address, fetched.content, suffix=fetched.suffix, media_type=fetched.media_type
    )
    title, blocks, cut = await _split(location, kind, fetched)
    if not any(any(map(str.isalnum, block.text)) for block in blocks):
        raise InputError(_no_words(location, kind))
    text = "\n\n".join(block.text for block in blocks)
    return Source(
        location=location,
        kind=kind,
        title=title or location.name,
        digest=hashlib.sha256(" ".join(text.split()).encode()).hexdigest(),
        words=len(text.split()),
        blocks=blocks,
        cut=cut,
    )


async def _split(
    location: Location, kind: Kind, fetched: Fetched
) -> tuple[str, tuple[Block, ...], bool]:
    if kind == "pdf":
        from perdure_research.pdf import blocks_of, read_pdf

        pdf = await read_pdf(location.address, fetched.content, MOST_CHARACTERS)
        blocks = blocks_of(pdf)
        return pdf.title or _title(blocks), blocks, pdf.cut
    text = decode(fetched.content, fetched.charset)
    cut = len(text) > MOST_CHARACTERS
    title, blocks = await asyncio.to_thread(_split_text, text[:MOST_CHARACTERS], kind)
    return title, blocks, cut


def _split_text(text: str, kind: Kind) -> tuple[str, tuple[Block, ...]]:
    if kind == "html":
        from perdure_research.webpage import read_page

        return read_page(text)
    from perdure_research.plain_text import read_plain

    return read_plain(text, markdown=kind == "markdown")


def _title(blocks: tuple[Block, ...]) -> str:
    return next((block.heading[0] for block in blocks[:1] if block.heading), "")


def _no_words(location: Location, kind: Kind) -> str:
    if kind == "pdf":
        return (
            f"{location.address} is a PDF without text, perhaps scanned: make its text readable"
            " (OCR) first"
        )
    return f"{location.address} has no words in it: give {TAKEN} with words in it"


def _read_file(path: Path) -> bytes:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"{path} is not a regular file: give {TAKEN}")
        if status.st_size > MOST_FILE_BYTES:
            raise InputError(
                f"{path} is larger than {MOST_FILE_BYTES // 1024**2} MB: split it, or give a"
                " smaller file"
            )
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(
            f"there is no file or folder {path}: give a path that exists where the worker runs"
        ) from error
    except PermissionError as error:
        raise InputError(
            f"{path} may not be read: let the worker's user read it, or give another file"
        ) from error
    except (OSError, ValueError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else error
        raise InputError(f"{str(path)!r} cannot be read ({reason}): give {TAKEN}") from error
